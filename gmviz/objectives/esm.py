"""Explicit score matching: the Fisher divergence itself, for those who know the true score."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from gmviz.densities import Density
from gmviz.models import Model, Need
from gmviz.objectives.objective import Draw, Objective, Work, no_offset, noised
from gmviz.quadrature import Estimate


@dataclass(frozen=True)
class ESM(Objective):
    """½‖s(x̃) − ∇log p_σ(x̃)‖²: no variance at the optimum, but it needs the answer."""

    name = "esm"
    label = "ESM"
    formula = r"\tfrac12\left\|s(\tilde x)-\nabla\log p_\sigma(\tilde x)\right\|^2"
    reference = "Hyvärinen (2005), Estimation of non-normalized statistical models by score matching"
    needs = frozenset({Need.SCORE, Need.TRUTH})

    def losses(
        self, model: Model, x: Float[Tensor, "*models n d"], draw: Draw, truth: Density | None = None
    ) -> Float[Tensor, "*models n"]:
        self.check(model, truth)
        noisy = self.noisy(x, draw)
        target = noised(truth, self.sigma, x.dtype).score(noisy)
        return (model.score(noisy) - target).square().sum(-1) / 2

    def offset(self, truth: Density) -> Estimate:
        """0."""
        return no_offset()

    def work(self, provides: frozenset[Need], dimension: int) -> Work:
        return Work(1, 0, int(Need.LOG_DENSITY in provides))
