"""Langevin down a ladder of noise levels: the first score-based sampler (SMLD, NCSN)."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.knobs import knob
from gmviz.samplers.base import CLEAN, Level, Sampler, State, turned
from gmviz.samplers.grids import UniformTime
from gmviz.samplers.scheduled import level_of, times_of
from gmviz.schedules import VE
from gmviz.score_models import ScoreModel


@dataclass(frozen=True)
class AnnealedLangevin(Sampler):
    """At each of `levels` geometric σ_i, `inner` times x ← x + h_i s(x; 1, σ_i) + √(2h_i) z, h_i = r σ_i².

    Then x̂₀ = x + σ_L² s, the final denoising of NCSNv2. In the notation of the papers r = ε/2σ_L² (Song &
    Ermon 2019, algorithm 1, steps α_i = ε σ_i²/σ_L²).
    """

    schedule: VE = VE(0.05, 20.0)
    levels: int = knob(10, 2, 1000, 1, label="noise levels", log=True)
    inner: int = knob(10, 1, 10000, 1, label="steps per level", log=True)
    ratio: float = knob(0.2, 1e-5, 10.0, 0.01, label="step h/σ²", log=True)

    label = "annealed Langevin"
    name = "annealed"
    reference = "Song & Ermon 2019, algorithm 1; Song & Ermon 2020"
    draws = 1

    def times(self) -> Float[Tensor, "T"]:
        rungs = times_of(self.schedule, UniformTime(), self.levels - 1)
        return torch.cat([rungs[:1], rungs.repeat_interleave(self.inner)])

    def level(self, t: float) -> Level:
        return level_of(self.schedule, t)

    def step(
        self, model: ScoreModel, state: State, t: float, s: float, z: Float[Tensor, "draws n d"]
    ) -> State:
        sigma = self.level(s).sigma
        h = self.ratio * sigma**2
        mean = state.x + h * model.score(state.x, 1.0, sigma)
        return State(mean + (2 * h) ** 0.5 * z[0], evaluations=state.evaluations + 1)

    def finish(self, model: ScoreModel, state: State) -> State:
        clean = model.denoised(state.x, 1.0, self.level(self.schedule.stop).sigma)
        return State(clean, evaluations=state.evaluations + 1)

    @property
    def last_level(self) -> Level:
        return CLEAN

    @property
    def cost(self) -> int | None:
        return self.levels * self.inner + 1

    def within(self, budget: int) -> "AnnealedLangevin":
        require(budget >= 3, "budget", "at least 3 evaluations", budget)
        levels = min(self.levels, budget - 1)
        return replace(self, levels=levels, inner=(budget - 1) // levels)

    def gentler(self) -> "AnnealedLangevin | None":
        return turned(self, "ratio", 0.5)

    @property
    def setting(self) -> str:
        return f"h/σ² = {self.ratio:.3g}"

    def with_matched_step(self) -> "AnnealedLangevin":
        """The same ladder with the step of NCSNv2 (Song & Ermon 2020, technique 4)."""
        rungs = self.schedule.log_ratio / (self.levels - 1)
        return replace(self, ratio=matched_ratio(torch.tensor(rungs).exp().item(), self.inner))


def matched_ratio(gamma: float, inner: int) -> float:
    """The r for which `inner` steps best bring the variance γ²σ² of the level above down to σ².

    On N(0, σ²) the variance after T steps is σ² [(1 − r)^{2T} (γ² − q) + q] with q = 2/(2 − r); the bracket
    is 1 or as near as it comes (Song & Ermon 2020, proposition 3 and technique 4). γ > 1, T ≥ 1.
    """
    require(gamma > 1, "gamma", "above 1", gamma)
    require(inner >= 1, "inner", "at least 1", inner)
    r = torch.logspace(-5, 0, 200_001, dtype=torch.float64)
    q = 2 / (2 - r)
    variance = (1 - r) ** (2 * inner) * (gamma**2 - q) + q
    return r[(variance - 1).abs().argmin()].item()
