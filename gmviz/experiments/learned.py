"""The score of a law at all noise levels, learned by a network: fitted by a job, kept in the store."""

import math
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from gmviz.checks import require
from gmviz.datasets import Dataset
from gmviz.experiments import codec
from gmviz.experiments.laws import DATA, P7, data_points
from gmviz.fitting.noise_levels import MATCHINGS, WEIGHTINGS, Matching, NoiseFit, SlicedMatching, Weighting
from gmviz.fitting.sources import Fresh, Points, Source
from gmviz.knobs import check_knobs, choice, knob
from gmviz.noise_networks import NoiseNet, relative_errors
from gmviz.runtime.jobs import Report
from gmviz.runtime.places import DEFAULTS
from gmviz.runtime.store import Key, Saved, Store
from gmviz.schedules import VE

JOB = f"{__name__}:fit"
FEWEST = 20  # data points from which a network is fitted
NOISES = (0.05, 0.2, 1.0)  # where the true error is told
JUDGED = 4000  # points over which it is averaged


@dataclass(frozen=True)
class Lesson:
    """What a network is taught: a law, from no end of data (0 examples) or from a few, and by which loss."""

    data: Dataset = choice(P7, DATA, label="Data")
    examples: int = knob(0, 0, 500, 1, label="Data points, 0 for no end of them")
    matching: Matching = choice(MATCHINGS[0], MATCHINGS, label="Loss")
    weighting: Weighting = choice(WEIGHTINGS[0], WEIGHTINGS, label="Weight of a noise level")

    def __post_init__(self) -> None:
        check_knobs(self)
        enough = self.examples == 0 or self.examples >= FEWEST
        require(enough, "points", f"at least {FEWEST} to learn from", self.examples)

    @property
    def source(self) -> Source:
        """Where the training points come from."""
        density = self.data.density
        return Points(data_points(self.data, self.examples), density) if self.examples else Fresh(density)

    @property
    def fit(self) -> NoiseFit:
        """The fit; the noisier sliced loss gets half the rate."""
        plain = NoiseFit(schedule=VE(0.03, 20.0), matching=self.matching, weighting=self.weighting)
        if not isinstance(self.matching, SlicedMatching):
            return plain
        return replace(plain, recipe=replace(plain.recipe, rate=plain.recipe.rate / 2))

    @property
    def key(self) -> Key:
        """Under what the network is kept."""
        return Key(codec.key(fit, self), device="cpu", dtype="float32")

    def network(self, parameters: Tensor) -> NoiseNet:
        """The network with these parameters (P,)."""
        untaught = self.fit.network(self.source, torch.Generator().manual_seed(self.fit.seed))
        return untaught.with_parameters(parameters)


@dataclass(frozen=True, eq=False)
class Learned:
    """A network and E‖s − s*‖² / E‖s*‖² over p_σ at the noise levels `NOISES`."""

    model: NoiseNet
    errors: tuple[float, ...]


def fit(payload: dict[str, str]) -> Generator[Report, None, None]:
    """The job: teach the lesson that the payload spells and keep the network.

    Raises `ValueError` if the loss is no longer finite.
    """
    lesson = codec.decode(Lesson, payload)
    if ready(lesson):
        return
    for progress in lesson.fit.run(lesson.source):
        require(math.isfinite(progress.loss), "the loss", "finite", f"{progress.loss} at {progress.step}")
        yield Report(progress.step, progress.steps)
    keep(lesson, Store(), lesson.key, progress.model)


def keep(lesson: Lesson, store: Store, key: Key, model: NoiseNet) -> list[float]:
    """Put a network into a store, with its true errors, which are returned."""
    p, generator = lesson.data.density, torch.Generator().manual_seed(1)
    errors = relative_errors(
        model,
        lambda x, sigma: p.noised(sigma).score(x),
        lambda sigma: p.noised(sigma).sample(JUDGED, generator),
        NOISES,
    ).tolist()
    store.save(key, {"parameters": model.parameters.detach()}, {"errors": errors})
    return errors


def ready(lesson: Lesson) -> bool:
    """Whether the store has the network."""
    return Store().load(lesson.key) is not None


@lru_cache(maxsize=16)
def learned(lesson: Lesson) -> Learned:
    """The network from the store; one that is not there is fitted now, in seconds."""
    for _ in range(2):
        saved: Saved | None = Store().load(lesson.key)
        if saved is not None:
            return Learned(lesson.network(saved.tensors["parameters"]), tuple(saved.notes["errors"]))
        list(fit(codec.encode(lesson)))
    raise ValueError("the network cannot be kept: the store is not writable")


def words(lesson: Lesson) -> str:
    """How wrong the network is, in a sentence."""
    errors = zip(learned(lesson).errors, NOISES, strict=True)
    listed = ", ".join(f"{error:.2g} at σ = {sigma:g}" for error, sigma in errors)
    return f"The network's true error ‖s − s*‖²/‖s*‖²: {listed}."


def ship(lesson: Lesson) -> tuple[str, dict[str, object]]:
    """Fit afresh and ship the network with the package: the name of its file, its line in the index."""
    began = time.process_time()
    *_, last = lesson.fit.run(lesson.source)
    seconds = time.process_time() - began
    key = lesson.key.shipped
    errors = keep(lesson, Store(folder=DEFAULTS), key, last.model)
    note = {
        "data": lesson.data.name,
        "sigma": list(NOISES),
        "objective": lesson.matching.name,
        "relative error": [round(error, 5) for error in errors],
        "seconds": round(seconds, 2),
    }
    return key.name, note


SHIPPED = (Lesson(),)
