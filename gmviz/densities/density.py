"""What every density can do."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor


class Density(ABC):
    """A law on R^d. Points x are (..., n, d); batched parameters (...) broadcast against them.

    So T parameter values on one set of points (n, d) are one call, with results (T, n).
    """

    @property
    @abstractmethod
    def dimension(self) -> int:
        """d."""

    @abstractmethod
    def log_prob(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n"]:
        """log p(x), in nats."""

    @abstractmethod
    def value_and_score(
        self, x: Float[Tensor, "... n d"]
    ) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        """log p(x) (..., n) and ∇log p(x) (..., n, d) from one pass."""

    @abstractmethod
    def hessian(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n d d"]:
        """∇²log p(x), per squared length."""

    @abstractmethod
    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "... n d"]:
        """n independent points of the law (of each law of the batch)."""

    @abstractmethod
    def diffused(self, alpha: float | Tensor, sigma: float | Tensor) -> "Density":
        """The law of αx₀ + σz, z ~ N(0, I); α and σ are numbers or batches (...), σ ≥ 0."""

    @abstractmethod
    def mean(self) -> Float[Tensor, "... d"]:
        """E[x]."""

    @abstractmethod
    def covariance(self) -> Float[Tensor, "... d d"]:
        """Cov[x]."""

    @abstractmethod
    def bounds(self, reach: float = 10.0) -> Float[Tensor, "d 2"]:
        """The box that holds every centre ± `reach` standard deviations, over the whole batch."""

    @abstractmethod
    def smallest_sd(self) -> float:
        """The finest length scale of the density in any direction."""

    @abstractmethod
    def resolution(self) -> Float[Tensor, "d"]:
        """The finest scale along each axis, in float64: a quadrature step is at most a third of it."""

    @abstractmethod
    def to(self, dtype: torch.dtype) -> "Density":
        """The same law with parameters of another floating type."""

    def score(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n d"]:
        """∇log p(x), per length."""
        return self.value_and_score(x)[1]

    def noised(self, sigma: float | Tensor) -> "Density":
        """The law of x₀ + σz."""
        return self.diffused(1.0, sigma)

    def edges(self) -> tuple[Float[Tensor, "m"], ...]:
        """For each axis the coordinates at which the density jumps: none for a smooth one."""
        return (torch.empty(0, dtype=torch.float64),) * self.dimension
