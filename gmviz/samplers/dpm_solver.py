"""DPM-Solver++(2M): the flow in λ = log(α/σ), its linear part exact, x̂₀ extrapolated from two steps."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.samplers.base import State
from gmviz.samplers.grids import TimeGrid, UniformLogSNR
from gmviz.samplers.scheduled import EndsClean
from gmviz.score_models import ScoreModel


@dataclass(frozen=True)
class DPMSolver2M(EndsClean):
    """x_s = (σ_s/σ_t) x − α_s (e^(−h) − 1) D, D = x̂₀ + (x̂₀ − x̂₀')/2r, h = λ_s − λ_t, r = h'/h: order 2.

    A dash marks the step before, which is the memory: x̂₀' and h'. The first step and the last, to σ = 0, are
    of first order: a second-order step across the infinite last interval would be unstable.
    """

    grid: TimeGrid = UniformLogSNR()

    label = "flow by DPM-Solver++(2M)"
    name = "dpm_solver_2m"
    reference = "Lu et al. 2022 (DPM-Solver++), algorithm 2"
    draws = 0

    def step(
        self, model: ScoreModel, state: State, t: float, s: float, z: Float[Tensor, "draws n d"]
    ) -> State:
        now, then = self.level(t), self.level(s)
        h = math.log(then.alpha / then.sigma) - math.log(now.alpha / now.sigma)
        clean = model.denoised(state.x, now.alpha, now.sigma)
        D = clean
        if state.memory:
            previous, h_previous = state.memory
            D = clean + (clean - previous) * h / (2 * h_previous)
        x = then.sigma / now.sigma * state.x - then.alpha * math.expm1(-h) * D
        return State(x, (clean, torch.tensor(h, dtype=x.dtype)), state.evaluations + 1)
