"""Sliced score matching: the trace of ISM along random directions."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from gmviz.densities import Density
from gmviz.models import Model, Need
from gmviz.objectives.objective import Draw, Sliced, Work, information
from gmviz.quadrature import Estimate


@dataclass(frozen=True)
class SSM(Sliced):
    """vᵀJ(x̃)v + ½ (v·s(x̃))², the mean over the slices v."""

    name = "ssm"
    label = "SSM"
    formula = r"v^\top\nabla s(\tilde x)\,v+\tfrac12\left(v^\top s(\tilde x)\right)^2"
    reference = "Song, Garg, Shi, Ermon (2019), Sliced score matching"
    needs = frozenset({Need.SCORE})

    def losses(
        self, model: Model, x: Float[Tensor, "*models n d"], draw: Draw, truth: Density | None = None
    ) -> Float[Tensor, "*models n"]:
        v = draw.probes
        score, columns = model.jet(self.noisy(x, draw), v)
        return ((v * columns).sum(-1) + (v * score).sum(-1).square() / 2).mean(0)

    def offset(self, truth: Density) -> Estimate:
        """½ E‖∇log p_σ‖²."""
        return information(truth, self.sigma)

    def work(self, provides: frozenset[Need], dimension: int) -> Work:
        return Work(1, self.slices, 1 + int(Need.LOG_DENSITY in provides))
