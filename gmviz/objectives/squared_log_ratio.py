"""The squared log-ratio: regress log q on log p, for those who know log p."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from gmviz.densities import Density
from gmviz.divergences import squared_log_ratio
from gmviz.models import Model, Need
from gmviz.objectives.objective import Draw, Objective, Work, no_offset, noised
from gmviz.quadrature import Estimate


@dataclass(frozen=True)
class SquaredLogRatio(Objective):
    """½ (log q(x̃) − log p_σ(x̃))², in nats², both normalised: data alone do not suffice."""

    name = "squared-log-ratio"
    label = "Squared log-ratio"
    formula = r"\tfrac12\left(\log q(\tilde x)-\log p_\sigma(\tilde x)\right)^2"
    reference = "Schulman (2020), Approximating KL divergence"
    needs = frozenset({Need.LOG_DENSITY, Need.TRUTH})
    estimates = squared_log_ratio

    def losses(
        self, model: Model, x: Float[Tensor, "*models n d"], draw: Draw, truth: Density | None = None
    ) -> Float[Tensor, "*models n"]:
        self.check(model, truth)
        noisy = self.noisy(x, draw)
        return (model.log_prob(noisy) - noised(truth, self.sigma, x.dtype).log_prob(noisy)).square() / 2

    def offset(self, truth: Density) -> Estimate:
        """0."""
        return no_offset()

    def work(self, provides: frozenset[Need], dimension: int) -> Work:
        """One evaluation a point; the nodes of the partition function come once a batch."""
        return Work(1, 0, 0)
