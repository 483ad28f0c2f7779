"""Finite-difference sliced score matching: the derivatives of SSM from values at neighbouring points."""

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
class FDSSM(Sliced):
    """With e = εv/√d and L± = log q(x̃ ± e): (d/ε²)[L₊ + L₋ − 2L₀ + (L₊ − L₋)²/8].

    A model without log q takes the variance-reduced form of its score, ‖s₊ + s₋‖²/8 + d/(2ε²) (s₊ − s₋)·e.
    Both differ from ISM by O(ε²); the first is exact for Gaussian models and loses u/ε² to round-off.
    """

    probes: Probes = choice(SPHERE, PROBES, label="probes")
    epsilon: float = knob(0.05, 1e-3, 1.0, 0.001, label="step ε", unit="length", log=True)

    name = "fd-ssm"
    label = "FD-SSM"
    formula = r"\tfrac{d}{\varepsilon^2}\left[L_++L_--2L_0+\tfrac18(L_+-L_-)^2\right]"
    reference = (
        "Pang et al. (2020), Efficient learning of generative models via finite-difference score matching"
    )
    needs = frozenset({Need.SCORE})

    def losses(
        self, model: Model, x: Float[Tensor, "*models n d"], draw: Draw, truth: Density | None = None
    ) -> Float[Tensor, "*models n"]:
        noisy, d, m = self.noisy(x, draw), x.shape[-1], len(draw.probes)
        e = self.epsilon * draw.probes / sqrt(d)
        scale = d / self.epsilon**2
        if Need.LOG_DENSITY in model.provides:
            points = torch.cat([noisy + e, noisy - e, noisy.unsqueeze(0)])
            plus, minus, middle = at_several(model.potential, points).split([m, m, 1])
            return scale * (plus + minus - 2 * middle + (plus - minus).square() / 8).mean(0)
        plus, minus = at_several(model.score, torch.cat([noisy + e, noisy - e])).split([m, m])
        bend = ((plus - minus) * e).sum(-1)
        return ((plus + minus).square().sum(-1) / 8 + scale / 2 * bend).mean(0)

    def offset(self, truth: Density) -> Estimate:
        """½ E‖∇log p_σ‖²; the O(ε²) of the difference quotient is left in."""
        return information(truth, self.sigma)

    def work(self, provides: frozenset[Need], dimension: int) -> Work:
        return Work(2 * self.slices + int(Need.LOG_DENSITY in provides), 0, 0)
