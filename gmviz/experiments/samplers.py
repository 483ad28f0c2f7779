"""One score, many roads: up to four samplers side by side, on one clock and at equal cost.

Every panel is a road of its own (`gmviz.experiments.roads`), walked, measured and judged by itself: what one
panel changes leaves the others untouched, so a page that keeps results recomputes one road at a time.
"""

import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from gmviz.checks import require
from gmviz.experiments.judging import Nulls, Perfect, Verdict, judge, nulls, true_shares
from gmviz.experiments.laws import TWO_MODES
from gmviz.experiments.learned import ready
from gmviz.experiments.picker import ALL, FEW, NONE, PICKS
from gmviz.experiments.prices import Price, Priced, Through
from gmviz.experiments.roads import (
    BY_NOISE,
    EXACT,
    EXPLODING,
    KERNEL,
    MATCHED,
    MODE,
    SHIFTED,
    Road,
    Settings,
)
from gmviz.experiments.scene import Scene, nearest
from gmviz.experiments.walks import NOISES, SPENT, Walk, Way, measured, walk
from gmviz.knobs import Option, choice, knob
from gmviz.samplers import (
    DDIM,
    MALA,
    AnnealedLangevin,
    DPMSolver2M,
    Heun,
    Langevin,
    PredictorCorrector,
    ReverseDiffusion,
    ReverseSDE,
    Sampler,
    UniformTime,
)

T = TypeVar("T")
PANELS = ("first", "second", "third", "fourth")

ROAD = Option("road", "Distance to p_t, relative")
GOAL = Option("goal", "Distance to p")
SHARE = Option("share", "Share of the first mode")
SPREAD = Option("spread", "Spread tr Cov(x_t)")
TRACKS = (ROAD, GOAL, SHARE, SPREAD)
ENDS, STARTS, DENSITY = (
    Option("end", "Mode where they end"),
    Option("start", "Quarter where they start"),
    Option("density", "Density p_t"),
)
HIDDEN, SHOWN = Option("hidden", "Hidden"), Option("shown", "Shown")


@dataclass(frozen=True)
class Request(Settings):
    """Up to four samplers under the same settings, and what is shown of them."""

    first: Sampler | Option = choice(Langevin(), PICKS, label="Panel 1")
    second: Sampler | Option = choice(AnnealedLangevin(), PICKS, label="Panel 2")
    third: Sampler | Option = choice(ReverseSDE(), PICKS, label="Panel 3")
    fourth: Sampler | Option = choice(Heun(), PICKS, label="Panel 4")
    offered: Option = choice(FEW, (FEW, ALL), label="Samplers offered")
    track: Option = choice(
        ROAD, TRACKS, label="Curve", help="Relative: as a multiple of what perfect samples read."
    )
    colour: Option = choice(ENDS, (ENDS, STARTS, DENSITY), label="Colour of the particles")
    arrows: Option = choice(HIDDEN, (HIDDEN, SHOWN), label="Score arrows")
    trail: int = knob(0, 0, 10, 1, label="Trails", unit="frames")

    def __post_init__(self) -> None:
        super().__post_init__()
        require(bool(self.samplers), "first", "a sampler, at least in one panel", "none in any panel")
        if self.clock is BY_NOISE:
            still = [each.label for each in self.samplers if isinstance(each, (Langevin, MALA))]
            require(not still, "clock", "the share of evaluations with samplers at one noise level", still)

    @property
    def samplers(self) -> tuple[Sampler, ...]:
        """The samplers of the panels in use."""
        picked = (getattr(self, panel) for panel in PANELS)
        return tuple(each for each in picked if isinstance(each, Sampler))

    @property
    def roads(self) -> tuple[Road, ...]:
        """One request for each panel in use."""
        return tuple(Road.of(self, sampler) for sampler in self.samplers)

    @property
    def ticks(self) -> Tensor:
        """The values of the clock: percent of the evaluations spent, or noise levels σ/α."""
        return NOISES if self.clock is BY_NOISE else 100 * SPENT


@dataclass(frozen=True, eq=False)
class Result:
    """The walks of all panels and what was measured on the way; verdicts are taken on demand."""

    request: Request
    walks: tuple[Walk, ...]
    ways: tuple[Way, ...]
    through: Through = field(repr=False)

    def at(self, position: float) -> dict[str, float]:
        """The numbers of a scene: for panel a, b, … its distance, class shares and nearest data point."""
        i = nearest(self.request.ticks, position)
        numbers = {"goal_null": self.ways[0].goal_null}
        for name, each, way in zip(string.ascii_lowercase, self.walks, self.ways, strict=False):
            numbers |= {f"{name}_distance": float(way.to_goal[i]), f"{name}_times": float(way.to_road[i])}
            numbers |= {f"{name}_{k}": float(way.classes[i, k]) for k in range(min(3, way.classes.shape[1]))}
            numbers[f"{name}_evaluations"] = int(each.evaluations[i])
            numbers[f"{name}_nearest"] = _nearest(each.states[i], self.request.data_points())
        shares = true_shares(self.request.data)
        return numbers | {f"true_{k}": float(shares[k]) for k in range(min(3, len(shares)))}

    def table(self) -> dict[str, list[float]]:
        """What the curves show, by column."""
        clock = "σ/α" if self.request.clock is BY_NOISE else "% spent"
        columns = {clock: self.request.ticks.tolist()}
        for place, (each, way) in enumerate(zip(self.walks, self.ways, strict=True), 1):
            name = f"{place} {each.sampler.label}"
            columns[f"{name}: evaluations"] = each.evaluations.tolist()
            columns[f"{name}: SW₁ to p"] = way.to_goal.tolist()
            columns[f"{name}: SW₁ to p_t / perfect"] = way.to_road.tolist()
            columns[f"{name}: tr Cov"] = way.spread.tolist()
            columns[f"{name}: first mode"] = way.classes[:, 0].tolist()
        return columns

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The end of every road against p."""
        return tuple(self.through(judge, each) for each in self.walks)

    def prices(self) -> list[Priced]:
        """What the roads of this result cost, and where they led."""
        return [
            Priced(
                road.called,
                road.terms,
                Price(int(each.evaluations[-1]), torch.inf if each.stopped else float(way.to_goal[-1])),
            )
            for road, each, way in zip(self.request.roads, self.walks, self.ways, strict=True)
            if road.clock is not BY_NOISE
        ]

    def nulls(self, n: int) -> Nulls:
        """What n perfect samples read."""
        return self.through(nulls, Perfect(self.request.data, n))

    def faults(self) -> Iterator[str]:
        """One sentence for every sampler that stopped early."""
        for each in self.walks:
            if each.stopped is not None:
                advice = "What it did until then is shown."
                here, there = each.sampler, each.stopped.remedy
                if isinstance(here, (Langevin, MALA)) and isinstance(there, (Langevin, MALA)):
                    step = each.request.step * there.step_size / here.step_size
                    advice = f"That is the slider at {step:g}. {advice}"
                yield f"{each.sampler.label}: {each.stopped.message} {advice}"


def possible(request: Request) -> Request:
    """The request, with the exact score while the network of a learned one is not there."""
    return request if request.lesson is None or ready(request.lesson) else replace(request, score=EXACT)


def plainly(function: Callable[[Any], T], subject: Any) -> T:
    """`function(subject)`, kept nowhere."""
    return function(subject)


def run(request: Request, through: Through = plainly) -> Result:
    """Walk every road of the request; `through(function, subject)` may keep what it computes."""
    walks = tuple(through(walk, road) for road in request.roads)
    return Result(request, walks, tuple(through(measured, each) for each in walks), through)


def _nearest(x: Tensor, points: Tensor) -> float:
    """The median distance to the nearest of some points."""
    return float(torch.cdist(x, points).amin(-1).median())


_DEFAULT = Request()
_TWO = replace(_DEFAULT, third=NONE, fourth=NONE)
SCENES = (
    Scene(
        id="crossing",
        question="All start in the 60 % mode. How many are still there after 5000 steps of Langevin?",
        options=("60 %", "75 %", "94 %"),
        answer=2,
        request=replace(_TWO, start=MODE, evaluations=5000, inner=100, track=SHARE),
        at=100.0,
        takeaway="{a_0:.1%}: between the modes the score points back, and a step across is rare. Annealing, "
        "with as many evaluations and from the same start, ends at {b_0:.3f}, {b_1:.3f}, {b_2:.3f} "
        "(true: {true_0:g}, {true_1:g}, {true_2:g}): under large noise there is no valley.",
    ),
    Scene(
        id="prior",
        question="Start from N(2, 1) instead of N(0, 1). The left mode should hold 70 %. Who recovers it?",
        options=("both", "the ODE only", "the SDE only"),
        answer=2,
        request=replace(
            _TWO,
            first=ReverseSDE(),
            second=Heun(),
            data=TWO_MODES,
            start=SHIFTED,
            shift=2.0,
            evaluations=500,
            n=5000,
            track=SHARE,
        ),
        at=100.0,
        takeaway="The SDE ends with {a_0:.1%} on the left, the ODE with {b_0:.1%}. Noise forgets a wrong "
        "start; the flow is one-to-one, so every error of the start arrives.",
    ),
    Scene(
        id="price",
        question="A corrector after each step halves the error, at twice the price. "
        "At 20 evaluations each, who is closer to p?",
        options=("the predictor alone", "predictor and corrector", "about equal"),
        answer=0,
        request=replace(
            _TWO,
            first=ReverseDiffusion(),
            second=PredictorCorrector(),
            schedule=EXPLODING,
            start=MATCHED,
            evaluations=20,
            n=5000,
            track=GOAL,
            offered=ALL,
        ),
        at=100.0,
        takeaway="The predictor alone ends {a_distance:.3f} away from p, the pair {b_distance:.3f} (perfect "
        "samples: {goal_null:.3f}). Make them equal in steps (under “More controls”) and the pair wins.",
    ),
    Scene(
        id="leap",
        question="Ten evaluations, steps even in t: who lands closer, DDIM (first order) or 2M (second)?",
        options=("DDIM", "2M", "about equal"),
        answer=0,
        request=replace(
            _TWO,
            first=DDIM(),
            second=DPMSolver2M(),
            grid=UniformTime(),
            evaluations=10,
            n=5000,
            track=GOAL,
            offered=ALL,
        ),
        at=100.0,
        takeaway="DDIM ends {a_distance:.3f} away, 2M {b_distance:.3f}. The last step in t is a leap in "
        "noise, and 2M extrapolates across it. Spread the steps evenly in log-SNR and the order turns.",
    ),
    Scene(
        id="memory",
        question="Give the samplers the exact score of 50 data points, almost without blur. What comes out?",
        options=("new points of p", "the 50 points again", "nothing useful"),
        answer=1,
        request=replace(
            _TWO,
            first=Heun(),
            second=AnnealedLangevin(),
            score=KERNEL,
            points=50,
            bandwidth=0.005,
            track=GOAL,
        ),
        at=100.0,
        takeaway="Half of the flow's samples are within {a_nearest:.4f} of a data point, half of annealed "
        "Langevin's within {b_nearest:.4f}. What is best for the training data memorises it: a learned score "
        "is useful because it is not this one.",
    ),
)
