"""Which loss finds the gradient? Networks fitted side by side to one noised law, judged by the truth."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.experiments import codec, estimators
from gmviz.experiments.courses import Course, beginning, fit, stored, whole
from gmviz.experiments.estimators import JUDGED, OTHER, Noise
from gmviz.experiments.scene import Scene
from gmviz.experiments.trainings import SIDE, Setting, Square, Training
from gmviz.knobs import Option, check_knobs, choice
from gmviz.models import Model
from gmviz.objectives import DSM, ISM, OBJECTIVES, SSMVR, MaximumLikelihood, Objective
from gmviz.objectives.objective import noised

NONE = Option("none", "–")
OFFERED = (NONE, *OBJECTIVES)
SLOTS = ("first", "second", "third", "fourth")
SHARED = tuple(each.name for each in fields(Setting))
JOB = f"{fit.__module__}:{fit.__name__}"

FIT = Option("fit", "Fit")
NOISE = Option("noise", "Estimator noise")
VIEWS = (FIT, NOISE)
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
    judged: Option = choice(OTHER, JUDGED, label="The model", help="whose losses are taken, at every noise")

    def __post_init__(self) -> None:
        check_knobs(self)

    @cached_property
    def setting(self) -> Setting:
        """What all fits share."""
        return Setting(**{name: getattr(self, name) for name in SHARED})

    @property
    def trainings(self) -> tuple[Training, ...]:
        """The fits, each once, in the order of the choice fields; `ValueError` if one cannot run."""
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
    def payload(self) -> list[dict[str, str]]:
        """The fits as text, for the job that makes them."""
        return [codec.encode(training) for training in self.trainings]


def key(request: Request) -> str:
    """What the fits of a request depend on, and nothing else."""
    return "; ".join(codec.key(fit, training) for training in request.trainings)


def acting(view: Option) -> tuple[str, ...]:
    """The fields of the first row in a view."""
    return ("view", "data", "sigma") if view is FIT else ("view", "data", "judged", "probes", "slices")


def folded(view: Option) -> tuple[tuple[str, ...], ...]:
    """The fields below the picture, row by row."""
    drawn = (("show", "curve", "network", "supply"),) if view is FIT else (("sigma", "network", "supply"),)
    probes = (("probes", "slices", "epsilon"),) if view is FIT else (("epsilon",),)
    return (*drawn, ("steps", "batch", "rate", "seed"), ("width", "depth", "frequencies"), *probes)


def offered(setting: Setting) -> tuple[tuple[Objective, ...], tuple[str, ...]]:
    """The objectives that can run in a setting, and for each other one a sentence that says why not."""
    reasons = {each: setting.training(each).refusal for each in OBJECTIVES}
    return (
        tuple(each for each, reason in reasons.items() if reason is None),
        tuple(dict.fromkeys(reason for reason in reasons.values() if reason is not None)),
    )


@dataclass(frozen=True, eq=False)
class Learned:
    """A fit and its course so far."""

    training: Training
    course: Course

    @property
    def objective(self) -> Objective:
        """The objective, with the knobs it was given."""
        return self.training.tuned

    @property
    def passes(self) -> int:
        """Rows that go through the network for one point: values and tangents."""
        work = self.objective.work(self.training.head.provides, self.training.data.density.dimension)
        return work.evaluations + work.tangents

    @property
    def model(self) -> Model:
        """The last model."""
        network = self.training.fit.network(self.training.source)
        return network.with_parameters(self.course.parameters)

    def row(self, name: str, length: int) -> Float[Tensor, "t"]:
        """A row of the course at `length` looks: a fit that ended early reads +∞ from then on."""
        values = getattr(self.course, name)[:length]
        return torch.nn.functional.pad(values, (0, length - len(values)), value=float("inf"))


@dataclass(frozen=True, eq=False)
class Fitted:
    """Up to four fits on one clock, with the truth on the square: log p_σ (H, W) and its score (H, W, 2)."""

    request: Request
    learned: tuple[Learned, ...]
    square: Square
    log_p: Float[Tensor, "h w"]
    score: Float[Tensor, "h w 2"]

    @staticmethod
    def of(request: Request, courses: Sequence[Course]) -> "Fitted":
        """The fits of a request with what is there of their courses."""
        square = request.trainings[0].square
        law = noised(request.data.density, request.sigma)
        log_p, score = law.value_and_score(square.nodes)
        return Fitted(
            request,
            tuple(map(Learned, request.trainings, courses)),
            square,
            log_p.unflatten(0, (SIDE, SIDE)),
            score.unflatten(0, (SIDE, SIDE)),
        )

    @cached_property
    def steps(self) -> Float[Tensor, "t"]:
        """The looks that all fits have had which have not ended."""
        lengths = [len(each.course.steps) for each in self.learned if each.course.ended is None]
        longest = max((each.course.steps for each in self.learned), key=len)
        return longest[: min(lengths, default=len(longest))]

    @property
    def begun(self) -> bool:
        """Whether there is more than the networks before their first step."""
        return bool(self.steps[-1] > 0)

    def scores(self, each: Learned) -> Float[Tensor, "t h w 2"]:
        """A learned field at every look; of a fit that ended, its last."""
        scores = each.course.scores[: len(self.steps)]
        return torch.cat([scores, scores[-1:].expand(len(self.steps) - len(scores), -1, -1, -1)])

    def error_map(self, each: Learned) -> Float[Tensor, "t h w"]:
        """½ p_σ ‖s − ∇log p_σ‖², whose integral is the Fisher error."""
        apart = (self.scores(each).double() - self.score).square().sum(-1)
        return self.log_p.exp() * apart / 2

    def at(self, position: float) -> dict[str, float]:
        """The numbers at the training step closest to `position`."""
        i = int((self.steps - position).abs().argmin())
        numbers: dict[str, float] = {}
        for each in self.learned:
            name, count = each.training.objective.name.replace("-", "_"), len(self.steps)
            constant = float(each.objective.offset(self.request.data.density).value)
            reading = float(each.row("reading", count)[i])
            numbers |= {
                f"{name}_fisher": float(each.row("fisher", count)[i]),
                f"{name}_percent": 100 * float(each.row("relative", count)[i]),
                f"{name}_reading": reading,
                f"{name}_loss": reading - constant,
                f"{name}_constant": -constant,
            }
        return numbers

    def table(self) -> dict[str, list[float]]:
        """Errors, readings and seconds along the training, by column."""
        columns = {"step": self.steps}
        for each in self.learned:
            label = each.objective.label
            columns |= {
                f"{label} Fisher error": each.row("fisher", len(self.steps)),
                f"{label} loss + constant": each.row("reading", len(self.steps)),
                f"{label} seconds": each.row("seconds", len(self.steps)),
            }
        return {name: values.tolist() for name, values in columns.items()}


Result = Fitted | Noise


def run(request: Request) -> Result:
    """What the view of the request shows; a fit that the store does not have is made now, in seconds."""
    if request.view is NOISE:
        return estimators.run(request.noise)
    return Fitted.of(request, [whole(training) for training in request.trainings])


def untouched(request: Request) -> Fitted:
    """The networks before their first step."""
    return Fitted.of(request, [beginning(training) for training in request.trainings])


def from_store(request: Request) -> tuple[Fitted, bool] | None:
    """The whole fits if the store has all of them, and whether all came with the package."""
    found = [stored(training) for training in request.trainings]
    kept = [each for each in found if each is not None]
    if len(kept) < len(found):
        return None
    return Fitted.of(request, [course for course, _ in kept]), all(shipped for _, shipped in kept)


_DEFAULT = Request()
SCENES = (
    Scene(
        id="noisy",
        question="The same network, the same data, noise σ = 0.02. From one sample to the next, the loss of "
        "ISM spreads by 3. By how much does the loss of DSM spread?",
        options=("3", "100", "2500"),
        answer=2,
        request=replace(_DEFAULT, view=NOISE),
        at=0.02,
        takeaway="DSM's loss spreads by {dsm_loss:.0f}, ISM's by {ism_loss:.1f}: almost all of it is the "
        "constant |z|²/2σ², but the gradient spreads by {dsm_gradient:.0f} against {ism_gradient:.1f} too. "
        "At σ = 2 it is the other way round: {dsm_loss_wide:.3f} against {ism_loss_wide:.3f}.",
    ),
)
SHIPPED = (_DEFAULT,)
