"""Samplers that go down a schedule from t = 1, where there is almost only noise."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.knobs import knob
from gmviz.samplers.base import CLEAN, Level, Sampler, State, turned
from gmviz.samplers.grids import TimeGrid, UniformTime
from gmviz.schedules import VP, Schedule
from gmviz.score_models import ScoreModel


@lru_cache(maxsize=65536)
def level_of(schedule: Schedule, t: float) -> Level:
    """α and σ of a schedule at time t, as numbers."""
    return Level(t, schedule.alpha(t).item(), schedule.sigma(t).item())


@lru_cache(maxsize=1024)
def times_of(schedule: Schedule, grid: TimeGrid, steps: int) -> Float[Tensor, "T"]:
    """The grid's times, computed once per setting."""
    return grid.times(schedule, steps)


@dataclass(frozen=True)
class Scheduled(Sampler):
    """`steps` transitions from t = 1 to the schedule's stop, each of `calls` evaluations."""

    schedule: Schedule = VP()
    grid: TimeGrid = UniformTime()
    steps: int = knob(50, 2, 10000, 1, label="steps", log=True)

    calls: ClassVar[int] = 1

    def times(self) -> Float[Tensor, "T"]:
        return times_of(self.schedule, self.grid, self.steps)

    def level(self, t: float) -> Level:
        return level_of(self.schedule, t)

    @property
    def cost(self) -> int | None:
        return self.calls * self.steps

    def within(self, budget: int) -> "Scheduled":
        require(budget >= 2 * self.calls, "budget", f"at least {2 * self.calls} evaluations", budget)
        return replace(self, steps=budget // self.calls)

    def gentler(self) -> "Scheduled | None":
        return turned(self, "steps", 2)

    @property
    def setting(self) -> str:
        return f"{self.steps} steps"


@dataclass(frozen=True)
class EndsOnMean(Scheduled):
    """Ends on the mean of its last step, without that step's noise (Song et al. 2021, appendix G)."""

    def finish(self, model: ScoreModel, state: State) -> State:
        return State(state.x if state.mean is None else state.mean, evaluations=state.evaluations)


@dataclass(frozen=True)
class EndsClean(Scheduled):
    """`steps` nodes from t = 1 to the schedule's stop; from the last one it jumps to σ = 0, onto E[x₀ | x].

    That jump is the method's own last step: to σ = 0 each of them becomes x̂₀ = (x + σ²s)/α.
    """

    def times(self) -> Float[Tensor, "T"]:
        return times_of(self.schedule, self.grid, self.steps - 1)

    def finish(self, model: ScoreModel, state: State) -> State:
        last = self.level(self.schedule.stop)
        clean = model.denoised(state.x, last.alpha, last.sigma)
        return State(clean, evaluations=state.evaluations + 1)

    @property
    def last_level(self) -> Level:
        return CLEAN

    @property
    def cost(self) -> int | None:
        return self.calls * (self.steps - 1) + 1

    def within(self, budget: int) -> "Scheduled":
        require(budget >= self.calls + 1, "budget", f"at least {self.calls + 1} evaluations", budget)
        return replace(self, steps=(budget - 1) // self.calls + 1)
