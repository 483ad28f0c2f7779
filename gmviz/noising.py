"""Fisher along a path of noise: what it integrates to is KL.

Let p and q diffuse by one equation dx = f dt + g dw. Then d/dt KL(p_t‖q_t) = −g² Fisher(p_t‖q_t) (de Bruijn's
identity; Barron 1986, Song et al. 2021b), so the area under Fisher is the KL that noise removes.
"""

import math
from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.densities import Density
from gmviz.divergences import Divergence, fisher
from gmviz.quadrature import Grid, gauss_legendre
from gmviz.schedules import Schedule

STEPS_PER_SD = {1: 12, 2: 6, 3: 2}


def fine_grid(p: Density, q: Density, reach: float = 10.0) -> Grid:
    """A grid on which smooth pairs reach about ten digits."""
    step = min(p.smallest_sd(), q.smallest_sd()) / STEPS_PER_SD[p.dimension]
    return Grid.covering(p, q, step=step, reach=reach)


def along(
    divergence: Divergence, p: Density, q: Density, levels: Iterable[tuple[float, float]]
) -> Float[Tensor, "T ..."]:
    """The divergence of the laws of αx₀ + σz for each (α, σ), each on a grid of its own."""
    pairs = ((p.diffused(alpha, sigma), q.diffused(alpha, sigma)) for alpha, sigma in levels)
    return torch.stack([divergence(a, b, fine_grid(a, b)).value for a, b in pairs])


def fisher_area(p: Density, q: Density, sigma: float, nodes: int = 60) -> Float[Tensor, ""]:
    """∫₀^{σ²} Fisher(p_s‖q_s) d(s²), in nats: the area against the variance of the noise.

    Gauss-Legendre in u = ln(1 + s²/c), c the smallest variance; + KL(p_σ‖q_σ) it is KL(p‖q).
    """
    require(sigma > 0, "sigma", "positive", sigma)
    c = min(p.smallest_sd(), q.smallest_sd()) ** 2
    u, w = gauss_legendre(nodes, 0.0, math.log1p(sigma**2 / c))
    levels = [(1.0, s) for s in (c * u.expm1()).sqrt().tolist()]
    return (w * c * u.exp()) @ along(fisher, p, q, levels)


def weighted_fisher(
    p: Density,
    q: Density,
    schedule: Schedule,
    weight: Callable[[Float[Tensor, "T"]], Float[Tensor, "T"]],
    nodes: int = 60,
) -> Float[Tensor, ""]:
    """∫₀¹ λ(t) Fisher(p_t‖q_t) dt for a weighting λ; λ = g² makes it KL(p₀‖q₀) − KL(p₁‖q₁), in nats."""
    t, w = gauss_legendre(nodes, 0.0, 1.0)
    levels = zip(schedule.alpha(t).tolist(), schedule.sigma(t).tolist(), strict=True)
    return (w * weight(t)) @ along(fisher, p, q, levels)


def likelihood_weight(schedule: Schedule) -> Callable[[Float[Tensor, "T"]], Float[Tensor, "T"]]:
    """λ(t) = g(t)²: the weighting of maximum likelihood (Song et al. 2021b, theorem 1)."""
    return lambda t: schedule.diffusion(t).square()
