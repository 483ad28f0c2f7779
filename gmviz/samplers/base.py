"""What every sampler is: a pure step, repeated over a list of times, with its evaluations counted."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, ClassVar, TypeVar, cast

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.knobs import check_knobs, controls_of
from gmviz.score_models import ScoreModel

RUNAWAY = 1e6  # a particle this many times farther out than any was at the start has diverged
TRIALS = 12  # halvings tried in search of a setting that works
TRIED = 256  # particles, the worst ones, on which it is tried


@dataclass(frozen=True)
class State:
    """Particles x (n, d), what a method remembers of earlier steps, and the evaluations spent per particle.

    `mean` is x without the noise of its last step, for the samplers that end on it.
    """

    x: Float[Tensor, "n d"]
    memory: tuple[Tensor, ...] = ()
    evaluations: int = 0
    mean: Float[Tensor, "n d"] | None = None


@dataclass(frozen=True)
class Level:
    """The noise level at which a state stands: x ~ αx₀ + σz at the sampler's own time."""

    time: float
    alpha: float
    sigma: float


S = TypeVar("S")  # a frozen dataclass with knobs

CLEAN = Level(0.0, 1.0, 0.0)


@dataclass(frozen=True)
class Stop:
    """Why a run ended early, at which step and time, and a sampler that does not (None if none was found)."""

    step: int
    time: float
    reason: str
    remedy: "Sampler | None" = None

    @property
    def message(self) -> str:
        """One sentence for the reader."""
        advice = f"; {self.remedy.setting} works" if self.remedy is not None else ""
        return f"Stopped at step {self.step} (t = {self.time:.3g}): {self.reason}{advice}."


@dataclass(frozen=True)
class Trajectory:
    """The states kept of a run (T, n, d), with the time, noise level and evaluations spent at each (T,)."""

    times: Float[Tensor, "T"]
    alphas: Float[Tensor, "T"]
    sigmas: Float[Tensor, "T"]
    states: Float[Tensor, "T n d"]
    evaluations: Tensor
    stopped: Stop | None = None

    @property
    def final(self) -> Float[Tensor, "n d"]:
        """The last state."""
        return self.states[-1]


@dataclass
class Film:
    """The states kept of a run, while it lasts."""

    levels: list[Level] = field(default_factory=list)
    states: list[Tensor] = field(default_factory=list)
    evaluations: list[int] = field(default_factory=list)

    def add(self, level: Level, state: State) -> None:
        """Keep a state."""
        self.levels.append(level)
        self.states.append(state.x)
        self.evaluations.append(state.evaluations)

    def develop(self, stopped: Stop | None) -> Trajectory:
        """All that was kept, as one trajectory."""
        columns = torch.tensor(
            [(level.time, level.alpha, level.sigma) for level in self.levels], dtype=torch.float64
        )
        times, alphas, sigmas = columns.unbind(-1)
        states, evaluations = torch.stack(self.states), torch.tensor(self.evaluations)
        return Trajectory(times, alphas, sigmas, states, evaluations, stopped)


@dataclass(frozen=True)
class Sampler(ABC):
    """Particles are moved by `step` along `times()`; `z` (draws, n, d) is all the randomness of a step.

    z = 0 leaves the deterministic part. One evaluation is one call of the score on all particles.
    """

    label: ClassVar[str]
    name: ClassVar[str]
    reference: ClassVar[str]
    needs_log_prob: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_knobs(self)

    @property
    @abstractmethod
    def draws(self) -> int:
        """Normal tensors (n, d) that a step consumes."""

    @abstractmethod
    def times(self) -> Float[Tensor, "T"]:
        """The sampler's own clock at every state, first to last."""

    @abstractmethod
    def level(self, t: float) -> Level:
        """The noise level at time t of that clock."""

    @abstractmethod
    def step(
        self, model: ScoreModel, state: State, t: float, s: float, z: Float[Tensor, "draws n d"]
    ) -> State:
        """The state at time s from the state at time t; the arguments are left as they are."""

    def finish(self, model: ScoreModel, state: State) -> State:
        """What the method does after the last step: nothing, unless it says so."""
        return state

    @property
    def last_level(self) -> Level:
        """The noise level of a finished state."""
        return self.level(self.times()[-1].item())

    @property
    @abstractmethod
    def cost(self) -> int | None:
        """Evaluations per particle of a whole run; None where they depend on the data."""

    @abstractmethod
    def within(self, budget: int) -> "Sampler":
        """The same sampler with as many steps as `budget` evaluations pay for; `ValueError` if too few."""

    @abstractmethod
    def gentler(self) -> "Sampler | None":
        """The same sampler with steps half as large; None where the range of its knobs ends."""

    @property
    @abstractmethod
    def setting(self) -> str:
        """The knob that `gentler` turns and its value, in words."""

    def run(
        self,
        model: ScoreModel,
        x: Float[Tensor, "n d"],
        generator: torch.Generator,
        frames: int | None = None,
    ) -> Trajectory:
        """Move particles x to the end; keep every state, or the first, the last and about `frames` between.

        A run that diverges, or whose score is not finite, keeps its states up to there and says why in
        `stopped`, with a setting tried on the particles that went astray.
        """
        self._check(model, x)
        before = generator.get_state()
        trajectory, astray = self.walk(model, x, generator, frames)
        if trajectory.stopped is None or astray is None:
            return trajectory
        remedy = self._remedy(model, astray, torch.Generator(generator.device).set_state(before))
        return replace(trajectory, stopped=replace(trajectory.stopped, remedy=remedy))

    def noise(self, x: Float[Tensor, "n d"], generator: torch.Generator) -> Float[Tensor, "draws n d"]:
        """The normal draws of one step."""
        return x.new_empty(self.draws, *x.shape).normal_(generator=generator)

    def _check(self, model: ScoreModel, x: Tensor) -> None:
        require(bool(x.isfinite().all()), "x", "finite", "NaN or infinity")
        fits = x.dim() == 2 and x.shape[-1] == model.dimension and len(x) > 0
        require(fits, "x", f"(n, {model.dimension}) with n ≥ 1", f"shape {tuple(x.shape)}")
        ready = model.has_log_prob or not self.needs_log_prob
        require(ready, "model", f"one with a log-density for {self.label}", type(model).__name__)

    def walk(
        self, model: ScoreModel, x: Tensor, generator: torch.Generator, frames: int | None
    ) -> tuple[Trajectory, Tensor | None]:
        """The run, and the starts of the particles that went astray if another setting may help them."""
        times = self.times().tolist()
        shown, film, state = kept(len(times), frames), Film(), State(x)
        film.add(self.level(times[0]), state)
        limit = RUNAWAY * max(1.0, x.abs().max().item())
        for k, (t, s) in enumerate(pairwise(times), start=1):
            new = self.step(model, state, t, s, self.noise(x, generator))
            if not new.x.abs().max().item() <= limit:  # also true for NaN
                return self._broken(model, state, new, film, k, t, x)
            state = new
            if k in shown:
                film.add(self.level(s), state)
        final = self.finish(model, state)
        if final is not state:
            if not final.x.abs().max().item() <= limit:
                return self._broken(model, state, final, film, len(times), times[-1], x)
            film.add(self.last_level, final)
        return film.develop(None), None

    def _broken(
        self, model: ScoreModel, state: State, new: State, film: Film, k: int, t: float, start: Tensor
    ) -> tuple[Trajectory, Tensor | None]:
        if state.x is not film.states[-1]:
            film.add(self.level(t), state)
        level = self.level(t)
        score = model.score(state.x, level.alpha, level.sigma)
        if not bool(score.isfinite().all()):
            where = state.x[(~score.isfinite()).any(-1)][0].tolist()
            point = ", ".join(f"{coordinate:.3g}" for coordinate in where)
            return film.develop(Stop(k, t, f"the score is not finite at x = ({point})")), None
        distance = new.x.abs().amax(-1).nan_to_num(math.inf)
        worst = distance.topk(min(TRIED, len(distance))).indices
        reason = "particles run away, the step is too large"
        if not bool(new.x.isfinite().all()):
            reason = "the score is not finite within the step"
        return film.develop(Stop(k, t, reason)), start[worst]

    def _remedy(self, model: ScoreModel, x: Tensor, generator: torch.Generator) -> "Sampler | None":
        for milder in self._milder():
            trajectory, _ = milder.walk(model, x, generator, 1)
            if trajectory.stopped is None:
                return milder
        return None

    def _milder(self) -> Iterator["Sampler"]:
        """Ever gentler versions of this sampler."""
        milder: Sampler | None = self
        for _ in range(TRIALS):
            milder = milder.gentler() if milder is not None else None
            if milder is None:
                return
            yield milder


def kept(states: int, frames: int | None) -> set[int]:
    """Which of the states 0 … states − 1 are kept: all, or the ends and `frames` − 1 between."""
    require(frames is None or frames >= 1, "frames", "at least 1", frames)
    if frames is None or frames >= states - 1:
        return set(range(states))
    return {round(share * (states - 1) / frames) for share in range(frames + 1)}


def turned(owner: S, name: str, factor: float) -> S | None:
    """The owner of a knob with it multiplied by a factor, or None where the knob's range ends."""
    value = getattr(owner, name)
    new = type(value)(value * factor)
    admitted = all(control.admits(new) for each, control in controls_of(owner) if each.name == name)
    return replace(cast(Any, owner), **{name: new}) if admitted else None
