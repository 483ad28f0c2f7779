"""Where training points come from: a law with endless fresh samples, or a finite table with some held out."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.densities import Density, KernelDensity


@dataclass(frozen=True, eq=False)
class Source(ABC):
    """Clean points to train on; `truth` is their law where it is known."""

    @property
    @abstractmethod
    def truth(self) -> Density | None:
        """The law of the points, or None."""

    @property
    @abstractmethod
    def law(self) -> Density:
        """The truth, or a kernel density in its place: it says where the points live."""

    @abstractmethod
    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        """n training points."""

    @property
    def held_out(self) -> Float[Tensor, "n d"] | None:
        """Points that are never trained on, or None where all are fresh anyway."""
        return None

    @property
    def size(self) -> int | None:
        """The number of training points; None where there is no end of them."""
        return None

    def scale(self, sigma: float) -> tuple[Float[Tensor, "d"], float]:
        """Centre and spread (mean standard deviation per dimension) of the points with noise σ."""
        variance = self.law.covariance().diagonal().mean().item() + sigma**2
        return self.law.mean(), variance**0.5


@dataclass(frozen=True, eq=False)
class Fresh(Source):
    """New samples of a density in every batch: nothing to overfit."""

    density: Density

    @property
    def truth(self) -> Density:
        return self.density

    @property
    def law(self) -> Density:
        return self.density

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        return self.density.sample(n, generator)


@dataclass(frozen=True, eq=False)
class Points(Source):
    """A finite table (N, d), batches drawn with replacement; a fifth is held out, every fifth point.

    `density` is their law, if it is known. Raises `ValueError` for fewer than 20 points and for values that
    are not finite.
    """

    points: Float[Tensor, "N d"]
    density: Density | None = None

    def __post_init__(self) -> None:
        require(len(self.points) >= 20, "points", "at least 20", len(self.points))
        require(bool(self.points.isfinite().all()), "points", "finite", "NaN or infinity")

    @property
    def truth(self) -> Density | None:
        return self.density

    @cached_property
    def law(self) -> Density:
        spread = self.points.var(dim=0).mean().sqrt().item()
        require(spread > 0, "points", "not all the same", "one repeated point")
        return KernelDensity(self.points.double(), spread / 10)

    @cached_property
    def training(self) -> Float[Tensor, "n d"]:
        """The points that are trained on."""
        return self.points[torch.arange(len(self.points)) % 5 != 4]

    @cached_property
    def held_out(self) -> Float[Tensor, "n d"]:
        return self.points[4::5]

    @property
    def size(self) -> int:
        return len(self.training)

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        return self.training[torch.randint(len(self.training), (n,), generator=generator)]
