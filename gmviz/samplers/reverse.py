"""The reverse-time equation dx = [f x − g² s] dt + g dw (Anderson 1982), discretised in two ways."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from gmviz.samplers.base import State
from gmviz.samplers.scheduled import EndsOnMean
from gmviz.score_models import ScoreModel


@dataclass(frozen=True)
class ReverseSDE(EndsOnMean):
    """Euler-Maruyama from t down to s, h = t − s: x − (f x − g² s) h + g √h z. Its last noise is left out."""

    label = "reverse SDE"
    name = "reverse_sde"
    reference = "Anderson 1982; Song et al. 2021, eq. 6"
    draws = 1

    def step(
        self, model: ScoreModel, state: State, t: float, s: float, z: Float[Tensor, "draws n d"]
    ) -> State:
        now, h = self.level(t), t - s
        rate, g = self.schedule.rate(t).item(), self.schedule.diffusion(t).item()
        score = model.score(state.x, now.alpha, now.sigma)
        mean = state.x - (rate * state.x - g**2 * score) * h
        return State(mean + g * h**0.5 * z[0], evaluations=state.evaluations + 1, mean=mean)


@dataclass(frozen=True)
class ReverseDiffusion(EndsOnMean):
    """The forward step x_t = a x_s + G z undone: (2 − a) x + G² s + G z, a = α_t/α_s, G² = σ_t² − a²σ_s².

    Song et al. 2021, eq. 46, with a from the exact α(t), so that it exists for any number of steps.
    """

    label = "reverse diffusion"
    name = "reverse_diffusion"
    reference = "Song et al. 2021, eq. 46"
    draws = 1

    def step(
        self, model: ScoreModel, state: State, t: float, s: float, z: Float[Tensor, "draws n d"]
    ) -> State:
        now, then = self.level(t), self.level(s)
        a = now.alpha / then.alpha
        G2 = now.sigma**2 - (a * then.sigma) ** 2
        mean = (2 - a) * state.x + G2 * model.score(state.x, now.alpha, now.sigma)
        return State(mean + G2**0.5 * z[0], evaluations=state.evaluations + 1, mean=mean)
