"""What a fit goes through, look by look: made by a job, kept in the store, shown by a page."""

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.densities import Density
from gmviz.experiments import codec
from gmviz.experiments.trainings import SIDE, Training
from gmviz.fitting import Checkpoint, Judge, Progress
from gmviz.networks import EnergyNet, Network
from gmviz.runtime.jobs import Report
from gmviz.runtime.places import DEFAULTS
from gmviz.runtime.store import Key, Saved, Store

HIGHEST = 6e4  # what half precision holds


@dataclass(frozen=True, eq=False)
class Course:
    """A fit, one row per look.

    `scores` (T, H, W, 2) on the square in half precision, `relative` and `fisher` are the true errors,
    `reading` ± `uncertainty` the divergence that the recent losses read, `seconds` those of training alone.
    An energy also has KL and log q on the square. `parameters` (P,) are the last model's;
    `ended` says why a fit ended before its budget, `warning` what its own losses betray.
    """

    steps: Float[Tensor, "t"]
    scores: Float[Tensor, "t h w 2"]
    relative: Float[Tensor, "t"]
    fisher: Float[Tensor, "t"]
    reading: Float[Tensor, "t"]
    uncertainty: Float[Tensor, "t"]
    seconds: Float[Tensor, "t"]
    parameters: Float[Tensor, "P"]
    kl: Float[Tensor, "t"] | None = None
    log_q: Float[Tensor, "t h w"] | None = None
    ended: str | None = None
    warning: str | None = None

    def tensors(self) -> dict[str, Tensor]:
        """Everything but the words, by name."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Tensor)}

    def notes(self) -> dict[str, Any]:
        """The words."""
        return {"ended": self.ended, "warning": self.warning}


def fit(payload: Sequence[dict[str, str]]) -> Generator[Report, None, tuple[Course, ...]]:
    """The job: all trainings side by side, the one that is behind first; each is kept when it is through.

    payload: the trainings as text. Yields the courses so far and returns the whole ones, in that order. What
    the store has is not made again.
    """
    trainings = [codec.decode(Training, each) for each in payload]
    found = [stored(training) for training in trainings]
    walks = [_Walk(each) if known is None else known[0] for each, known in zip(trainings, found, strict=True)]
    going = [walk for walk in walks if isinstance(walk, _Walk)]
    total = sum(walk.training.steps for walk in going)
    while going:
        behind = min(going, key=lambda walk: walk.step)
        looked = behind.advance()
        if behind.over:
            going.remove(behind)
            keep(behind.training, behind.course())
        left = sum(walk.training.steps - walk.step for walk in going)
        yield Report(total - left, total, _courses(walks) if looked else None)
    return _courses(walks)


@dataclass(eq=False)
class _Walk:
    """A fit under way."""

    training: Training
    looks: list[tuple[Checkpoint, Tensor, Tensor | None]] = field(default_factory=list)
    step: int = 0
    over: bool = False
    _timed: tuple[float, int] = (0.0, 0)  # seconds and steps between two yields without a look

    def __post_init__(self) -> None:
        self._nodes = self.training.square.nodes.float()
        self._steps: Iterator[Progress] = self.training.fit.run(self.training.source)

    def advance(self) -> bool:
        """Go on to the next sign of progress; whether it was a look."""
        began, before = time.process_time(), self.step
        progress = next(self._steps, None)
        if progress is None:
            self.over = True
            return True
        took = time.process_time() - began
        self.step = progress.step
        if isinstance(progress, Checkpoint):
            self.looks.append((progress, *_drawn(progress.model, self._nodes)))
            self.over = progress.stopped is not None or progress.step == progress.steps
            return True
        seconds, steps = self._timed
        self._timed = (seconds + took, steps + self.step - before)
        return False

    def course(self) -> Course:
        """Everything so far; the first look is taken if none has been."""
        while not self.looks:
            self.advance()
        seconds, steps = self._timed
        return _course(self.looks, seconds / max(steps, 1))


def _courses(walks: Sequence[_Walk | Course]) -> tuple[Course, ...]:
    return tuple(walk.course() if isinstance(walk, _Walk) else walk for walk in walks)


def _drawn(model: Network, nodes: Tensor) -> tuple[Tensor, Tensor | None]:
    """The field at the nodes and, of an energy, log q."""
    with torch.no_grad():
        scores = model.score(nodes).clamp(-HIGHEST, HIGHEST).half()
        if not isinstance(model, EnergyNet):
            return scores.unflatten(0, (SIDE, SIDE)), None
        log_q = model.log_prob(nodes).clamp(-HIGHEST, HIGHEST).half()
    return scores.unflatten(0, (SIDE, SIDE)), log_q.unflatten(0, (SIDE, SIDE))


def _course(looks: Sequence[tuple[Checkpoint, Tensor, Tensor | None]], pace: float) -> Course:
    """The looks as rows; `pace` is in seconds per step. The first, before any step, goes once there are more,
    as a logarithmic axis has no room for it."""
    shown = looks[1:] if len(looks) > 1 else looks
    points, scores, log_q = zip(*shown, strict=True)
    steps = torch.tensor([float(point.step) for point in points])
    last: Checkpoint = points[-1]
    errors = [point.errors for point in points]

    def row(name: str) -> Tensor:
        return torch.stack([getattr(each, name) for each in errors]).double()

    return Course(
        steps=steps,
        scores=torch.stack(scores),
        relative=row("relative"),
        fisher=row("fisher"),
        reading=torch.stack([point.reading for point in points]),
        uncertainty=torch.stack([point.uncertainty for point in points]),
        seconds=pace * steps,
        parameters=last.model.parameters.detach(),
        kl=row("kl") if isinstance(last.model, EnergyNet) else None,
        log_q=torch.stack(log_q) if isinstance(last.model, EnergyNet) else None,
        ended=last.stopped,
        warning=next((point.warning for point in reversed(points) if point.warning), None),
    )


def beginning(training: Training) -> Course:
    """The course of a fit that has not taken a step: its losses have not been read yet."""
    network = training.fit.network(training.source)
    errors = judge(training.data.density, training.sigma).errors(network)
    unread = torch.full_like(errors.fisher, torch.inf)
    look = Checkpoint(0, training.steps, unread, unread, network, errors, None)
    return _course([(look, *_drawn(network, training.square.nodes.float()))], 0.0)


@lru_cache(maxsize=16)
def judge(truth: Density, sigma: float) -> Judge:
    """Who knows the errors of models of p_σ; its nodes are made once."""
    return Judge(truth, sigma)


def whole(training: Training) -> Course:
    """The course from its first to its last step: from the store, or made now."""
    (course,) = _last(fit([codec.encode(training)]))
    return course


def _last(job: Generator[Report, None, tuple[Course, ...]]) -> tuple[Course, ...]:
    """What a job returns."""
    while True:
        try:
            next(job)
        except StopIteration as end:
            return end.value


def store_key(training: Training) -> Key:
    """Under what a course is kept."""
    return Key(codec.key(fit, training), device="cpu", dtype="float32")


def stored(training: Training) -> tuple[Course, bool] | None:
    """The course that the store has, and whether it came with the package."""
    saved = Store().load(store_key(training))
    return None if saved is None else (_opened(saved), saved.shipped)


def _opened(saved: Saved) -> Course:
    ended, warning = saved.notes["ended"], saved.notes["warning"]
    return Course(**saved.tensors, ended=ended, warning=warning)


def keep(training: Training, course: Course) -> None:
    """Put a whole course into the store."""
    Store().save(store_key(training), course.tensors(), course.notes())


def ship(training: Training, course: Course) -> str:
    """Put a whole course among those that come with the package; the name of its file."""
    key = store_key(training).shipped
    Store(folder=DEFAULTS).save(key, course.tensors(), course.notes())
    return key.name
