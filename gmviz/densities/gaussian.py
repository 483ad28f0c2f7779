"""Gaussian mixtures of any covariances."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.densities.arguments import check_finite, check_noise, check_weights, pick
from gmviz.densities.mixture import Mixture


class GaussianMixture(Mixture):
    """Σ_k w_k N(x; m_k, C_k), in any dimension, with an optional batch of parameters.

    weights (..., K) ≥ 0 of sum 1 within 1e-6, means (..., K, d), covariances (..., K, d, d), symmetric and
    positive definite, or one (d, d) for all; of one dtype, batches broadcast. Raises `ValueError` for
    anything else.
    """

    def __init__(self, weights: Tensor, means: Tensor, covariances: Tensor) -> None:
        self.weights, self.means, self._covariances = _one_batch(weights, means, covariances)
        check_weights(weights)
        self._lower = _cholesky(covariances).expand_as(self.covariances)
        eye = torch.eye(self.dimension, dtype=means.dtype, device=means.device)
        whiten = torch.linalg.solve_triangular(self._lower, eye, upper=False)  # y = L⁻¹(x − m)
        precision = whiten.mT @ whiten
        log_volume = (self._lower * math.sqrt(2 * math.pi)).diagonal(dim1=-2, dim2=-1).log().sum(-1)
        self._log_peak = (self.weights.log() - log_volume).unsqueeze(-1)
        # Rows over (i, k): the map of all points to all components is one product.
        self._whiten = whiten.movedim(-3, -2).flatten(-3, -2)
        self._white_means = (whiten @ self.means.unsqueeze(-1)).transpose(-3, -2)
        self._precision = precision.movedim(-3, -1)  # (..., d, d, K)
        self._pulled_means = (precision @ self.means.unsqueeze(-1)).squeeze(-1).mT

    @property
    def covariances(self) -> Float[Tensor, "... K d d"]:
        return self._covariances

    def _log_joint(self, x: Tensor) -> Tensor:
        y = (self._whiten @ x).unflatten(-2, (self.dimension, -1)) - self._white_means
        return self._log_peak - y.square().sum(-3) / 2

    def _pulls(self, x: Tensor) -> Tensor:
        precision = self._precision.mT.flatten(-3, -2)  # rows (i, k), columns j
        pulled = (precision @ x).unflatten(-2, (self.dimension, -1))
        return pulled - self._pulled_means.unsqueeze(-1)

    def _mean_pull(self, g: Tensor, x: Tensor) -> Tensor:
        return (self._mean_precision(g, x) * x.unsqueeze(-3)).sum(-2) - self._pulled_means @ g

    def _mean_precision(self, g: Tensor, x: Tensor) -> Tensor:
        return (self._precision.flatten(-3, -2) @ g).unflatten(-2, (self.dimension, self.dimension))

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "... n d"]:
        k = pick(self.weights, n, generator)
        means = self.means.take_along_dim(k[..., None], -2)
        lower = self._lower.take_along_dim(k[..., None, None], -3)
        z = torch.randn(means.shape, generator=generator, dtype=means.dtype, device=means.device)
        return means + (lower @ z.unsqueeze(-1)).squeeze(-1)

    def diffused(self, alpha: float | Tensor, sigma: float | Tensor) -> "GaussianMixture":
        alpha, sigma = check_noise(alpha, sigma, self.means)
        eye = torch.eye(self.dimension, dtype=self.means.dtype, device=self.means.device)
        spread = alpha.square()[..., None, None, None] * self.covariances
        noise = sigma.square()[..., None, None, None] * eye
        return GaussianMixture(self.weights, alpha[..., None, None] * self.means, spread + noise)

    def smallest_sd(self) -> float:
        return math.sqrt(torch.linalg.eigvalsh(self.covariances.detach()).min().item())

    def resolution(self) -> Float[Tensor, "d"]:
        """The smallest standard deviation of each coordinate given the others, (C_k⁻¹)_ii^-½.

        On a tensor grid every alias ω of the trapezoid rule then has ωᵀC_kω ≥ ω_i²/(C_k⁻¹)_ii.
        """
        sharpness = self._precision.detach().diagonal(dim1=-3, dim2=-2)  # (..., K, d)
        return sharpness.reshape(-1, self.dimension).amax(0).rsqrt().double()

    def to(self, dtype: torch.dtype) -> "GaussianMixture":
        return GaussianMixture(self.weights.to(dtype), self.means.to(dtype), self.covariances.to(dtype))


def _one_batch(weights: Tensor, means: Tensor, covariances: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The three with one batch, as (..., K), (..., K, d), (..., K, d, d)."""
    parts = {"weights": weights, "means": means, "covariances": covariances}
    for name, part in parts.items():
        require(part.is_floating_point(), name, "a floating-point tensor", part.dtype)
        check_finite(name, part)
    arrived = ", ".join(str(tuple(part.shape)) for part in parts.values())
    together = ", ".join(parts)
    shapes = "of shapes (..., K), (..., K, d), (..., K, d, d)"
    fit = weights.dim() >= 1 and means.dim() >= 2 and covariances.dim() >= 2
    fit = fit and weights.numel() > 0 and means.shape[-2] == weights.shape[-1]
    fit = fit and covariances.shape[-2:] == (means.shape[-1],) * 2
    fit = fit and covariances.shape[-3:-2] in [(), (1,), weights.shape[-1:]]
    require(fit, together, shapes, arrived)
    types = sorted({str(part.dtype) for part in parts.values()})
    require(len(types) == 1, together, "of one dtype", ", ".join(types))
    K, d = means.shape[-2:]
    try:
        batch = torch.broadcast_shapes(weights.shape[:-1], means.shape[:-2], covariances.shape[:-3])
    except RuntimeError:
        raise ValueError(f"{together} must be {shapes} with batches that broadcast, got {arrived}") from None
    return weights.expand(*batch, K), means.expand(*batch, K, d), covariances.expand(*batch, K, d, d)


def _cholesky(covariances: Tensor) -> Tensor:
    """L with C = LLᵀ for covariances that are symmetric (up to rounding) and positive definite."""
    skew = (covariances - covariances.mT).abs().amax((-2, -1))
    rounding = 64 * torch.finfo(covariances.dtype).eps * covariances.abs().amax((-2, -1))
    require(bool((skew <= rounding).all()), "covariances", "symmetric", f"C − Cᵀ up to {skew.max().item():g}")
    lower, failed = torch.linalg.cholesky_ex(covariances)
    # A singular matrix can pass with a last pivot that is rounding only.
    pivots, variances = (part.diagonal(dim1=-2, dim2=-1) for part in (lower, covariances))
    singular = pivots.square() <= 16 * torch.finfo(covariances.dtype).eps * variances
    if bool((failed > 0).any() | singular.any()):
        smallest = torch.linalg.eigvalsh(covariances).min().item()
        require(False, "covariances", "positive definite", f"a smallest eigenvalue of {smallest:g}")
    return lower
