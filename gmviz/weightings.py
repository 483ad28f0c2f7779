"""How ∫ λ(t) Fisher dt weighs the times of a noise schedule."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gmviz.schedules import Schedule


@dataclass(frozen=True)
class Weighting:
    """λ(t) of a schedule at times t (...): its name, label and symbol."""

    name: str
    label: str
    symbol: str
    at: Callable[[Schedule, Tensor], Tensor]


LIKELIHOOD = Weighting("g2", "λ = g², likelihood", "g²", lambda schedule, t: schedule.diffusion(t).square())
VARIANCE = Weighting("sigma2", "λ = σ², denoising", "σ²", lambda schedule, t: schedule.sigma(t).square())
UNIFORM = Weighting("one", "λ = 1, all times alike", "1", lambda schedule, t: torch.ones_like(t))
WEIGHTINGS = (LIKELIHOOD, VARIANCE, UNIFORM)
