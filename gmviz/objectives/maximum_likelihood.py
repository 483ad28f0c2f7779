"""Maximum likelihood: KL from samples, with the normaliser of the model by quadrature."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from gmviz.densities import Density
from gmviz.divergences import kl
from gmviz.models import Model, Need
from gmviz.objectives.objective import Draw, Objective, Work, negative_entropy
from gmviz.quadrature import Estimate


@dataclass(frozen=True)
class MaximumLikelihood(Objective):
    """−log q(x̃), in nats. q must be normalised: an energy network sums its partition function on a grid."""

    name = "kl"
    label = "KL"
    formula = r"-\log q(\tilde x)"
    reference = "Fisher (1922), On the mathematical foundations of theoretical statistics"
    needs = frozenset({Need.LOG_DENSITY})
    estimates = kl

    def losses(
        self, model: Model, x: Float[Tensor, "*models n d"], draw: Draw, truth: Density | None = None
    ) -> Float[Tensor, "*models n"]:
        self.check(model, truth)
        return -model.log_prob(self.noisy(x, draw))

    def offset(self, truth: Density) -> Estimate:
        """E log p_σ."""
        return negative_entropy(truth, self.sigma)

    def work(self, provides: frozenset[Need], dimension: int) -> Work:
        """One evaluation a point; the nodes of the partition function come once a batch."""
        return Work(1, 0, 0)
