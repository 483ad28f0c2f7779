"""The flow by Heun's method in τ = σ/α, with noise added on the way if wanted: EDM's sampler."""

import math
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.knobs import knob
from gmviz.samplers.base import State
from gmviz.samplers.grids import Karras, TimeGrid
from gmviz.samplers.scheduled import EndsClean
from gmviz.schedules import VE, Schedule
from gmviz.score_models import ScoreModel


@dataclass(frozen=True)
class Heun(EndsClean):
    """dy/dτ = ε̂ for y = x/α, a trapezoidal step after an Euler one: order 2, and Euler to σ = 0 at the end.

    With churn c > 0, τ̂ = τ(1 + min(c/N, √2 − 1)) and y += √(τ̂² − τ²) · noise · z first, while τ is in
    [τ_min, τ_max]. Karras et al. 2022, algorithms 1 (c = 0) and 2.
    """

    schedule: Schedule = VE(0.01, 20.0)
    grid: TimeGrid = Karras()
    churn: float = knob(0.0, 0.0, 100.0, 1.0, label="churn")
    churn_noise: float = knob(1.0, 0.9, 1.1, 0.001, label="noise of the churn")
    churn_from: float = knob(0.0, 0.0, 1000.0, 0.01, label="churn above τ")
    churn_to: float = knob(1000.0, 0.0, 1000.0, 0.01, label="churn below τ")

    label = "flow by Heun"
    name = "heun"
    reference = "Karras et al. 2022, algorithm 2"
    draws = 1
    calls = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.churn_from <= self.churn_to, "churn_from", f"at most {self.churn_to:g}", self.churn_from)

    def step(
        self, model: ScoreModel, state: State, t: float, s: float, z: Float[Tensor, "draws n d"]
    ) -> State:
        now, then = self.level(t), self.level(s)
        tau, goal = now.sigma / now.alpha, then.sigma / then.alpha
        raised = tau * (1 + self._gamma(tau))
        y = state.x / now.alpha + (raised**2 - tau**2) ** 0.5 * self.churn_noise * z[0]
        slope = _noise(model, y, now.alpha, raised)
        ahead = y + (goal - raised) * slope
        y = y + (goal - raised) / 2 * (slope + _noise(model, ahead, then.alpha, goal))
        return State(then.alpha * y, evaluations=state.evaluations + 2)

    def _gamma(self, tau: float) -> float:
        if not self.churn_from <= tau <= self.churn_to:
            return 0.0
        return min(self.churn / self.steps, math.sqrt(2) - 1)


def _noise(model: ScoreModel, y: Tensor, alpha: float, tau: float) -> Tensor:
    """ε̂ = −σ s at x = αy, σ = ατ."""
    return -alpha * tau * model.score(alpha * y, alpha, alpha * tau)
