"""How far the score of a kernel density is from the truth, and how much of the data it remembers."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.densities import Density
from gmviz.memorising import recall

PROBES = 1000  # points at which the errors are averaged
REMEMBERED = 0.99  # a largest weight above it counts as memorised


@dataclass(frozen=True, eq=False)
class Average:
    """A mean along σ with its standard error, both (T,)."""

    value: Float[Tensor, "T"]
    error: Float[Tensor, "T"]

    @staticmethod
    def of(values: Float[Tensor, "T m"]) -> "Average":
        """Over the last axis."""
        return Average(values.mean(-1), values.std(-1) / math.sqrt(values.shape[-1]))


@dataclass(frozen=True, eq=False)
class Errors:
    """How far the kernel density's score is from the truth, along σ, and how much of the data it remembers.

    sampling (A): ½E|ŝ − ∇log p_σ|² at x + σz. clean (B): ½E|ŝ − ∇log p|² at x, and its part that n = ∞ would
    leave, `bias`; None where p has no score. `remembered`: the share of points x_b + σz whose largest weight
    exceeds `REMEMBERED`.
    """

    sampling: Average
    clean: Average | None
    bias: Average | None
    remembered: Average


def score_errors(
    p: Density,
    points: Float[Tensor, "n 2"],
    sigmas: Float[Tensor, "T"],
    own: bool,
    clean: bool,
    generator: torch.Generator,
) -> Errors:
    """The errors at fresh points x of p or at the points' `own` places; B if p has a `clean` score.

    The same x and z serve every σ, so that the curves are as smooth as what they estimate.
    """
    fresh = p.sample(PROBES, generator)
    z = torch.randn(PROBES, 2, dtype=torch.float64, generator=generator)
    data = points[torch.arange(PROBES) % len(points)]
    x = data if own else fresh
    seen = recall(points, x, z, sigmas)
    remembered = seen if own else recall(points, data, z, sigmas)
    sampling = _half_square(seen.score - p.noised(sigmas).score(x + sigmas[:, None, None] * z))
    share = Average.of((remembered.largest > REMEMBERED).double())
    if not clean:
        return Errors(sampling, None, None, share)
    score = p.score(x)
    still = recall(points, x, torch.zeros_like(x), sigmas)
    bias = _half_square(p.noised(sigmas).score(x) - score)
    return Errors(sampling, _half_square(still.score - score), bias, share)


def _half_square(apart: Float[Tensor, "T m 2"]) -> Average:
    return Average.of(apart.square().sum(-1) / 2)
