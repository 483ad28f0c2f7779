"""KL and Fisher at many noise levels in one batched call, and their areas along a path of noise.

The laws of αx₀ + σz are measured at the scale s, s² = α² + σ²/c with c the smallest variance of the clean
pair: there no law is finer or wider than a clean one, so that one grid serves all levels. KL has no unit;
Fisher is divided by s².
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.densities import Density
from gmviz.divergences import fisher, kl, measure
from gmviz.legendre import LegendreSeries
from gmviz.quadrature import Estimate, Grid
from gmviz.schedules import VE, VP, Schedule

REACH = 7.0  # standard deviations integrated around every centre: 3e-12 of the mass lies outside
NODES = 10_000


@dataclass(frozen=True)
class NoisePath(ABC):
    """How noise grows along a parameter u from 0 to `stop`, in which Fisher is smooth."""

    schedule: Schedule

    @property
    @abstractmethod
    def stop(self) -> float:
        """The last u."""

    @abstractmethod
    def levels(self, u: Float[Tensor, "..."]) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        """α and σ."""

    @abstractmethod
    def growth(self, u: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """g² dt/du: KL falls by ∫ growth · Fisher du."""

    @abstractmethod
    def place(self, t: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The u of a time t of the schedule."""

    @abstractmethod
    def time(self, u: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The time t in [0, 1] of u; 0 for noise below the schedule's first."""


@dataclass(frozen=True)
class VariancePath(NoisePath):
    """x₀ + σz with u = ln(1 + σ²/c), from σ = 0 to the schedule's largest; c is a variance of the pair."""

    schedule: VE
    c: float

    @property
    def stop(self) -> float:
        return math.log1p(self.schedule.sigma_max**2 / self.c)

    def levels(self, u: Float[Tensor, "..."]) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        return torch.ones_like(u), (self.c * u.expm1()).sqrt()

    def growth(self, u: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return self.c * u.exp()

    def place(self, t: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return (self.schedule.sigma(t).square() / self.c).log1p()

    def time(self, u: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        sigma = self.levels(u)[1].clamp(min=self.schedule.sigma_min)
        return self.schedule.time_at(-sigma.log()).clamp(0.0, 1.0)


@dataclass(frozen=True)
class TimePath(NoisePath):
    """The variance-preserving schedule, u = t."""

    schedule: VP

    @property
    def stop(self) -> float:
        return 1.0

    def levels(self, u: Float[Tensor, "..."]) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        return self.schedule.alpha(u), self.schedule.sigma(u)

    def growth(self, u: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return self.schedule.diffusion(u).square()

    def place(self, t: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return t

    def time(self, u: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return u


@dataclass(frozen=True)
class Levels:
    """The laws of (αx₀ + σz)/s for T levels, the scales s (T,), and the grid that serves them all."""

    p: Density
    q: Density
    scale: Float[Tensor, "T"]
    grid: Grid

    @staticmethod
    def of(p: Density, q: Density, alpha: Float[Tensor, "T"], sigma: Float[Tensor, "T"]) -> "Levels":
        """Both laws at the levels α, σ; p and q are single smooth densities."""
        require(bool(((alpha > 0) | (sigma > 0)).all()), "alpha, sigma", "not both 0", "0 and 0")
        s = (alpha.square() + sigma.square() / smallest_variance(p, q)).sqrt()
        grid = Grid.covering(p, q, reach=REACH, comfortable=NODES)
        return Levels(p.diffused(alpha / s, sigma / s), q.diffused(alpha / s, sigma / s), s, grid)

    def kl(self) -> Estimate:
        """KL at every level, in nats."""
        return measure(self.p, self.q, (kl,), self.grid)[0]

    def fisher(self) -> Estimate:
        """Fisher at every level, 1/length²."""
        (scaled,) = measure(self.p, self.q, (fisher,), self.grid)
        return Estimate(scaled.value / self.scale.square(), scaled.error / self.scale.square())


def smallest_variance(p: Density, q: Density) -> float:
    """The smallest variance of the pair in any direction."""
    return min(p.smallest_sd(), q.smallest_sd()) ** 2


@dataclass(frozen=True)
class Hump:
    """Fisher along a path as a series in u, and the areas under it with any weight."""

    path: NoisePath
    series: LegendreSeries

    @staticmethod
    def of(p: Density, q: Density, path: NoisePath, nodes: int) -> "Hump":
        """Fisher at the Gauss-Legendre nodes of the path."""
        u = LegendreSeries.nodes(nodes, 0.0, path.stop)
        fisher_u = Levels.of(p, q, *path.levels(u)).fisher().value
        return Hump(path, LegendreSeries(fisher_u, 0.0, path.stop))

    def __call__(self, u: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Fisher at u, 1/length²."""
        return self.series(u)

    @cached_property
    def _removed(self) -> LegendreSeries:
        u = LegendreSeries.nodes(len(self.series.values), 0.0, self.path.stop)
        return LegendreSeries(self.path.growth(u) * self.series.values, 0.0, self.path.stop)

    def removed(self, u: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """∫ g² Fisher dt from no noise to u: the KL, in nats, that the noise has removed (de Bruijn)."""
        return self._removed.integral(u)

    def weighted(self, weight: Float[Tensor, "n"]) -> LegendreSeries:
        """λ Fisher in the schedule's time, for λ at the n Gauss-Legendre nodes of [0, 1]."""
        t = LegendreSeries.nodes(len(weight), 0.0, 1.0)
        return LegendreSeries(weight * self(self.path.place(t)), 0.0, 1.0)
