"""The view of DSM's targets: at a noisy point, the gradients to every clean point it may have come from.

DSM regresses on ∇log p(x̃|x₀) = (x₀ − x̃)/σ². Weighted by p(x₀|x̃) these average to ∇log p_σ(x̃), the target of
ESM: so the two losses differ by a constant, the variance of the targets.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.datasets import DATASETS, Dataset
from gmviz.experiments.scene import nearest
from gmviz.experiments.trainings import P2
from gmviz.knobs import check_knobs, choice, knob

SIGMAS = torch.logspace(0.30103, -0.69897, 31, dtype=torch.float64)  # 2 to 0.2
CLEAN = 40_000  # points that the average is taken over
DRAWN = 700
ARROWS = 24


@dataclass(frozen=True)
class Request:
    """The data, the noisy point, and a seed."""

    data: Dataset = choice(P2, DATASETS, label="Data")
    probe_x: float = knob(1.0, -4.0, 4.0, 0.05, label="Probe x")
    probe_y: float = knob(2.0, -4.0, 4.0, 0.05, label="Probe y")
    seed: int = knob(0, 0, 999, 1, label="Seed")

    def __post_init__(self) -> None:
        check_knobs(self)

    @property
    def probe(self) -> Float[Tensor, "2"]:
        """The noisy point x̃."""
        return torch.tensor([self.probe_x, self.probe_y], dtype=torch.float64)


@dataclass(frozen=True, eq=False)
class Targets:
    """Clean points (n, 2) with their weights p(x₀|x̃) at each σ (T, n); ARROWS of them drawn by these weights
    (T, a, 2); the average target, its standard error, and the true score (T, 2)."""

    request: Request
    points: Float[Tensor, "n 2"]
    weights: Float[Tensor, "t n"]
    drawn: Float[Tensor, "t a 2"]
    average: Float[Tensor, "t 2"]
    error: Float[Tensor, "t"]
    score: Float[Tensor, "t 2"]
    spread: Float[Tensor, "t"]

    def at(self, position: float) -> dict[str, float]:
        """The numbers at the σ closest to `position`."""
        i = nearest(SIGMAS, position)
        return {
            "sigma": float(SIGMAS[i]),
            "average": float(self.average[i].norm()),
            "score": float(self.score[i].norm()),
            "apart": float((self.average[i] - self.score[i]).norm()),
            "error": float(self.error[i]),
            "spread": float(self.spread[i]),
        }

    def table(self) -> dict[str, list[float]]:
        """Lengths along σ, by column."""
        columns = {
            "σ": SIGMAS,
            "length of the average": self.average.norm(dim=-1),
            "its standard error": self.error,
            "length of the true score": self.score.norm(dim=-1),
            "spread of the targets": self.spread,
        }
        return {name: values.tolist() for name, values in columns.items()}


def run(request: Request) -> Targets:
    """Weights, targets and averages for every σ from one set of clean points."""
    generator = torch.Generator().manual_seed(request.seed)
    points = request.data.density.sample(CLEAN, generator)
    away = points - request.probe
    square = away.square().sum(-1)
    variance = SIGMAS.square()[:, None]
    weights = (-square / (2 * variance)).softmax(-1)
    average = weights @ away / variance
    # The targets' spread about their mean, and the standard error of a mean with weights.
    mean = weights @ away
    apart = weights @ square - mean.square().sum(-1)
    squares = weights.square()
    scatter = (
        squares @ square - 2 * ((squares @ away) * mean).sum(-1) + squares.sum(-1) * mean.square().sum(-1)
    )
    chosen = torch.stack([row.multinomial(ARROWS, replacement=True, generator=generator) for row in weights])
    return Targets(
        request=request,
        points=points[:DRAWN],
        weights=weights[:, :DRAWN] / weights[:, :DRAWN].amax(-1, keepdim=True),
        drawn=points[chosen],
        average=average,
        error=scatter.clamp(min=0).sqrt() / variance[:, 0],
        score=request.data.density.noised(SIGMAS).score(request.probe[None]).squeeze(-2),
        spread=apart.clamp(min=0).sqrt() / variance[:, 0],
    )
