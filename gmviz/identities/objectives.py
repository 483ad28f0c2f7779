"""Identities of the objectives: mean losses are the Fisher divergence of the noised pair, up to constants."""

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

from gmviz.densities import Density
from gmviz.divergences import fisher
from gmviz.identities.identity import Identity, Side
from gmviz.models import ExactScore
from gmviz.noising import fine_grid
from gmviz.objectives import DSM, ESM, ISM, SSM, SSMVR, Draw, Objective

SIGMA = 0.5


def noise_given(p: Density, sigma: float, x: Tensor) -> Tensor:
    """2d equally weighted noises z (2d, n, d) with the mean and covariance of z given x + σz at these points.

    E[z | x̃] = −σ∇log p_σ and Cov[z | x̃] = I + σ²∇²log p_σ: exact for losses quadratic in z.
    """
    noisy = p.noised(sigma)
    eye = torch.eye(p.dimension, dtype=x.dtype)
    values, axes = torch.linalg.eigh(eye + sigma**2 * noisy.hessian(x))
    root = (axes * values.clamp_min(0.0).sqrt().unsqueeze(-2)).movedim(-1, 0) * p.dimension**0.5
    mean = -sigma * noisy.score(x)
    return torch.cat([mean + root, mean - root])


def signs(dimension: int, like: Tensor) -> Tensor:
    """All 2^d directions ±1 at every point of `like` (n, d): (2^d, n, d)."""
    corners = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=dimension)), dtype=like.dtype)
    return corners.unsqueeze(1).expand(len(corners), *like.shape)


def mean_loss(objective: Objective) -> Side:
    """E[losses] of the noised q on p, by quadrature over x̃, moments of z and all signs of the probes."""

    def side(p: Density, q: Density) -> Tensor:
        noisy, model = p.noised(objective.sigma), ExactScore(q.noised(objective.sigma))
        grid = fine_grid(noisy, q.noised(objective.sigma))
        x, mass = grid.nodes, noisy.log_prob(grid.nodes).exp()
        probes = signs(p.dimension, x)
        noises = noise_given(p, objective.sigma, x)
        losses = [objective.losses(model, x - objective.sigma * z, Draw(z, probes), p) for z in noises]
        return grid.integrate(mass * torch.stack(losses).mean(0)).value

    return side


def with_offset(objective: Objective) -> Side:
    """E[losses] + offset."""
    return lambda p, q: mean_loss(objective)(p, q) + objective.offset(p).value


def noised_fisher(p: Density, q: Density) -> Tensor:
    """D_F(p_σ, q_σ)."""
    pair = p.noised(SIGMA), q.noised(SIGMA)
    return fisher(*pair, fine_grid(*pair)).value


def posterior_variance(p: Density, q: Density) -> Tensor:
    """MMSE/(2σ⁴), MMSE = E tr Cov[x | x̃] and Cov[x | x̃] = σ²I + σ⁴∇²log p_σ."""
    noisy = p.noised(SIGMA)
    grid = fine_grid(noisy, noisy)
    trace = noisy.hessian(grid.nodes).diagonal(dim1=-2, dim2=-1).sum(-1)
    spread = p.dimension * SIGMA**2 + SIGMA**4 * trace
    return grid.integrate(noisy.log_prob(grid.nodes).exp() * spread).value / (2 * SIGMA**4)


def difference(one: Side, other: Side) -> Callable[[Density, Density], Tensor]:
    """left − right of two sides."""
    return lambda p, q: one(p, q) - other(p, q)


def unbiased(objective: Objective, source: str) -> Identity:
    """That the mean loss and the constant make the divergence."""
    return Identity(
        name=f"{objective.name}-is-fisher",
        page="objectives",
        statement=f"The mean loss of {objective.label} plus its constant is the Fisher divergence.",
        formula=r"\mathbb{E}\left[" + objective.formula + r"\right] + c = D_F(p_\sigma, q_\sigma)",
        source=source,
        left=with_offset(objective),
        right=noised_fisher,
        tolerance=1e-8,
    )


OBJECTIVE_IDENTITIES = (
    unbiased(ESM(sigma=SIGMA), "the definition"),
    unbiased(ISM(sigma=SIGMA), "Hyvärinen 2005"),
    unbiased(DSM(sigma=SIGMA), "Vincent 2011"),
    unbiased(SSM(sigma=SIGMA), "Song, Garg, Shi, Ermon 2019"),
    unbiased(SSMVR(sigma=SIGMA), "Song, Garg, Shi, Ermon 2019"),
    Identity(
        name="dsm-minus-ism",
        page="objectives",
        statement="DSM and ISM differ by a constant of the noise alone, whatever data and model are.",
        formula=r"L_\mathrm{DSM} - L_\mathrm{ISM} = d/(2\sigma^2)",
        source="Vincent 2011",
        left=difference(mean_loss(DSM(sigma=SIGMA)), mean_loss(ISM(sigma=SIGMA))),
        right=lambda p, q: torch.tensor(p.dimension / (2 * SIGMA**2), dtype=torch.float64),
        tolerance=1e-9,
    ),
    Identity(
        name="dsm-floor",
        page="objectives",
        statement="What DSM cannot get below is the error of the best denoiser.",
        formula=r"C_\sigma = \frac{d}{2\sigma^2} - \tfrac12 J(p_\sigma) = \frac{\mathrm{MMSE}}{2\sigma^4}",
        source="Tweedie's formula; Vincent 2011",
        left=lambda p, q: -DSM(sigma=SIGMA).offset(p).value,
        right=posterior_variance,
        tolerance=1e-9,
    ),
)
