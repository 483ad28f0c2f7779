"""One road from a start to samples: a sampler with its settings, and what is seen along its way.

`Settings` are shared by all panels of the page; a `Road` adds one sampler and forgets every knob that does
not act on it, so that turning the knob of one method leaves the roads of the others as they are.
"""

from dataclasses import dataclass, fields, replace
from functools import singledispatch
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.boxes import Boxes
from gmviz.checks import require
from gmviz.datasets import Dataset
from gmviz.densities import Density, KernelDensity, Mixture
from gmviz.experiments import codec
from gmviz.experiments.laws import DATA, P7, data_points
from gmviz.experiments.learned import FEWEST, Lesson, learned
from gmviz.fitting.noise_levels import MATCHINGS, WEIGHTINGS, Matching, Weighting
from gmviz.knobs import Option, check_knobs, choice, knob
from gmviz.samplers import (
    DDIM,
    GRIDS,
    MALA,
    SAMPLERS,
    AnnealedLangevin,
    Heun,
    Langevin,
    PredictorCorrector,
    ProbabilityFlow,
    Sampler,
    Scheduled,
    TimeGrid,
)
from gmviz.schedules import VE, VP, Schedule, SubVP, VPCosine
from gmviz.score_models import ScoreModel, exact_model
from gmviz.score_table import tabulated

MOST = 10_000_000  # particles times evaluations of one road
BLUR = 0.05  # a density with edges has a score only under noise; Langevin sees it through this much
LADDER = VE(BLUR, 20.0)  # of annealed Langevin


BUDGETS = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
EVALUATIONS, STEPS = Option("evaluations", "evaluations"), Option("steps", "steps")
PRIOR = Option("prior", "Each method's prior")
MATCHED = Option("matched", "Prior with the data's moments")
MODE = Option("mode", "The heaviest mode, for all")
POINT = Option("point", "One point, for all")
SHIFTED = Option("shifted", "A wrong prior, N(δ, 1)")
STARTS = (PRIOR, MODE, POINT, SHIFTED, MATCHED)
SCORES = (EXACT, KERNEL, LEARNED) = (
    Option("exact", "Exact"),
    Option("kernel", "Of a few data points"),
    Option("learned", "Learned by a network"),
)
TAUGHT = (ENDLESS, FEW) = Option("endless", "No end of data"), Option("few", "The few data points")
OWN = Option("own", "Each method's own")
CLOCKS = (BY_SPENT, BY_NOISE) = (Option("spent", "Evaluations spent"), Option("noise", "Noise level"))
PRESERVING, EXPLODING = VP(), VE(0.01, 20.0)
SCHEDULES: tuple[Schedule, ...] = (PRESERVING, EXPLODING, VPCosine(), SubVP())


@dataclass(frozen=True)
class Settings:
    """What all panels share: the law, the score, the start, the price, and the knobs of the methods."""

    data: Dataset = choice(P7, DATA, label="Data")
    evaluations: int = choice(100, BUDGETS, label="Evaluations for each")
    start: Option = choice(
        PRIOR, STARTS, label="Start from", help="Langevin has no prior: it then starts in the heaviest mode."
    )
    score: Option = choice(EXACT, SCORES, label="Score")
    equal: Option = choice(EVALUATIONS, (EVALUATIONS, STEPS), label="Equal in number of")
    schedule: Schedule = choice(PRESERVING, SCHEDULES, label="Noise schedule")
    grid: TimeGrid | Option = choice(OWN, (OWN, *GRIDS), label="Steps spread")
    clock: Option = choice(BY_SPENT, CLOCKS, label="Clock")
    shift: float = knob(2.0, -4.0, 4.0, 0.25, label="Shift δ of the wrong prior", unit="its sd")
    step: float = knob(0.125, 0.005, 4.0, 0.005, label="Langevin step h", unit="narrowest variance")
    inner: int = knob(3, 1, 200, 1, label="Langevin steps per noise level")
    corrections: int = knob(1, 0, 5, 1, label="Corrector steps")
    signal_to_noise: float = knob(0.22, 0.02, 1.0, 0.01, label="Corrector's signal to noise")
    eta: float = knob(0.0, 0.0, 1.0, 0.05, label="DDIM's η")
    churn: float = knob(0.0, 0.0, 60.0, 1.0, label="Heun's churn")
    taught: Option = choice(ENDLESS, TAUGHT, label="Learned from")
    matching: Matching = choice(MATCHINGS[0], MATCHINGS, label="Learned by")
    weighting: Weighting = choice(WEIGHTINGS[0], WEIGHTINGS, label="Weight of a noise level")
    points: int = knob(50, 5, 500, 5, label="Data points")
    bandwidth: float = knob(0.02, 0.005, 1.0, 0.005, label="Blur of the points", unit="length")
    n: int = knob(2000, 100, 5000, 100, label="Particles drawn")
    seed: int = knob(0, 0, 999, 1, label="Seed")

    def __post_init__(self) -> None:
        check_knobs(self)
        most = MOST // self.evaluations
        require(self.n <= most, "n", f"at most {most} with {self.evaluations} evaluations", self.n)
        few = self.score is LEARNED and self.taught is FEW and self.points < FEWEST
        require(not few, "points", f"at least {FEWEST} for a network to learn from", self.points)

    @property
    def truth(self) -> Density:
        """p, the law that is sampled."""
        return self.data.density

    @property
    def has_points(self) -> bool:
        """Whether the score knows p only by a few data points."""
        return self.score is KERNEL or (self.score is LEARNED and self.taught is FEW)

    def data_points(self) -> Float[Tensor, "m 2"]:
        """The few data points."""
        return data_points(self.data, self.points)

    @property
    def lesson(self) -> Lesson | None:
        """What the network learns, if the score is learned."""
        if self.score is not LEARNED:
            return None
        return Lesson(self.data, self.points if self.has_points else 0, self.matching, self.weighting)

    def known(self) -> Density:
        """The law at whose scale the samplers step: p, or its points under a narrow kernel."""
        return KernelDensity(self.data_points(), self.bandwidth) if self.score is KERNEL else self.truth


METHOD_KNOBS = ("schedule", "grid", "step", "inner", "corrections", "signal_to_noise", "eta", "churn")


@dataclass(frozen=True)
class Road(Settings):
    """Settings for one sampler, with every knob that does not act on it at its default."""

    sampler: Sampler = choice(SAMPLERS[0], SAMPLERS, label="Sampler")

    @staticmethod
    def of(settings: Settings, sampler: Sampler) -> "Road":
        """The road of one sampler under the page's settings."""
        idle = {name for name in METHOD_KNOBS if name not in acting(sampler)}
        idle |= {"shift"} if settings.start is not SHIFTED else set()
        idle |= {"bandwidth"} if settings.score is not KERNEL else set()
        idle |= {"points"} if not settings.has_points else set()
        idle |= {"taught", "matching", "weighting"} if settings.score is not LEARNED else set()
        values = {
            each.name: getattr(settings, each.name) for each in fields(Settings) if each.name not in idle
        }
        return Road(**values, sampler=sampler)

    @property
    def called(self) -> str:
        """The sampler's label and its knobs that are not at their default."""
        plain = codec.encode(Road(sampler=self.sampler))
        turned = (f"{name} = {text}" for name, text in codec.encode(self).items() if text != plain[name])
        return ", ".join([self.sampler.label, *(each for each in turned if each.split()[0] in METHOD_KNOBS)])

    @property
    def terms(self) -> str:
        """What two roads must share if their ends are to be compared, as text."""
        free = {"sampler", "evaluations", "equal", "clock", *METHOD_KNOBS}
        return ", ".join(f"{name}={text}" for name, text in codec.encode(self).items() if name not in free)

    def built(self) -> Sampler:
        """The sampler as it walks: knobs set, steps bought."""
        return _paid(_tuned(self.sampler, self), self)

    @property
    def blur(self) -> float:
        """The noise under which the law is seen where there is no other: none unless it has edges."""
        return BLUR if isinstance(self.known(), Boxes) else 0.0

    def start_points(self, n: int, seed: int) -> Float[Tensor, "n 2"]:
        """Where the particles start: the same normal draws for every sampler."""
        z = torch.randn(n, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        schedule = schedule_of(_tuned(self.sampler, self))
        if self.start is POINT:
            return _heaviest(self.truth)[0] + 0 * z
        if self.start is SHIFTED:
            return (1.0 if schedule is None else schedule.prior_sd) * (z + z.new_tensor([self.shift, 0.0]))
        if self.start is MODE or schedule is None:
            mean, root = _heaviest(self.truth)
            return mean + z @ root.mT
        prior = schedule.prior(self.truth) if self.start is PRIOR else schedule.matched_prior(self.truth)
        return prior.means[0] + z @ torch.linalg.cholesky(prior.covariances[0]).mT

    def model(self) -> ScoreModel:
        """The score as the samplers ask for it; a long chain at one level looks a network up in a table."""
        if self.lesson is None:
            return exact_model(self.known())
        network = learned(self.lesson).model
        if not isinstance(self.sampler, Langevin):
            return network
        return tabulated(network, 1.0, 0.0, self.truth.bounds(6.0), self.n * self.evaluations)


def acting(sampler: Sampler) -> tuple[str, ...]:
    """The knobs of Settings that change what a sampler does."""
    if isinstance(sampler, (Langevin, MALA)):
        return ("step",)
    if isinstance(sampler, AnnealedLangevin):
        return ("inner",)
    extra = {
        DDIM: ("eta",),
        Heun: ("churn",),
        PredictorCorrector: ("corrections", "signal_to_noise"),
    }.get(type(sampler), ())
    return ("schedule", *extra) if isinstance(sampler, ProbabilityFlow) else ("schedule", "grid", *extra)


def schedule_of(sampler: Sampler) -> Schedule | None:
    """The noise schedule that a sampler goes down, if it does."""
    if isinstance(sampler, PredictorCorrector):
        return sampler.predictor.schedule
    return getattr(sampler, "schedule", None)


@singledispatch
def _tuned(sampler: Sampler, road: Road) -> Sampler:
    raise TypeError(f"no settings for {type(sampler).__name__}")


@_tuned.register
def _(sampler: Scheduled, road: Road) -> Sampler:
    return _on_schedule(sampler, road)


@_tuned.register
def _(sampler: DDIM, road: Road) -> Sampler:
    return replace(_on_schedule(sampler, road), eta=road.eta)


@_tuned.register
def _(sampler: Heun, road: Road) -> Sampler:
    return replace(_on_schedule(sampler, road), churn=road.churn)


@_tuned.register
def _(sampler: PredictorCorrector, road: Road) -> Sampler:
    return replace(
        sampler,
        predictor=_on_schedule(sampler.predictor, road),
        corrector=replace(sampler.corrector, signal_to_noise=road.signal_to_noise),
        corrections=road.corrections,
    )


@_tuned.register
def _(sampler: ProbabilityFlow, road: Road) -> Sampler:
    return replace(sampler, schedule=road.schedule)


@_tuned.register
def _(sampler: AnnealedLangevin, road: Road) -> Sampler:
    return replace(sampler, schedule=LADDER, inner=road.inner)


@_tuned.register(Langevin)
@_tuned.register(MALA)
def _(sampler: Any, road: Road) -> Sampler:
    law = road.known().noised(road.blur)
    return replace(sampler, step_size=road.step * law.smallest_sd() ** 2, sigma=road.blur)


def _on_schedule(sampler: Any, road: Road) -> Any:
    grid = sampler.grid if isinstance(road.grid, Option) else road.grid
    return replace(sampler, schedule=road.schedule, grid=grid)


def _paid(sampler: Sampler, road: Road) -> Sampler:
    """The sampler with the steps that the evaluations buy, or with that many steps."""
    count = road.evaluations
    if isinstance(sampler, AnnealedLangevin):
        count -= road.equal is EVALUATIONS
        levels = min(1000, max(2, count // sampler.inner))
        return replace(sampler, levels=levels, inner=max(1, count // levels))
    if road.equal is EVALUATIONS:
        return sampler.within(count)
    if isinstance(sampler, PredictorCorrector):
        return replace(sampler, predictor=replace(sampler.predictor, steps=count))
    if isinstance(sampler, ProbabilityFlow):
        return sampler
    return replace(sampler, **{"steps": count})


def _heaviest(density: Density) -> tuple[Tensor, Tensor]:
    """Mean and root of the covariance of the component of most weight (of the first box)."""
    if isinstance(density, Mixture):
        k = int(density.weights.argmax())
        return density.means[k], torch.linalg.cholesky(density.covariances[k])
    if isinstance(density, Boxes):
        sides = density.high[0] - density.low[0]
        return (density.low[0] + density.high[0]) / 2, torch.diag(sides / 12**0.5)
    raise TypeError(f"no heaviest mode of {type(density).__name__}")
