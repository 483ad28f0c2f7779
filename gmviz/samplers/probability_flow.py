"""The probability flow by an adaptive Runge-Kutta method (Dormand & Prince 1980, from torchdiffeq)."""

from dataclasses import dataclass, field

import torch
import torchdiffeq
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.knobs import knob
from gmviz.samplers.base import TRIED, Film, Level, Sampler, State, Stop, Trajectory, kept, turned
from gmviz.samplers.flow import velocity
from gmviz.samplers.grids import UniformTime
from gmviz.samplers.scheduled import level_of, times_of
from gmviz.schedules import VP, Schedule
from gmviz.score_models import ScoreModel

MOST_EVALUATIONS = 5000


@dataclass(frozen=True)
class ProbabilityFlow(Sampler):
    """dx/dt = f x − ½ g² s from t = 1 to the schedule's stop, relative and absolute error below `tolerance`.

    The error is a root mean square over all particles, so one particle's path depends, within the tolerance,
    on the others. States between the ends are interpolated. Song et al. 2021, eq. 13.
    """

    schedule: Schedule = VP()
    tolerance: float = knob(1e-5, 1e-12, 0.1, 1e-6, label="tolerance", log=True)
    intervals: int = knob(50, 1, 10000, 1, label="intervals shown", log=True)

    label = "flow, adaptive"
    name = "probability_flow"
    reference = "Song et al. 2021, eq. 13; Dormand & Prince 1980"
    draws = 0

    def times(self) -> Float[Tensor, "T"]:
        return times_of(self.schedule, UniformTime(), self.intervals)

    def level(self, t: float) -> Level:
        return level_of(self.schedule, t)

    def step(
        self, model: ScoreModel, state: State, t: float, s: float, z: Float[Tensor, "draws n d"]
    ) -> State:
        field = _Field(model, self.schedule)
        x = self._solve(field, state.x, torch.tensor([t, s], dtype=torch.float64))[-1]
        return State(x, evaluations=state.evaluations + field.calls)

    def walk(
        self, model: ScoreModel, x: Tensor, generator: torch.Generator, frames: int | None
    ) -> tuple[Trajectory, Tensor | None]:
        """One solve over all times; a state's evaluations are those of the steps that reached past it."""
        times, film, field = self.times(), Film(), _Field(model, self.schedule)
        times = times[sorted(kept(len(times), frames))]
        try:
            states = self._solve(field, x, times)
        except _Halt as halt:
            for t, state, calls in field.accepted:
                film.add(self.level(t), State(state, evaluations=calls))
            stop = Stop(len(field.accepted), field.accepted[-1][0], str(halt))
            return film.develop(stop), x[:TRIED] if halt.tolerance_helps else None
        for t, state in zip(times.tolist(), states, strict=True):
            film.add(self.level(t), State(state, evaluations=field.calls_at(t)))
        return film.develop(None), None

    def _solve(self, field: "_Field", x: Tensor, times: Tensor) -> Tensor:
        return torchdiffeq.odeint(
            field,
            x,
            times.to(x.device),
            rtol=self.tolerance,
            atol=self.tolerance,
            method="dopri5",
            options={"step_t": times[-1:].to(x.device)},  # lands on the end instead of stepping past it
        )

    @property
    def cost(self) -> int | None:
        return None

    def within(self, budget: int) -> "ProbabilityFlow":
        """The sampler as it is: its evaluations follow from the tolerance."""
        require(budget >= 1, "budget", "at least 1 evaluation", budget)
        return self

    def gentler(self) -> "ProbabilityFlow | None":
        return turned(self, "tolerance", 10)

    @property
    def setting(self) -> str:
        return f"a tolerance of {self.tolerance:.1g}"


class _Halt(Exception):  # noqa: N818 it ends a solve, it is not an error of the program
    def __init__(self, reason: str, tolerance_helps: bool) -> None:
        super().__init__(reason)
        self.tolerance_helps = tolerance_helps


@dataclass
class _Field:
    """dx/dt for the solver, which also tells it about every step that it accepts."""

    model: ScoreModel
    schedule: Schedule
    calls: int = 0
    accepted: list[tuple[float, Tensor, int]] = field(default_factory=list)

    def __call__(self, t: Tensor, x: Tensor) -> Tensor:
        if not self.accepted:
            self.accepted.append((t.item(), x, 0))
        if self.calls == MOST_EVALUATIONS:
            raise _Halt(f"{MOST_EVALUATIONS} evaluations did not reach the end", tolerance_helps=True)
        self.calls += 1
        # In search of its first step the solver may look past the end of time.
        dx = velocity(self.model, self.schedule, x, min(max(t.item(), self.schedule.stop), 1.0))
        if not bool(dx.isfinite().all()):
            raise _Halt(f"the score is not finite at t = {t.item():.3g}", tolerance_helps=False)
        return dx

    def callback_accept_step(self, t: Tensor, x: Tensor, dt: Tensor) -> None:
        """Called by the solver with the start of a step and its length, the evaluations already made."""
        # A time axis that runs down is turned round inside the solver: dt stays positive.
        self.accepted[-1] = (t.item(), x, self.accepted[-1][2])
        self.accepted.append((t.item() - dt.item(), x, self.calls))

    def calls_at(self, t: float) -> int:
        """The evaluations spent when the solver had passed time t."""
        return next((calls for reached, _, calls in self.accepted if reached <= t + 1e-12), self.calls)
