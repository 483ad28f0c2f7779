"""DDIM: from a deterministic map to ancestral sampling by one knob."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from gmviz.knobs import knob
from gmviz.samplers.base import State
from gmviz.samplers.scheduled import EndsClean
from gmviz.score_models import ScoreModel


@dataclass(frozen=True)
class DDIM(EndsClean):
    """x_s = α_s x̂₀ + √(σ_s² − c²) ε̂ + c z with c = η σ_s √(1 − (α_t σ_s/α_s σ_t)²).

    η = 0 is the Euler step in τ = σ/α (and the first-order DPM-Solver), η = 1 is DDPM with its small
    variance. Song, Meng & Ermon 2021, eq. 12 and 16.
    """

    eta: float = knob(0.0, 0.0, 1.0, 0.05, label="η")

    label = "DDIM"
    name = "ddim"
    reference = "Song, Meng & Ermon 2021, eq. 12"
    draws = 1

    def step(
        self, model: ScoreModel, state: State, t: float, s: float, z: Float[Tensor, "draws n d"]
    ) -> State:
        now, then = self.level(t), self.level(s)
        noise = -now.sigma * model.score(state.x, now.alpha, now.sigma)
        clean = (state.x - now.sigma * noise) / now.alpha
        ratio = now.alpha * then.sigma / (then.alpha * now.sigma)
        c = self.eta * then.sigma * (1 - ratio**2) ** 0.5
        mean = then.alpha * clean + (then.sigma**2 - c**2) ** 0.5 * noise
        return State(mean + c * z[0], evaluations=state.evaluations + 1)
