"""Pairs of clean data p and model q in two and three dimensions, and conditional moments of the noise."""

import torch

from gmviz.densities import GaussianMixture
from gmviz.pairs import P2, Q2


def mixture(weights, means, covariances):
    return GaussianMixture(
        *(torch.tensor(part, dtype=torch.float64) for part in (weights, means, covariances))
    )


GAUSSIANS_2 = (
    mixture([1.0], [[0.3, -0.2]], [[[0.8, 0.3], [0.3, 0.5]]]),
    mixture([1.0], [[0.0, 0.4]], [[[1.1, -0.2], [-0.2, 0.7]]]),
)
GAUSSIANS_3 = (
    mixture([1.0], [[0.3, -0.2, 0.1]], [[[0.8, 0.3, 0.1], [0.3, 0.6, 0.0], [0.1, 0.0, 0.9]]]),
    mixture([1.0], [[0.0, 0.4, -0.3]], [[[1.1, -0.2, 0.0], [-0.2, 0.7, 0.2], [0.0, 0.2, 0.8]]]),
)
MIXTURES_3 = (
    mixture(
        [0.6, 0.4],
        [[-0.8, 0.0, 0.2], [0.9, 0.5, -0.3]],
        [
            [[0.5, 0.2, 0.0], [0.2, 0.6, 0.1], [0.0, 0.1, 0.7]],
            [[0.6, 0.0, 0.1], [0.0, 0.5, 0.0], [0.1, 0.0, 0.6]],
        ],
    ),
    mixture(
        [0.3, 0.7],
        [[-0.5, 0.4, 0.0], [0.6, 0.1, 0.2]],
        [
            [[0.7, 0.0, 0.0], [0.0, 0.9, 0.2], [0.0, 0.2, 0.6]],
            [[0.8, 0.1, 0.0], [0.1, 0.7, 0.0], [0.0, 0.0, 0.9]],
        ],
    ),
)
PAIRS = {
    "gaussian-2d": GAUSSIANS_2,
    "mixture-2d": (P2, Q2),
    "gaussian-3d": GAUSSIANS_3,
    "mixture-3d": MIXTURES_3,
}


def noise_given(p, sigma, x):
    """2d equally weighted noises z (2d, n, d) with the mean and covariance of z given x̃ = x.

    E[z | x̃] = −σ∇log p_σ and Cov[z | x̃] = I + σ²∇²log p_σ, so averages over them are exact for losses that
    are quadratic in the noise.
    """
    noisy = p.noised(sigma)
    mean = -sigma * noisy.score(x)
    eye = torch.eye(p.dimension, dtype=x.dtype)
    root = torch.linalg.cholesky(eye + sigma**2 * noisy.hessian(x)).movedim(-1, 0) * p.dimension**0.5
    return torch.cat([mean + root, mean - root])


def circle(count):
    """`count` directions of length √2 at equal angles: exact for polynomials of lower degree."""
    angles = torch.arange(count, dtype=torch.float64) * (2 * torch.pi / count)
    return 2**0.5 * torch.stack([angles.cos(), angles.sin()], dim=-1)
