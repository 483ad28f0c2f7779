"""Identities that sampling rests on: they are about p alone and its noised laws."""

import torch
from torch import Tensor

from gmviz.densities import Density
from gmviz.identities.identity import Identity
from gmviz.quadrature import Grid
from gmviz.schedules import VP

SIGMA = 0.6  # the noise of the denoiser
TIME, STEP = 0.3, 1e-3  # where the flow is tried, and the step of the difference quotient
POINTS = 6


def _points(p: Density) -> Tensor:
    """A few points where p has mass."""
    return p.sample(POINTS, torch.Generator().manual_seed(0))


def denoised(p: Density, q: Density) -> Tensor:
    """x + σ² ∇log p_σ(x)."""
    x = _points(p.noised(SIGMA))
    return x + SIGMA**2 * p.noised(SIGMA).score(x)


def posterior_mean(p: Density, q: Density) -> Tensor:
    """∫ x₀ p(x₀) N(x; x₀, σ²I) dx₀ over its normaliser, by quadrature."""
    x = _points(p.noised(SIGMA))
    narrow = (p.smallest_sd() ** -2 + SIGMA**-2) ** -0.5
    grid = Grid.covering(p, step=narrow / 3)
    kernel = -(x[:, None] - grid.nodes).square().sum(-1) / (2 * SIGMA**2)
    weight = (p.log_prob(grid.nodes) + kernel).exp()
    return grid.integrate(weight[:, None] * grid.nodes.mT).value / grid.integrate(weight).value[:, None]


def pull(p: Density, q: Density) -> Tensor:
    """E_p[x·∇log p] by quadrature."""
    grid = Grid.covering(p)
    log_p, score = p.value_and_score(grid.nodes)
    return grid.integrate(log_p.exp() * (grid.nodes * score).sum(-1)).value


def _at(p: Density, t: float) -> Density:
    return p.diffused(VP().alpha(t), VP().sigma(t))


def change_in_time(p: Density, q: Density) -> Tensor:
    """∂_t log p_t(x) by the five-point difference quotient."""
    x = _points(_at(p, TIME))
    a, b, c, d = (_at(p, TIME + k * STEP).log_prob(x) for k in (-2, -1, 1, 2))
    return (a - 8 * b + 8 * c - d) / (12 * STEP)


def loss_by_flow(p: Density, q: Density) -> Tensor:
    """−div v − v·∇log p_t for v = f x − ½ g² ∇log p_t."""
    law = _at(p, TIME)
    x = _points(law)
    score, hessian = law.score(x), law.hessian(x)
    f, g2 = VP().rate(TIME), VP().diffusion(TIME).square()
    v = f * x - g2 / 2 * score
    divergence = f * p.dimension - g2 / 2 * hessian.diagonal(dim1=-2, dim2=-1).sum(-1)
    return -divergence - (v * score).sum(-1)


SAMPLER_IDENTITIES = (
    Identity(
        name="denoiser",
        page="samplers",
        statement="The score of noised data points at the mean of what the data may have been.",
        formula=r"x + \sigma^2\,\nabla\log p_\sigma(x) = \mathbb{E}[x_0\,|\,x_0 + \sigma z = x]",
        source="Robbins 1956; Tweedie's formula in Efron 2011",
        left=denoised,
        right=posterior_mean,
        tolerance=1e-9,
    ),
    Identity(
        name="stationary",
        page="samplers",
        statement="Langevin's pull inwards balances its noise: p stays as it is.",
        formula=r"\mathbb{E}_p[x\cdot\nabla\log p(x)] = -d",
        source="Stein 1972, with the field x",
        left=pull,
        right=lambda p, q: torch.tensor(-float(p.dimension), dtype=torch.float64),
        tolerance=1e-9,
    ),
    Identity(
        name="probability-flow",
        page="samplers",
        statement="The flow without noise carries every noised law into the next one.",
        formula=r"\partial_t\log p_t = -\nabla\!\cdot v - v\cdot\nabla\log p_t,"
        r"\quad v = f x - \tfrac12 g^2\,\nabla\log p_t",
        source="Song et al. 2021, eq. 13",
        left=change_in_time,
        right=loss_by_flow,
        tolerance=1e-7,
    ),
)
