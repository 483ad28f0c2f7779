"""DDPM's ancestral sampling, on any schedule and with any number of steps."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from gmviz.knobs import choice
from gmviz.samplers.base import State
from gmviz.samplers.scheduled import EndsClean
from gmviz.score_models import ScoreModel

SMALL, LARGE = "small", "large"


@dataclass(frozen=True)
class DDPM(EndsClean):
    """x_s = (x + G² s)/a + √v z with a = α_t/α_s, G² = σ_t² − a²σ_s², the step's own noise (β_t on VP).

    v = G² ("large") or σ_s²G²/σ_t² ("small"): right for x₀ ~ N(0, I) and for a single point (Ho et al. 2020,
    section 3.2). a comes from the exact α(t), not from 1 − β_max/N, so that no number of steps is too few.
    """

    variance: str = choice(LARGE, (LARGE, SMALL), label="variance of a step")

    label = "DDPM"
    name = "ddpm"
    reference = "Ho et al. 2020, algorithm 2"
    draws = 1

    def step(
        self, model: ScoreModel, state: State, t: float, s: float, z: Float[Tensor, "draws n d"]
    ) -> State:
        now, then = self.level(t), self.level(s)
        a = now.alpha / then.alpha
        G2 = now.sigma**2 - (a * then.sigma) ** 2
        mean = (state.x + G2 * model.score(state.x, now.alpha, now.sigma)) / a
        v = G2 if self.variance == LARGE else G2 * (then.sigma / now.sigma) ** 2
        return State(mean + v**0.5 * z[0], evaluations=state.evaluations + 1)
