"""What every objective is: a loss per sample whose mean, plus a known constant, is a divergence.

Points are x̃ = x + σz, so every objective compares the model q with the noised law p_σ.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.densities import Density
from gmviz.divergences import Divergence, fisher
from gmviz.knobs import check_knobs, choice, knob
from gmviz.models import Model, Need
from gmviz.objectives.probes import PROBES, RADEMACHER, Probes
from gmviz.quadrature import Estimate, Grid


@dataclass(frozen=True)
class Draw:
    """The random numbers of one batch: noise z (..., n, d) and probes v (m, ..., n, d)."""

    noise: Float[Tensor, "..."]
    probes: Float[Tensor, "..."]


@dataclass(frozen=True)
class Work:
    """What one sample costs: evaluations of the network, tangents carried along, and the order of the highest
    derivative in x of the network's output (training adds one in the parameters)."""

    evaluations: int
    tangents: int
    order: int


@dataclass(frozen=True)
class Objective(ABC):
    """A loss per sample with E[losses] + offset = `estimates`(p_σ, q)."""

    sigma: float = knob(0.2, 0.0, 5.0, 0.01, label="noise σ", unit="length", help="0 leaves the data clean")

    name: ClassVar[str]
    label: ClassVar[str]
    formula: ClassVar[str]
    reference: ClassVar[str]
    needs: ClassVar[frozenset[Need]]
    estimates: ClassVar[Divergence] = fisher

    def __post_init__(self) -> None:
        check_knobs(self)

    @abstractmethod
    def losses(
        self, model: Model, x: Float[Tensor, "*models n d"], draw: Draw, truth: Density | None = None
    ) -> Float[Tensor, "*models n"]:
        """One loss per clean point x; nothing is changed, and all randomness is in `draw`."""

    @abstractmethod
    def offset(self, truth: Density) -> Estimate:
        """The constant with which the mean loss is the divergence, for the clean law `truth`."""

    @abstractmethod
    def work(self, provides: frozenset[Need], dimension: int) -> Work:
        """The cost on a model that provides a score, or a score and a log-density."""

    def draw(self, x: Float[Tensor, "*models n d"], generator: torch.Generator) -> Draw:
        """Fresh noise, and probes where the objective has any, for a batch of points."""
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        return Draw(noise, x.new_empty(0, *x.shape))

    def refusal(self, provides: frozenset[Need], truth: Density | None) -> str | None:
        """Why the objective cannot run on a model and data, in one sentence; None if it can."""
        if Need.LOG_DENSITY in self.needs - provides:
            return f"{self.label} needs log q: choose an energy network"
        if Need.TRUTH in self.needs and truth is None:
            return f"{self.label} needs the true density, which uploaded points do not have"
        if Need.TRUTH in self.needs and truth is not None and self.sigma == 0 and has_edges(truth):
            return f"{self.label} needs a smooth density: these data have hard edges, set σ above 0"
        return None

    def check(self, model: Model, truth: Density | None) -> None:
        """Raise a `ValueError` with the reason if the objective cannot run."""
        reason = self.refusal(model.provides, truth)
        if reason is not None:
            raise ValueError(reason)

    def noisy(self, x: Tensor, draw: Draw) -> Tensor:
        """x̃ = x + σz."""
        return x + self.sigma * draw.noise


@dataclass(frozen=True)
class Sliced(Objective):
    """An objective that looks along random directions of unit covariance."""

    slices: int = knob(1, 1, 16, 1, label="slices", help="directions per point")
    probes: Probes = choice(RADEMACHER, PROBES, label="probes")

    def draw(self, x: Float[Tensor, "*models n d"], generator: torch.Generator) -> Draw:
        noise = super().draw(x, generator).noise
        return Draw(noise, self.probes.draw((self.slices, *x.shape), generator, x.dtype))


def has_edges(density: Density) -> bool:
    """Whether the density jumps somewhere."""
    return any(len(axis) > 0 for axis in density.edges())


@lru_cache(maxsize=32)
def noised(truth: Density, sigma: float, dtype: torch.dtype = torch.float64) -> Density:
    """p_σ in the precision of the points, made once."""
    return (truth.noised(sigma) if sigma > 0 else truth).to(dtype)


@lru_cache(maxsize=64)
def information(truth: Density, sigma: float) -> Estimate:
    """½ J(p_σ) = ½ E‖∇log p_σ‖², by quadrature."""
    p = noised(truth, sigma)

    def integrand(x: Tensor) -> Tensor:
        log_p, score = p.value_and_score(x)
        return log_p.exp() * score.square().sum(-1) / 2

    return Grid.covering(p).integral(integrand, 16 * (1 + truth.dimension))


@lru_cache(maxsize=64)
def negative_entropy(truth: Density, sigma: float) -> Estimate:
    """E log p_σ, in nats, by quadrature."""
    p = noised(truth, sigma)

    def integrand(x: Tensor) -> Tensor:
        log_p = p.log_prob(x)
        return torch.where(log_p.isfinite(), log_p.exp() * log_p, torch.zeros_like(log_p))

    return Grid.covering(p).integral(integrand)


def no_offset() -> Estimate:
    """The loss is the divergence as it stands."""
    return Estimate(torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64))


def at_several(function: Callable[[Tensor], Tensor], points: Float[Tensor, "k ..."]) -> Tensor:
    """function at k sets of points (k, *models, n, d) in one pass: (k, *models, n) or (k, *models, n, d)."""
    n = points.shape[-2]
    values = function(points.movedim(0, -3).flatten(-3, -2))
    axis = points.dim() - 3
    return values.unflatten(axis, (len(points), n)).movedim(axis, 0)
