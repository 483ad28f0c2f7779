"""Unadjusted Langevin: walk along the score, with noise, at one noise level."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.knobs import knob
from gmviz.samplers.base import Level, Sampler, State, turned
from gmviz.score_models import ScoreModel


@dataclass(frozen=True)
class Langevin(Sampler):
    """x ← x + h s(x; 1, σ) + √(2h) z, whose clock is the sum of the steps h (a length squared).

    On N(0, v) its stationary variance is v/(1 − h/2v), and it diverges for h ≥ 2v (Roberts & Tweedie 1996).
    """

    step_size: float = knob(0.02, 1e-7, 10.0, 1e-3, label="step h", unit="length²", log=True)
    steps: int = knob(200, 1, 100000, 1, label="steps", log=True)
    sigma: float = knob(0.0, 0.0, 10.0, 0.01, label="noise level σ", unit="length")

    label = "Langevin"
    name = "langevin"
    reference = "Roberts & Tweedie 1996, eq. 6"
    draws = 1

    def times(self) -> Float[Tensor, "T"]:
        return self.step_size * torch.arange(self.steps + 1, dtype=torch.float64)

    def level(self, t: float) -> Level:
        return Level(t, 1.0, self.sigma)

    def step(
        self, model: ScoreModel, state: State, t: float, s: float, z: Float[Tensor, "draws n d"]
    ) -> State:
        h = s - t
        mean = state.x + h * model.score(state.x, 1.0, self.sigma)
        return State(mean + (2 * h) ** 0.5 * z[0], evaluations=state.evaluations + 1)

    @property
    def cost(self) -> int | None:
        return self.steps

    def within(self, budget: int) -> "Langevin":
        require(budget >= 1, "budget", "at least 1 evaluation", budget)
        return replace(self, steps=budget)

    def gentler(self) -> "Langevin | None":
        return turned(self, "step_size", 0.5)

    @property
    def setting(self) -> str:
        return f"h = {self.step_size:.3g}"
