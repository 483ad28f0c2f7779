"""Implicit score matching: the Fisher divergence up to a constant, from samples alone, by parts."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from gmviz.densities import Density
from gmviz.models import Model, Need, axes_like
from gmviz.objectives.objective import Draw, Objective, Work, information
from gmviz.quadrature import Estimate


@dataclass(frozen=True)
class ISM(Objective):
    """½‖s(x̃)‖² + tr J(x̃). The integration by parts needs p_σ s = 0 at the edge of the support."""

    name = "ism"
    label = "ISM"
    formula = r"\tfrac12\|s(\tilde x)\|^2+\operatorname{tr}\nabla s(\tilde x)"
    reference = "Hyvärinen (2005), Estimation of non-normalized statistical models by score matching"
    needs = frozenset({Need.SCORE})

    def losses(
        self, model: Model, x: Float[Tensor, "*models n d"], draw: Draw, truth: Density | None = None
    ) -> Float[Tensor, "*models n"]:
        noisy = self.noisy(x, draw)
        score, columns = model.jet(noisy, axes_like(noisy))
        trace = columns.diagonal(dim1=0, dim2=-1).sum(-1)
        return score.square().sum(-1) / 2 + trace

    def offset(self, truth: Density) -> Estimate:
        """½ E‖∇log p_σ‖²."""
        return information(truth, self.sigma)

    def work(self, provides: frozenset[Need], dimension: int) -> Work:
        return Work(1, dimension, 1 + int(Need.LOG_DENSITY in provides))
