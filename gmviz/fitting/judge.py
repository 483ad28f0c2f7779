"""How far a fitted model is from the truth, by quadrature, and what an unseen loss says."""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.densities import Density, GaussianMixture
from gmviz.networks import EnergyNet, Network
from gmviz.objectives.objective import noised
from gmviz.quadrature import Grid

NEGLIGIBLE = 1e-9  # share of E‖∇log p‖² that nodes left out may have
CELLS = 96  # along an axis, for the normaliser of a fitted energy


@dataclass(frozen=True)
class Errors:
    """Of each model (*models): ‖s − ∇log p‖² over ‖∇log p‖² in the mean, half the first, and KL in nats."""

    relative: Float[Tensor, "*models"]
    fisher: Float[Tensor, "*models"]
    kl: Float[Tensor, "*models"] | None


@dataclass(frozen=True, eq=False)
class Judge:
    """Compares models with the noised truth p_σ."""

    truth: Density
    sigma: float

    @cached_property
    def nodes(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Nodes that matter, their mass w p, the true score and log p there."""
        p = noised(self.truth, self.sigma)
        grid = Grid.covering(p, reach=7.0, comfortable=1)
        log_p, score = p.value_and_score(grid.nodes)
        mass = log_p.exp() * grid.weights
        share = mass * (1 + score.square().sum(-1))
        order = share.argsort()
        kept = order[share[order].cumsum(0) > NEGLIGIBLE * share.sum()]
        return grid.nodes[kept], mass[kept], score[kept], log_p[kept]

    @cached_property
    def _box(self) -> Grid:
        return box(noised(self.truth, self.sigma), CELLS, reach=5.5)

    @torch.no_grad()
    def errors(self, model: Network) -> Errors:
        """The errors of every model of the batch."""
        nodes, mass, score, log_p = self.nodes
        x = nodes.to(model.centre)
        apart = (model.score(x).double() - score).square().sum(-1) @ mass
        kl = None
        if isinstance(model, EnergyNet):
            potential = model.potential(x).double()
            kl = (log_p - potential) @ mass + model.log_partition(self._box).double()
        return Errors(apart / (mass @ score.square().sum(-1)), apart / 2, kl)


def box(density: Density, cells: int, reach: float) -> Grid:
    """About `cells` steps along the longest side of the box that holds the density, and the normal law of its
    mean variance, from which energies start."""
    d, variance = density.dimension, density.covariance().diagonal().mean()
    one, eye = torch.ones(1, dtype=torch.float64), torch.eye(d, dtype=torch.float64)
    normal = GaussianMixture(one, density.mean().double().reshape(1, d), (variance * eye).unsqueeze(0))
    bounds = torch.stack([law.bounds(reach) for law in (density, normal)])
    sides = bounds[..., 1].amax(0) - bounds[..., 0].amin(0)
    return Grid.covering(density, normal, step=sides.max().item() / cells, reach=reach)
