"""Identities of noised data: the score is a pull towards the mean of what a point can have come from."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.densities import Density, KernelDensity
from gmviz.identities.identity import Identity, Side
from gmviz.noising import fine_grid

DATA, PROBES = 40, 12


def noise(p: Density) -> float:
    """A width σ that blurs the finest features of p."""
    return p.smallest_sd()


def noised_points(p: Density) -> Float[Tensor, "n d"]:
    """A few points of p_σ, always the same."""
    return p.noised(noise(p)).sample(PROBES, torch.Generator().manual_seed(1))


def posterior_moments(p: Density) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n d d"]]:
    """E[x₀|x] and E[x₀x₀ᵀ|x] at the probes by Bayes' rule: integrals over x₀ of p(x₀) N(x; x₀, σ²I)."""
    grid = fine_grid(p, p)
    apart = (noised_points(p)[:, None] - grid.nodes).square().sum(-1)
    log_weights = p.log_prob(grid.nodes) + grid.weights.log() - apart / (2 * noise(p) ** 2)
    weights = torch.softmax(log_weights, dim=-1)
    outer = (grid.nodes[:, :, None] * grid.nodes[:, None, :]).flatten(1)
    second = (weights @ outer).unflatten(-1, (p.dimension, p.dimension))
    return weights @ grid.nodes, second


def posterior_covariance(p: Density) -> Float[Tensor, "n d d"]:
    """Cov[x₀|x] at the probes by Bayes' rule."""
    mean, second = posterior_moments(p)
    return second - mean[:, :, None] * mean[:, None, :]


def tweedie(p: Density, x: Tensor) -> Float[Tensor, "n d"]:
    """x + σ²∇log p_σ(x)."""
    return x + noise(p) ** 2 * p.noised(noise(p)).score(x)


def tweedie_covariance(p: Density) -> Float[Tensor, "n d d"]:
    """σ²(I + σ²∇²log p_σ) at the probes."""
    variance = noise(p) ** 2
    hessian = p.noised(noise(p)).hessian(noised_points(p))
    return variance * (torch.eye(p.dimension, dtype=hessian.dtype) + variance * hessian)


def least_error(p: Density) -> Float[Tensor, ""]:
    """E‖x₀ − D(x)‖² = E‖x₀‖² − E‖D(x)‖² for D(x) = E[x₀|x]."""
    noised = p.noised(noise(p))
    grid = fine_grid(noised, noised)
    mean_square = p.covariance().diagonal().sum() + p.mean().square().sum()
    denoised = tweedie(p, grid.nodes).square().sum(-1)
    return mean_square - grid.integrate(noised.log_prob(grid.nodes).exp() * denoised).value


def least_error_by_score(p: Density) -> Float[Tensor, ""]:
    """dσ² − σ⁴ E‖∇log p_σ‖²."""
    noised, variance = p.noised(noise(p)), noise(p) ** 2
    grid = fine_grid(noised, noised)
    log_prob, score = noised.value_and_score(grid.nodes)
    information = grid.integrate(log_prob.exp() * score.square().sum(-1)).value
    return p.dimension * variance - variance**2 * information


def kernels(p: Density) -> KernelDensity:
    """The kernel density of a few points of p."""
    return KernelDensity(p.sample(DATA, torch.Generator().manual_seed(2)), noise(p))


def mean_of_data(p: Density) -> Float[Tensor, "n d"]:
    """Σ w_b x_b with w = softmax_b(−|x − x_b|²/2σ²) at the probes."""
    data = kernels(p).points
    apart = (noised_points(p)[:, None] - data).square().sum(-1)
    return torch.softmax(-apart / (2 * noise(p) ** 2), dim=-1) @ data


def mean_shift(p: Density) -> Float[Tensor, "n d"]:
    """x + σ²∇log p̂_σ(x) at the probes."""
    x = noised_points(p)
    return x + noise(p) ** 2 * kernels(p).score(x)


def mass_with_the_constant_of_a_line(p: Density) -> Float[Tensor, ""]:
    """∫ (1/n) Σ_b exp(−|x − x_b|²/2σ²)/(σ√2π) dx."""
    estimate = kernels(p)
    grid = fine_grid(estimate, estimate)
    sums = estimate.log_prob(grid.nodes).exp() * (2 * math.pi * noise(p) ** 2) ** (p.dimension / 2)
    return grid.integrate(sums / (noise(p) * math.sqrt(2 * math.pi))).value


def of_p(side: Callable[[Density], Tensor]) -> Side:
    """A side that speaks of p alone."""
    return lambda p, q: side(p)


POINT_IDENTITIES = (
    Identity(
        name="tweedie",
        page="points",
        statement="The score of the noised law leads to the mean of what a point can have come from.",
        formula=r"\mathbb{E}[x_0\,|\,x] = x + \sigma^2\nabla\log p_\sigma(x)",
        source="Robbins 1956; Efron 2011",
        left=of_p(lambda p: posterior_moments(p)[0]),
        right=of_p(lambda p: tweedie(p, noised_points(p))),
        tolerance=1e-9,
    ),
    Identity(
        name="tweedie-covariance",
        page="points",
        statement="The curvature of the noised law says how uncertain that origin is.",
        formula=r"\mathrm{Cov}[x_0\,|\,x] = \sigma^2\left(I + \sigma^2\nabla^2\log p_\sigma(x)\right)",
        source="Efron 2011",
        left=of_p(posterior_covariance),
        right=of_p(tweedie_covariance),
        tolerance=1e-9,
    ),
    Identity(
        name="least-denoising-error",
        page="points",
        statement="The best denoiser errs by the noise less what the score knows.",
        formula=r"\mathbb{E}\|x_0 - D(x)\|^2 = d\sigma^2 - \sigma^4\,\mathbb{E}\|\nabla\log p_\sigma\|^2",
        source="Robbins 1956; Brown 1971",
        left=of_p(least_error),
        right=of_p(least_error_by_score),
        tolerance=1e-9,
    ),
    Identity(
        name="mean-shift",
        page="points",
        statement="The denoiser of data is the mean of the data, each weighted by how near it is.",
        formula=r"\sum_b w_b(x)\,x_b = x + \sigma^2\nabla\log\hat p_\sigma(x)",
        source="Fukunaga & Hostetler 1975",
        left=of_p(mean_of_data),
        right=of_p(mean_shift),
        tolerance=1e-9,
    ),
    Identity(
        name="kernel-constant",
        page="points",
        statement="With the constant of a line, kernels in d dimensions have the wrong mass.",
        formula=r"\int\frac1n\sum_b\frac{e^{-\|x-x_b\|^2/2\sigma^2}}{\sigma\sqrt{2\pi}}\,dx"
        r" = (\sigma\sqrt{2\pi})^{d-1}",
        source="Gaussian integral",
        left=of_p(mass_with_the_constant_of_a_line),
        right=of_p(lambda p: p.mean().new_tensor((noise(p) * math.sqrt(2 * math.pi)) ** (p.dimension - 1))),
        tolerance=1e-9,
    ),
)
