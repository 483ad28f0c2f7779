"""Pairs of densities on which the divergences disagree, or whose values are known to many digits."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.densities import Density, GaussianMixture


@dataclass(frozen=True)
class Pair:
    """Data p and model q under a name for links and a label for people."""

    name: str
    label: str
    p: Density
    q: Density


def on_line(
    weights: list[float], means: list[float], sds: list[float], dimension: int = 1
) -> GaussianMixture:
    """Σ_k w_k N(m_k, s_k²) along the first axis, times a standard Gaussian along each other axis.

    The other axes are the same for every member, so all divergences keep their one-dimensional values.
    """
    first = torch.tensor(means, dtype=torch.float64)
    return along_first(
        torch.tensor(weights, dtype=torch.float64), first, torch.tensor(sds, dtype=torch.float64), dimension
    )


def along_first(
    weights: Float[Tensor, "... K"],
    means: Float[Tensor, "... K"],
    sds: Float[Tensor, "... K"],
    dimension: int,
) -> GaussianMixture:
    """The same from tensors, which may carry a batch (...)."""
    require(dimension >= 1, "dimension", "at least 1", dimension)
    batch = torch.broadcast_shapes(means.shape, sds.shape)
    places = torch.zeros(*means.shape, dimension, dtype=torch.float64)
    places[..., 0] = means
    variances = torch.ones(*batch, dimension, dtype=torch.float64)
    variances[..., 0] = sds.square()
    return GaussianMixture(weights, places, torch.diag_embed(variances))


def far_modes(
    separation: float | Float[Tensor, "T"],
    dimension: int = 1,
    weight_p: float = 0.8,
    weight_q: float = 0.2,
    sd: float = 1.0,
) -> Pair:
    """p = w_p N(−D/2, s²) + (1 − w_p) N(D/2, s²) and q with w_q: two modes D apart, weighted differently.

    A batch of separations D (T,) makes both densities batches.
    """
    D = torch.as_tensor(separation, dtype=torch.float64)
    means = torch.stack([-D / 2, D / 2], dim=-1)
    sds = torch.full((2,), sd, dtype=torch.float64)
    p, q = (
        along_first(torch.tensor([w, 1 - w], dtype=torch.float64), means, sds, dimension)
        for w in (weight_p, weight_q)
    )
    return Pair("far-modes", "Two far modes, weights swapped", p, q)


def comb(
    dimension: int = 1, teeth: int = 9, spacing: float = 0.8, sd_p: float = 0.3, sd_q: float = 0.45
) -> Pair:
    """Equal teeth in a row, those of q wider: KL hardly objects, Fisher does."""
    places = [spacing * (k - (teeth - 1) / 2) for k in range(teeth)]
    p, q = (on_line([1 / teeth] * teeth, places, [sd] * teeth, dimension) for sd in (sd_p, sd_q))
    return Pair("comb", "A comb with wider teeth", p, q)


def missed_mode(dimension: int = 1, weight: float = 0.01, distance: float = 6.0) -> Pair:
    """q misses a mode of p that holds `weight` of the mass at `distance`."""
    p = on_line([1 - weight, weight], [0.0, distance], [1.0, 1.0], dimension)
    return Pair("missed-mode", "q misses a 1 % mode", p, on_line([1.0], [0.0], [1.0], dimension))


def hallucinated_mode(dimension: int = 1, weight: float = 0.01, distance: float = 6.0) -> Pair:
    """q invents a mode that p does not have: the missed mode with the roles exchanged."""
    missed = missed_mode(dimension, weight, distance)
    return Pair("hallucinated-mode", "q invents a 1 % mode", missed.q, missed.p)


P1 = on_line([0.7, 0.3], [-1.5, 1.5], [0.6, 0.9])
Q1 = on_line([0.4, 0.6], [-1.2, 1.8], [0.8, 0.7])
P2 = GaussianMixture(
    torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64),
    torch.tensor([[-1.5, 0.0], [1.5, 0.5], [0.0, 2.0]], dtype=torch.float64),
    torch.tensor(
        [[[0.5, 0.2], [0.2, 0.4]], [[0.36, 0.0], [0.0, 0.36]], [[0.3, -0.1], [-0.1, 0.6]]],
        dtype=torch.float64,
    ),
)
Q2 = GaussianMixture(
    torch.tensor([0.6, 0.4], dtype=torch.float64),
    torch.tensor([[-1.0, 0.3], [1.2, 0.8]], dtype=torch.float64),
    torch.tensor([[[0.8, 0.0], [0.0, 0.6]], [[0.5, 0.1], [0.1, 0.7]]], dtype=torch.float64),
)

LINE_PAIR = Pair("two-on-a-line", "Two mixtures on a line", P1, Q1)
PLANE_PAIR = Pair("two-in-the-plane", "Two mixtures in the plane", P2, Q2)

PAIRS = (
    LINE_PAIR,
    PLANE_PAIR,
    far_modes(8.0),
    far_modes(8.0, dimension=2),
    comb(),
    missed_mode(),
    hallucinated_mode(),
)
