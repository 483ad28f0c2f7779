"""Where to spend the steps: descending times from 1 to the schedule's stop."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.knobs import check_knobs, knob
from gmviz.schedules import Schedule


@dataclass(frozen=True)
class TimeGrid(ABC):
    """A way to place times."""

    label: ClassVar[str]
    name: ClassVar[str]

    def __post_init__(self) -> None:
        check_knobs(self)

    def times(self, schedule: Schedule, steps: int) -> Float[Tensor, "T"]:
        """steps + 1 descending times from 1 to `schedule.stop`, the ends exact."""
        require(steps >= 1, "steps", "at least 1", steps)
        inside = self._between(schedule, torch.linspace(0, 1, steps + 1, dtype=torch.float64)[1:-1])
        return torch.cat([inside.new_tensor([1.0]), inside, inside.new_tensor([schedule.stop])])

    @abstractmethod
    def _between(self, schedule: Schedule, share: Tensor) -> Tensor:
        """The time at which `share` of the way is done."""


@dataclass(frozen=True)
class UniformTime(TimeGrid):
    """Equal steps of t."""

    label = "uniform in t"
    name = "time"

    def _between(self, schedule: Schedule, share: Tensor) -> Tensor:
        return 1 + share * (schedule.stop - 1)


@dataclass(frozen=True)
class UniformLogSNR(TimeGrid):
    """Equal steps of λ = log(α/σ) (Lu et al. 2022)."""

    label = "uniform in log-SNR"
    name = "log-SNR"

    def _between(self, schedule: Schedule, share: Tensor) -> Tensor:
        first, last = schedule.log_snr(1.0), schedule.log_snr(schedule.stop)
        return schedule.time_at(first + share * (last - first))


@dataclass(frozen=True)
class Karras(TimeGrid):
    """Equal steps of τ^(1/ρ), τ = σ/α (Karras et al. 2022, eq. 5)."""

    rho: float = knob(7.0, 1.0, 100.0, 0.5, label="ρ")

    label = "Karras"
    name = "Karras"

    def _between(self, schedule: Schedule, share: Tensor) -> Tensor:
        first, last = (schedule.tau(t) ** (1 / self.rho) for t in (1.0, schedule.stop))
        return schedule.time_at(-self.rho * (first + share * (last - first)).log())


GRIDS: tuple[TimeGrid, ...] = (UniformTime(), UniformLogSNR(), Karras())
