"""The view of the mode weights: one energy network, fitted by likelihood and by its score, on far modes.

The score of a mixture of far modes hardly depends on their weights, so a fit of the score need not find them.
With noise the modes meet, and it does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.datasets import DATASETS, Dataset
from gmviz.densities import GaussianMixture
from gmviz.divergences import fisher, kl
from gmviz.experiments.courses import Course
from gmviz.experiments.fits import Learned, Timed
from gmviz.experiments.scene import nearest
from gmviz.experiments.trainings import ENERGIES, SIDE, Setting, Training
from gmviz.objectives import DSM, ISM, SSMVR, MaximumLikelihood, Objective

FAR: Dataset = next(data for data in DATASETS if data.name == "far-modes")
WEIGHTS = torch.linspace(0.02, 0.98, 49, dtype=torch.float64)  # 0.8 among them


MATCHED: tuple[Objective, ...] = (DSM(), ISM(), SSMVR())


def trainings(setting: Setting, near: float, cure: float, matched: Objective) -> tuple[Training, ...]:
    """Likelihood and score matching at the noise `near`, and score matching at the noise `cure`."""
    little = replace(setting, data=FAR, network=ENERGIES, sigma=near)
    more = replace(little, sigma=cure)
    return (little.training(MaximumLikelihood()), little.training(matched), more.training(matched))


@dataclass(frozen=True)
class Landscape:
    """KL and Fisher of p_σ against the same mixture with weight w on the left, along `WEIGHTS`."""

    kl: Float[Tensor, "w"]
    fisher: Float[Tensor, "w"]


@cache
def landscape(sigma: float) -> Landscape:
    """The two divergences as functions of the weight, both 0 at the true one."""
    p = _mixture()
    weights = torch.stack([WEIGHTS, 1 - WEIGHTS], dim=-1)
    q = GaussianMixture(
        weights, p.means.expand(len(WEIGHTS), 2, 2), p.covariances.expand(len(WEIGHTS), 2, 2, 2)
    )
    return Landscape(*(each(p.noised(sigma), q.noised(sigma)).value for each in (kl, fisher)))


def _mixture() -> GaussianMixture:
    return cast(GaussianMixture, FAR.density)


def left_weight(log_q: Float[Tensor, "*t h w"], sigma: float) -> Float[Tensor, "*t"]:
    """The weight w for which the mixture has as much mass left of the middle as q has.

    Of the left mode's mass a share δ = Φ(−D/(2√(s² + σ²))) lies on the right, so q's mass there is
    w(1 − δ) + (1 − w)δ. The trapezoid sum over the square is exact for so smooth a q.
    """
    p = _mixture()
    mass = log_q.double().flatten(-2).softmax(-1).unflatten(-1, (SIDE, SIDE)).sum(-2)
    left = mass[..., : SIDE // 2].sum(-1) + mass[..., SIDE // 2] / 2
    half = (p.means[1] - p.means[0]).norm() / 2
    sd = (p.covariances[0, 0, 0] + sigma**2).sqrt()
    crossed = torch.special.ndtr(-half / sd)
    return (left - crossed) / (1 - 2 * crossed)


@dataclass(frozen=True, eq=False)
class ModeWeights(Timed):
    """Maximum likelihood and score matching at little noise, and score matching at more, on one clock."""

    @staticmethod
    def of(trainings: Sequence[Training], courses: Sequence[Course]) -> "ModeWeights":
        """The fits with what is there of their courses."""
        return ModeWeights(tuple(map(Learned, trainings, courses)))

    @property
    def truth(self) -> float:
        """The weight of the left mode."""
        return float(_mixture().weights[0])

    @cached_property
    def weights(self) -> Float[Tensor, "m t"]:
        """The weight that each fit has found."""
        return torch.stack(
            [left_weight(each.maps("log_q", len(self.steps)), each.training.sigma) for each in self.learned]
        )

    def at(self, position: float) -> dict[str, float]:
        """The numbers at the training step closest to `position`."""
        i = nearest(self.steps, position)
        numbers: dict[str, float] = {"truth": self.truth}
        for name, each, found in zip(
            ("likelihood", "score", "cured"), self.learned, self.weights, strict=True
        ):
            level = landscape(each.training.sigma)
            numbers |= {
                name: float(found[i]),
                f"{name}_percent": 100 * float(each.row("relative", len(self.steps))[i]),
                f"{name}_sigma": each.training.sigma,
                f"{name}_fisher": float(level.fisher[nearest(WEIGHTS, float(found[i]))]),
            }
        return numbers

    def table(self) -> dict[str, list[float]]:
        """The weights along the training, by column."""
        columns = {"step": self.steps}
        for each, found in zip(self.learned, self.weights, strict=True):
            columns[f"{each.objective.label}, σ = {each.training.sigma:g}"] = found
        return {name: values.tolist() for name, values in columns.items()}
