"""Langevin with a Metropolis test, which makes its stationary law exact."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.knobs import knob
from gmviz.samplers.base import Level, Sampler, State, turned
from gmviz.score_models import ScoreModel


@dataclass(frozen=True)
class MALA(Sampler):
    """y = x + h s(x) + √(2h) z, accepted if log u < log p(y) − log p(x) + log q(x|y) − log q(y|x).

    log q(y|x) = −‖y − x − h s(x)‖²/4h. The second draw gives u = Φ(z), so z = 0 stands for u = ½. Memory:
    log p (n,), the score (n, d) and how often each particle has moved (n,), all at the present x. Best
    acceptance .574 in high dimension (Roberts & Rosenthal 1998).
    """

    step_size: float = knob(0.1, 1e-7, 10.0, 1e-3, label="step h", unit="length²", log=True)
    steps: int = knob(200, 1, 100000, 1, label="steps", log=True)
    sigma: float = knob(0.0, 0.0, 10.0, 0.01, label="noise level σ", unit="length")

    label = "Metropolis-adjusted Langevin"
    name = "mala"
    reference = "Roberts & Tweedie 1996, section 1.4"
    draws = 2
    needs_log_prob = True

    def times(self) -> Float[Tensor, "T"]:
        return self.step_size * torch.arange(self.steps + 1, dtype=torch.float64)

    def level(self, t: float) -> Level:
        return Level(t, 1.0, self.sigma)

    def step(
        self, model: ScoreModel, state: State, t: float, s: float, z: Float[Tensor, "draws n d"]
    ) -> State:
        h, x, calls = s - t, state.x, 1
        if not state.memory:
            state = State(x, (*model.value_and_score(x, 1.0, self.sigma), torch.zeros_like(x[:, 0])))
            calls = 2
        log_p, score, moved = state.memory
        y = x + h * score + (2 * h) ** 0.5 * z[0]
        log_p_y, score_y = model.value_and_score(y, 1.0, self.sigma)
        back = (x - y - h * score_y).square().sum(-1)
        forth = 2 * h * z[0].square().sum(-1)
        passes = torch.special.log_ndtr(z[1, :, 0]) < log_p_y - log_p + (forth - back) / (4 * h)
        # A score that is NaN would be rejected in silence for ever; it shall be seen instead.
        y = torch.where(score_y.isnan().any(-1, keepdim=True) | log_p_y.isnan()[:, None], torch.nan, y)
        accepted = passes | y.isnan().any(-1)
        memory = (
            torch.where(accepted, log_p_y, log_p),
            torch.where(accepted[:, None], score_y, score),
            moved + accepted,
        )
        return State(torch.where(accepted[:, None], y, x), memory, state.evaluations + calls)

    @property
    def cost(self) -> int | None:
        return self.steps + 1

    def within(self, budget: int) -> "MALA":
        require(budget >= 2, "budget", "at least 2 evaluations", budget)
        return replace(self, steps=budget - 1)

    def gentler(self) -> "MALA | None":
        return turned(self, "step_size", 0.5)

    @property
    def setting(self) -> str:
        return f"h = {self.step_size:.3g}"
