"""Finite-difference denoising score matching: DSM along random directions from two values of log q."""

from dataclasses import dataclass
from math import sqrt

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.densities import Density
from gmviz.knobs import choice, knob
from gmviz.models import Model, Need
from gmviz.objectives.objective import Draw, Sliced, Work, at_several, information
from gmviz.objectives.probes import PROBES, SPHERE, Probes
from gmviz.quadrature import Estimate


@dataclass(frozen=True)
class FDDSM(Sliced):
    """½ [(L₊ − L₋)√d/(2ε) + z·v/σ]² with L± = log q(x̃ ± εv/√d), the mean over the slices v."""

    sigma: float = knob(0.2, 0.005, 5.0, 0.01, label="noise σ", unit="length")
    probes: Probes = choice(SPHERE, PROBES, label="probes")
    epsilon: float = knob(0.05, 1e-3, 1.0, 0.001, label="step ε", unit="length", log=True)

    name = "fd-dsm"
    label = "FD-DSM"
    formula = r"\tfrac12\left(\tfrac{\sqrt d}{2\varepsilon}(L_+-L_-)+\tfrac{z\cdot v}{\sigma}\right)^2"
    reference = (
        "Pang et al. (2020), Efficient learning of generative models via finite-difference score matching"
    )
    needs = frozenset({Need.SCORE, Need.LOG_DENSITY})

    def losses(
        self, model: Model, x: Float[Tensor, "*models n d"], draw: Draw, truth: Density | None = None
    ) -> Float[Tensor, "*models n"]:
        self.check(model, truth)
        noisy, d, m = self.noisy(x, draw), x.shape[-1], len(draw.probes)
        e = self.epsilon * draw.probes / sqrt(d)
        plus, minus = at_several(model.potential, torch.cat([noisy + e, noisy - e])).split([m, m])
        target = (draw.noise * draw.probes).sum(-1) / self.sigma
        return ((plus - minus) * sqrt(d) / (2 * self.epsilon) + target).square().mean(0) / 2

    def offset(self, truth: Density) -> Estimate:
        """That of DSM; the O(ε²) of the difference quotient is left in."""
        half = information(truth, self.sigma)
        return Estimate(half.value - truth.dimension / (2 * self.sigma**2), half.error)

    def work(self, provides: frozenset[Need], dimension: int) -> Work:
        return Work(2 * self.slices, 0, 0)
