"""Fits side by side on one clock, against the truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.experiments.courses import Course
from gmviz.experiments.trainings import SIDE, Square, Training
from gmviz.models import Model
from gmviz.objectives import Objective
from gmviz.objectives.objective import noised


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

    def maps(self, name: str, length: int) -> Float[Tensor, "t h w ..."]:
        """Maps of the course at `length` looks; of a fit that ended early, its last from then on."""
        maps = getattr(self.course, name)[:length]
        return torch.cat([maps, maps[-1:].expand(length - len(maps), *maps.shape[1:])])


@dataclass(frozen=True, eq=False)
class Timed:
    """Fits on one clock, the training step."""

    learned: tuple[Learned, ...]

    @cached_property
    def steps(self) -> Float[Tensor, "t"]:
        """The looks that all fits have had which have not ended."""
        lengths = [len(each.course.steps) for each in self.learned if each.course.ended is None]
        longest = max((each.course.steps for each in self.learned), key=len)
        return longest[: min(lengths, default=len(longest))]

    @property
    def newest(self) -> float:
        """The last of them."""
        return float(self.steps[-1])

    @property
    def begun(self) -> bool:
        """Whether there is more than the networks before their first step."""
        return self.newest > 0

    @property
    def faults(self) -> tuple[str, ...]:
        """What went wrong with a fit, a sentence each."""
        words = ((each.objective.label, each.course.ended or each.course.warning) for each in self.learned)
        return tuple(f"{label}, {sentence}." for label, sentence in words if sentence)


@dataclass(frozen=True, eq=False)
class Fitted(Timed):
    """Up to four fits, with the truth on the square: log p_σ (H, W) and its score (H, W, 2)."""

    square: Square
    log_p: Float[Tensor, "h w"]
    score: Float[Tensor, "h w 2"]

    @staticmethod
    def of(trainings: Sequence[Training], courses: Sequence[Course]) -> "Fitted":
        """The fits with what is there of their courses."""
        first = trainings[0]
        square, law = first.square, noised(first.data.density, first.sigma)
        log_p, score = law.value_and_score(square.nodes)
        return Fitted(
            tuple(map(Learned, trainings, courses)),
            square,
            log_p.unflatten(0, (SIDE, SIDE)),
            score.unflatten(0, (SIDE, SIDE)),
        )

    def error_map(self, each: Learned) -> Float[Tensor, "t h w"]:
        """½ p_σ ‖s − ∇log p_σ‖², whose integral is the Fisher error."""
        apart = (each.maps("scores", len(self.steps)).double() - self.score).square().sum(-1)
        return self.log_p.exp() * apart / 2

    def at(self, position: float) -> dict[str, float]:
        """The numbers at the training step closest to `position`."""
        i = int((self.steps - position).abs().argmin())
        numbers: dict[str, float] = {}
        for each in self.learned:
            name, count = each.training.objective.name.replace("-", "_"), len(self.steps)
            constant = float(each.objective.offset(each.training.data.density).value)
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
