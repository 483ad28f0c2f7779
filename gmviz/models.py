"""What an objective may ask of a model q, and exact densities in the place of one.

A model always has a score field s(x); one that is a density has log q as well, and its score is a gradient.
"""

from abc import ABC, abstractmethod
from enum import Enum
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.densities import Density


class Need(Enum):
    """What an objective needs; the value says it in words."""

    SCORE = "a score"
    LOG_DENSITY = "a log-density (an energy model)"
    TRUTH = "the true density"


class Model(ABC):
    """A learnt or exact law q on the plane (or line, or space), seen through its derivatives.

    Points x are (..., n, d), directions v are (m, ..., n, d); leading axes are independent models.
    """

    label: str
    provides: frozenset[Need]

    @property
    @abstractmethod
    def dimension(self) -> int:
        """d."""

    @abstractmethod
    def jet(
        self, x: Float[Tensor, "... n d"], directions: Float[Tensor, "m ..."]
    ) -> tuple[Float[Tensor, "... n d"], Float[Tensor, "m ..."]]:
        """s(x) and J(x) v for every direction, where J_ij = ∂s_i/∂x_j."""

    def score(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n d"]:
        """s(x), which is ∇log q where the model is a density."""
        return self.jet(x, x.new_empty(0, *x.shape))[0]

    def potential(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n"]:
        """log q(x) up to an additive constant; only models that provide a log-density have it."""
        raise TypeError(f"{self.label} has no log-density")

    def log_prob(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n"]:
        """log q(x), normalised; only models that provide a log-density have it."""
        raise TypeError(f"{self.label} has no log-density")

    def jacobian(
        self, x: Float[Tensor, "... n d"]
    ) -> tuple[Float[Tensor, "... n d"], Float[Tensor, "... n d d"]]:
        """s(x) and the matrix J(x)."""
        score, columns = self.jet(x, axes_like(x))
        return score, columns.movedim(0, -1)

    def divergence(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n"]:
        """div s = tr J(x)."""
        return self.jacobian(x)[1].diagonal(dim1=-2, dim2=-1).sum(-1)

    def curl(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n"]:
        """(½ Σ_ij (J_ij − J_ji)²)^½, in the plane |∂₁s₂ − ∂₂s₁|: zero for gradients."""
        matrix = self.jacobian(x)[1]
        return (matrix - matrix.mT).square().sum((-2, -1)).div(2).sqrt()


def axes_like(x: Float[Tensor, "... n d"]) -> Float[Tensor, "d ... n d"]:
    """The d coordinate directions at every point."""
    d = x.shape[-1]
    return _axes(d, x.dtype, x.device).view(d, *[1] * (x.dim() - 1), d).expand(d, *x.shape)


@lru_cache(maxsize=16)
def _axes(d: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.eye(d, dtype=dtype, device=device)


class ExactScore(Model):
    """The exact score of a density, and nothing else: the score network that has learnt everything."""

    label = "exact score"
    provides = frozenset({Need.SCORE})

    def __init__(self, density: Density) -> None:
        self.density = density

    @property
    def dimension(self) -> int:
        return self.density.dimension

    def score(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n d"]:
        return self.density.score(x)

    def jet(
        self, x: Float[Tensor, "... n d"], directions: Float[Tensor, "m ..."]
    ) -> tuple[Float[Tensor, "... n d"], Float[Tensor, "m ..."]]:
        """∇log q and its Jacobian, the Hessian of log q, along the directions."""
        hessian = self.density.hessian(x)
        return self.density.score(x), torch.einsum("...ij,m...j->m...i", hessian, directions)


class ExactDensity(ExactScore):
    """An exact density as a model: score and log-density."""

    label = "exact density"
    provides = frozenset({Need.SCORE, Need.LOG_DENSITY})

    def potential(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n"]:
        return self.density.log_prob(x)

    def log_prob(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n"]:
        return self.density.log_prob(x)
