"""Which loss finds the gradient? Networks fitted side by side to one noised law, judged by the truth."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from gmviz.checks import require
from gmviz.experiments import codec, estimators, hard_edges, mode_weights, targets
from gmviz.experiments.courses import Course, beginning, fit, stored, whole
from gmviz.experiments.estimators import JUDGED, OTHER, Noise
from gmviz.experiments.fits import Fitted, Learned
from gmviz.experiments.hard_edges import CLEAN, NOISED, Edges
from gmviz.experiments.mode_weights import ModeWeights
from gmviz.experiments.targets import Targets
from gmviz.experiments.trainings import Setting, Training
from gmviz.knobs import Option, check_knobs, choice, knob
from gmviz.objectives import DSM, ISM, OBJECTIVES, SSMVR, MaximumLikelihood, Objective

NONE = Option("none", "–")
OFFERED = (NONE, *OBJECTIVES)
SLOTS = ("first", "second", "third", "fourth")
SHARED = tuple(each.name for each in fields(Setting))
JOB = f"{fit.__module__}:{fit.__name__}"

FIT = Option("fit", "Fit")
NOISE = Option("noise", "Estimator noise")
WEIGHTS = Option("weights", "Mode weights")
TARGET = Option("target", "Why DSM works")
EDGE = Option("edge", "Hard edges")
VIEWS = (FIT, NOISE, WEIGHTS, TARGET, EDGE)
ERROR, FIELD, CURL = Option("error", "Where it errs"), Option("field", "Arrows"), Option("curl", "Curl")
SHOWS = (ERROR, FIELD, CURL)
TRUE, READ = Option("error", "True Fisher error"), Option("reading", "What the loss reads")


@dataclass(frozen=True)
class Request(Setting):
    """A view, a setting, and up to four objectives."""

    view: Option = choice(FIT, VIEWS, label="View")
    first: Objective | Option = choice(DSM(), OBJECTIVES, label="First objective")
    second: Objective | Option = choice(ISM(), OFFERED, label="Second")
    third: Objective | Option = choice(SSMVR(), OFFERED, label="Third")
    fourth: Objective | Option = choice(MaximumLikelihood(), OFFERED, label="Fourth")
    show: Option = choice(ERROR, SHOWS, label="Map")
    curve: Option = choice(TRUE, (TRUE, READ), label="Curves")
    near: float = knob(0.1, 0.05, 0.5, 0.05, label="Little noise σ", unit="length")
    cure: float = knob(0.5, 0.1, 2.0, 0.05, label="More noise σ", unit="length")
    matched: Objective = choice(DSM(), mode_weights.MATCHED, label="Score matching by")
    probe_x: float = knob(1.0, -4.0, 4.0, 0.05, label="Probe x")
    probe_y: float = knob(2.0, -4.0, 4.0, 0.05, label="Probe y")
    edges: Option = choice(CLEAN, (CLEAN, NOISED), label="The edges")
    blur: float = knob(0.2, 0.05, 0.5, 0.05, label="Noise on the edges σ", unit="length")
    judged: Option = choice(OTHER, JUDGED, label="The model", help="whose losses are taken, at every noise")

    def __post_init__(self) -> None:
        check_knobs(self)

    @cached_property
    def setting(self) -> Setting:
        """What all fits share."""
        return Setting(**{name: getattr(self, name) for name in SHARED})

    @property
    def trainings(self) -> tuple[Training, ...]:
        """The fits that the view shows, each once; `ValueError` if one cannot run."""
        if self.view in (TARGET, EDGE):
            return ()
        if self.view is WEIGHTS:
            return mode_weights.trainings(self.setting, self.near, self.cure, self.matched)
        chosen = dict.fromkeys(getattr(self, slot) for slot in SLOTS)
        trainings = tuple(self.setting.training(each) for each in chosen if isinstance(each, Objective))
        for training in trainings:
            reason = training.refusal
            require(reason is None, "objective", "one that can run here", reason)
        return trainings

    @property
    def noise(self) -> estimators.Request:
        """What the view of the estimators' noise asks."""
        return estimators.Request(self.data, self.judged, self.probes, self.slices)

    @property
    def target(self) -> targets.Request:
        """What the view of DSM's targets asks."""
        return targets.Request(self.data, self.probe_x, self.probe_y, self.seed)

    @property
    def edge(self) -> hard_edges.Request:
        """What the view of hard edges asks."""
        return hard_edges.Request(self.edges, self.blur)

    @property
    def payload(self) -> list[dict[str, str]]:
        """The fits as text, for the job that makes them."""
        return [codec.encode(training) for training in self.trainings]


def key(request: Request) -> str:
    """What the fits of a request depend on, and nothing else."""
    return "; ".join(codec.key(fit, training) for training in request.trainings)


def acting(view: Option) -> tuple[str, ...]:
    """The fields of the first row in a view."""
    return {
        FIT: ("view", "data", "sigma"),
        NOISE: ("view", "data", "judged", "probes", "slices"),
        WEIGHTS: ("view", "matched", "near", "cure"),
        TARGET: ("view", "data", "probe_x", "probe_y"),
        EDGE: ("view", "edges", "blur"),
    }[view]


def folded(view: Option) -> tuple[tuple[str, ...], ...]:
    """The fields below the picture, row by row."""
    if view is EDGE:
        return ()
    if view is TARGET:
        return (("seed",),)
    training = ("steps", "batch", "rate", "seed")
    network = ("width", "depth", "frequencies")
    if view is WEIGHTS:
        return (training, (*network, "supply"))
    if view is NOISE:
        return (SLOTS, ("sigma", "network", "supply", "epsilon"), training, network)
    return (("show", "curve", "network", "supply"), training, network, ("probes", "slices", "epsilon"))


def dragged(moved: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """The fields that follow when the probe is dragged, held within their range."""
    if "probe" not in moved:
        return {}
    x, y = (min(4.0, max(-4.0, round(each, 2))) for each in moved["probe"])
    return {"probe_x": x, "probe_y": y}


def offered(values: Mapping[str, Any]) -> tuple[dict[str, Sequence[Any]], tuple[str, ...]]:
    """The options of the four choice fields in a setting, and why each other objective is not among them."""
    setting = Setting(**values)
    reasons = {each: setting.training(each).refusal for each in OBJECTIVES}
    able = tuple(each for each, reason in reasons.items() if reason is None)
    options: dict[str, Sequence[Any]] = dict.fromkeys(SLOTS, (NONE, *able))
    return options | {SLOTS[0]: able}, tuple(dict.fromkeys(filter(None, reasons.values())))


@dataclass(frozen=True, eq=False)
class Compared:
    """The noise of the estimators, and what the fits have reached for what they cost."""

    noise: Noise
    fitted: Fitted

    @property
    def learned(self) -> tuple[Learned, ...]:
        """The fits."""
        return self.fitted.learned

    def at(self, position: float) -> dict[str, float]:
        """The deviations at the σ closest to `position`."""
        return self.noise.at(position)

    def table(self) -> dict[str, list[float]]:
        """Every deviation along σ, by column."""
        return self.noise.table()


Result = Fitted | Compared | ModeWeights | Targets | Edges
Kept = Callable[[Callable[[Any], Any], Any], Any]  # calls a function of a request, or remembers its value


def run(request: Request) -> Result:
    """What the view of the request shows; a fit that the store does not have is made now, in seconds."""
    return seen(request, [whole(training) for training in request.trainings])


def seen(
    request: Request, courses: Sequence[Course], kept: Kept = lambda function, asked: function(asked)
) -> Result:
    """What the view shows with what is there of the courses of its trainings."""
    if request.view is TARGET:
        return kept(targets.run, request.target)
    if request.view is EDGE:
        return kept(hard_edges.run, request.edge)
    if request.view is WEIGHTS:
        return ModeWeights.of(request.trainings, courses)
    fitted = Fitted.of(request.trainings, courses)
    return Compared(kept(estimators.run, request.noise), fitted) if request.view is NOISE else fitted


def untouched(request: Request) -> tuple[Course, ...]:
    """The courses of networks before their first step."""
    return tuple(beginning(training) for training in request.trainings)


def from_store(request: Request) -> tuple[tuple[Course, ...], bool] | None:
    """The whole courses if the store has all of them, and whether all came with the package."""
    found = [stored(training) for training in request.trainings]
    kept = [each for each in found if each is not None]
    if len(kept) < len(found):
        return None
    return tuple(course for course, _ in kept), all(shipped for _, shipped in kept)
