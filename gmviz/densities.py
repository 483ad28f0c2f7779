"""Densities with exact log-density, score, Hessian and samples at every noise level.

A Gaussian mixture Σ_k w_k N(m_k, C_k) stays one under noise: αx₀ + σz has means αm_k and covariances
α²C_k + σ²I. A kernel density is the mixture of equal weights centred on data.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require

CHUNK = 64 * 2**20  # bytes of the largest intermediate


class Density(ABC):
    """A law on R^d. Points x are (..., n, d); batched parameters (...) broadcast against them."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """d."""

    @abstractmethod
    def value_and_score(
        self, x: Float[Tensor, "... n d"]
    ) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        """log p(x) (..., n) and ∇log p(x) (..., n, d) from one pass."""

    @abstractmethod
    def hessian(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n d d"]:
        """∇²log p(x), per squared length."""

    @abstractmethod
    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "... n d"]:
        """n independent points of the law (of each law of the batch)."""

    @abstractmethod
    def diffused(self, alpha: float | Tensor, sigma: float | Tensor) -> "Density":
        """The law of αx₀ + σz, z ~ N(0, I); α and σ are numbers or batches (...), σ ≥ 0."""

    @abstractmethod
    def mean(self) -> Float[Tensor, "... d"]:
        """E[x]."""

    @abstractmethod
    def covariance(self) -> Float[Tensor, "... d d"]:
        """Cov[x]."""

    @abstractmethod
    def bounds(self, reach: float = 10.0) -> Float[Tensor, "d 2"]:
        """The box that holds every centre ± `reach` standard deviations, over the whole batch."""

    @abstractmethod
    def smallest_sd(self) -> float:
        """The finest length scale of the density: a quadrature step is at most a third of it."""

    @abstractmethod
    def to(self, dtype: torch.dtype) -> "Density":
        """The same law with parameters of another floating type."""

    def log_prob(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n"]:
        """log p(x), in nats."""
        return self.value_and_score(x)[0]

    def score(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n d"]:
        """∇log p(x), per length."""
        return self.value_and_score(x)[1]

    def noised(self, sigma: float | Tensor) -> "Density":
        """The law of x₀ + σz."""
        return self.diffused(1.0, sigma)

    def edges(self) -> tuple[Float[Tensor, "m"], ...]:
        """For each axis the coordinates at which the density jumps: none for a smooth one."""
        return (torch.empty(0, dtype=torch.float64),) * self.dimension


class GaussianMixture(Density):
    """Σ_k w_k N(x; m_k, C_k), in any dimension, with an optional batch of parameters.

    With g_k = softmax_k(log w_k N_k(x)) and u_k = C_k⁻¹(x − m_k): ∇log p = −Σ g_k u_k and
    ∇²log p = −Σ g_k C_k⁻¹ + Σ g_k u_k u_kᵀ − ∇log p ∇log pᵀ.

    weights (..., K) ≥ 0 of sum 1, means (..., K, d), covariances (..., K, d, d) symmetric and positive
    definite. Raises `ValueError` for anything else.
    """

    def __init__(
        self,
        weights: Float[Tensor, "... K"],
        means: Float[Tensor, "... K d"],
        covariances: Float[Tensor, "... K d d"],
    ) -> None:
        _check_mixture(weights, means, covariances)
        self.weights, self.means, self.covariances = weights, means, covariances
        lower, failed = torch.linalg.cholesky_ex(covariances)
        require(not failed.any(), "covariances", "positive definite", _smallest_eigenvalue(covariances))
        self._lower = lower
        self._whiten = torch.linalg.solve_triangular(
            lower, torch.eye(self.dimension, dtype=lower.dtype, device=lower.device), upper=False
        )
        log_volume = lower.diagonal(dim1=-2, dim2=-1).log().sum(-1) + self.dimension / 2 * math.log(
            2 * math.pi
        )
        self._log_peak = weights.log() - log_volume

    @property
    def dimension(self) -> int:
        return self.means.shape[-1]

    @property
    def batch(self) -> torch.Size:
        """The batch shape of the parameters."""
        return torch.broadcast_shapes(
            self.weights.shape[:-1], self.means.shape[:-2], self.covariances.shape[:-3]
        )

    def _joint(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """log w_k N_k(x) (..., K, n) and the whitened L_k⁻¹(x − m_k) (..., K, d, n)."""
        y = self._whiten @ (x.mT[..., None, :, :] - self.means[..., None])
        return self._log_peak[..., None] - y.square().sum(-2) / 2, y

    def value_and_score(
        self, x: Float[Tensor, "... n d"]
    ) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        return _in_chunks(self._value_and_score, x, self._width(x), (-1, -2))

    def _value_and_score(self, x: Tensor) -> tuple[Tensor, Tensor]:
        log_joint, y = self._joint(x)
        log_p = log_joint.logsumexp(-2)
        g = (log_joint - log_p[..., None, :]).exp()
        score = -(self._whiten.mT @ (g[..., None, :] * y)).sum(-3).mT
        return log_p, score

    def log_prob(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n"]:
        return _in_chunks(lambda part: (self._joint(part)[0].logsumexp(-2),), x, self._width(x), (-1,))[0]

    def responsibilities(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... K n"]:
        """g_k(x), the probability that x came from component k."""
        return self._joint(x)[0].softmax(-2)

    def hessian(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n d d"]:
        return _in_chunks(lambda part: (self._hessian(part),), x, self._width(x) * self.dimension, (-3,))[0]

    def _hessian(self, x: Tensor) -> Tensor:
        log_joint, y = self._joint(x)
        g = log_joint.softmax(-2)
        u = (self._whiten.mT @ y).movedim(-1, -3)  # (..., n, K, d)
        g = g.mT
        precision = self._whiten.mT @ self._whiten
        score = -(g[..., None] * u).sum(-2)
        spread = (g[..., None] * u).mT @ u - (g[..., None, None] * precision[..., None, :, :, :]).sum(-3)
        return spread - score[..., :, None] * score[..., None, :]

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "... n d"]:
        batch = self.batch
        weights = self.weights.expand(*batch, -1).reshape(-1, self.weights.shape[-1])
        k = torch.multinomial(weights, n, replacement=True, generator=generator).reshape(*batch, n)
        means = self.means.expand(*batch, -1, -1)
        lower = self._lower.expand(*batch, -1, -1, -1)
        z = torch.randn(*batch, n, self.dimension, 1, dtype=means.dtype, generator=generator)
        picked = k[..., None].expand(*batch, n, self.dimension)
        root = lower.gather(-3, k[..., None, None].expand(*batch, n, self.dimension, self.dimension))
        return means.gather(-2, picked) + (root @ z)[..., 0]

    def diffused(self, alpha: float | Tensor, sigma: float | Tensor) -> "GaussianMixture":
        alpha, sigma = (torch.as_tensor(value, dtype=self.means.dtype) for value in (alpha, sigma))
        _check_noise(alpha, sigma)
        eye = torch.eye(self.dimension, dtype=self.means.dtype)
        return GaussianMixture(
            self.weights,
            alpha[..., None, None] * self.means,
            alpha.square()[..., None, None, None] * self.covariances
            + sigma.square()[..., None, None, None] * eye,
        )

    def mean(self) -> Float[Tensor, "... d"]:
        return (self.weights[..., None] * self.means).sum(-2)

    def covariance(self) -> Float[Tensor, "... d d"]:
        centred = self.means - self.mean()[..., None, :]
        between = centred[..., :, None] * centred[..., None, :]
        return (self.weights[..., None, None] * (self.covariances + between)).sum(-3)

    def bounds(self, reach: float = 10.0) -> Float[Tensor, "d 2"]:
        sd = self.covariances.diagonal(dim1=-2, dim2=-1).sqrt()
        low, high = (self.means + sign * reach * sd for sign in (-1, 1))
        flat = low.reshape(-1, self.dimension), high.reshape(-1, self.dimension)
        return torch.stack([flat[0].amin(0), flat[1].amax(0)], dim=-1)

    def smallest_sd(self) -> float:
        return torch.linalg.eigvalsh(self.covariances).min().sqrt().item()

    def to(self, dtype: torch.dtype) -> "GaussianMixture":
        return GaussianMixture(*(part.to(dtype) for part in (self.weights, self.means, self.covariances)))

    def _width(self, x: Tensor) -> int:
        """Bytes of the largest intermediate per point."""
        batch = torch.broadcast_shapes(self.batch, x.shape[:-2]).numel()
        return batch * self.means.shape[-2] * self.dimension * x.element_size()


class KernelDensity(Density):
    """(1/n) Σ_b N(x; x_b, σ²I) for points (n, d) and σ > 0: data seen through Gaussian noise (Parzen 1962).

    With w_b = softmax_b(−‖x − x_b‖²/2σ²): ∇log p = (Σ w_b x_b − x)/σ² (a mean shift) and
    ∇²log p = Cov_w(x_b)/σ⁴ − I/σ². Raises `ValueError` for an empty list of points, NaN, σ ≤ 0.
    """

    def __init__(self, points: Float[Tensor, "n d"], sigma: float) -> None:
        require(
            points.dim() == 2 and len(points) > 0,
            "points",
            "(n, d) with n ≥ 1",
            f"shape {tuple(points.shape)}",
        )
        require(bool(points.isfinite().all()), "points", "finite", "NaN or infinity")
        require(math.isfinite(sigma) and sigma > 0, "sigma", "a positive number", sigma)
        self.points, self.sigma = points, float(sigma)
        # Distances come from one product; centred data keep its cancellation small.
        self._centre = points.mean(0)
        self._data = points - self._centre

    @property
    def dimension(self) -> int:
        return self.points.shape[-1]

    def _log_weights(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """−‖x − x_b‖²/2σ² (..., n, b) and x relative to the data's mean."""
        y = (x - self._centre) / self.sigma
        data = self._data / self.sigma
        return y @ data.mT - data.square().sum(-1) / 2 - y.square().sum(-1, keepdim=True) / 2, y

    def value_and_score(
        self, x: Float[Tensor, "... n d"]
    ) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        return _in_chunks(self._value_and_score, x, self._width(x), (-1, -2))

    def _value_and_score(self, x: Tensor) -> tuple[Tensor, Tensor]:
        log_w, y = self._log_weights(x)
        total = log_w.logsumexp(-1)
        shift = log_w.softmax(-1) @ self._data
        return total + self._log_peak(), (shift / self.sigma - y) / self.sigma

    def _log_peak(self) -> float:
        return -math.log(len(self.points)) - self.dimension * math.log(self.sigma * math.sqrt(2 * math.pi))

    def hessian(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n d d"]:
        return _in_chunks(lambda part: (self._hessian(part),), x, self._width(x), (-3,))[0]

    def _hessian(self, x: Tensor) -> Tensor:
        w = self._log_weights(x)[0].softmax(-1)
        mean = w @ self._data
        second = (w @ (self._data[:, :, None] * self._data[:, None, :]).flatten(1)).unflatten(
            -1, (self.dimension,) * 2
        )
        spread = second - mean[..., :, None] * mean[..., None, :]
        return spread / self.sigma**4 - torch.eye(self.dimension, dtype=x.dtype) / self.sigma**2

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        picked = torch.randint(len(self.points), (n,), generator=generator)
        return self.points[picked] + self.sigma * torch.randn(
            n, self.dimension, dtype=self.points.dtype, generator=generator
        )

    def diffused(self, alpha: float | Tensor, sigma: float | Tensor) -> "KernelDensity":
        alpha, sigma = float(alpha), float(sigma)
        _check_noise(torch.tensor(alpha), torch.tensor(sigma))
        return KernelDensity(alpha * self.points, math.hypot(alpha * self.sigma, sigma))

    def mean(self) -> Float[Tensor, "d"]:
        return self._centre

    def covariance(self) -> Float[Tensor, "d d"]:
        eye = torch.eye(self.dimension, dtype=self.points.dtype)
        return self._data.mT @ self._data / len(self.points) + self.sigma**2 * eye

    def bounds(self, reach: float = 10.0) -> Float[Tensor, "d 2"]:
        return torch.stack(
            [self.points.amin(0) - reach * self.sigma, self.points.amax(0) + reach * self.sigma], -1
        )

    def smallest_sd(self) -> float:
        return self.sigma

    def to(self, dtype: torch.dtype) -> "KernelDensity":
        return KernelDensity(self.points.to(dtype), self.sigma)

    def _width(self, x: Tensor) -> int:
        return x.shape[:-2].numel() * len(self.points) * x.element_size()


def _in_chunks(
    function: Callable[[Tensor], tuple[Tensor, ...]], x: Tensor, width: int, axes: tuple[int, ...]
) -> tuple[Tensor, ...]:
    """Apply `function` to blocks of points whose intermediates, `width` bytes a point, fit in `CHUNK`.

    `axes` says where the points lie in each result.
    """
    size = max(1, CHUNK // width)
    if x.shape[-2] <= size:
        return function(x)
    blocks = [function(block) for block in x.split(size, dim=-2)]
    return tuple(
        torch.cat(parts, dim=axis) for parts, axis in zip(zip(*blocks, strict=True), axes, strict=True)
    )


def _check_mixture(weights: Tensor, means: Tensor, covariances: Tensor) -> None:
    for name, value in (("weights", weights), ("means", means), ("covariances", covariances)):
        require(value.is_floating_point(), name, "a floating-point tensor", value.dtype)
        require(bool(value.isfinite().all()), name, "finite", "NaN or infinity")
    arrived = f"{tuple(weights.shape)}, {tuple(means.shape)}, {tuple(covariances.shape)}"
    ranks = weights.dim() >= 1 and means.dim() >= 2 and covariances.dim() >= 3
    shapes = "of shapes (..., K), (..., K, d), (..., K, d, d)"
    require(ranks, "weights, means, covariances", shapes, arrived)
    agree = weights.shape[-1] == means.shape[-2] == covariances.shape[-3] and (
        covariances.shape[-2:] == (means.shape[-1],) * 2
    )
    require(agree and weights.shape[-1] > 0, "weights, means, covariances", shapes, arrived)
    require(bool((weights >= 0).all()), "weights", "at least 0", weights.min().item())
    total = weights.sum(-1)
    off = total.flatten()[(total - 1).abs().argmax()].item()
    require(abs(off - 1) < 1e-5, "weights", "of sum 1", f"sum {off:g}")
    skew = (covariances - covariances.mT).abs().max().item()
    require(
        skew <= 1e-5 * covariances.abs().max().item(), "covariances", "symmetric", f"C − Cᵀ up to {skew:g}"
    )


def _check_noise(alpha: Tensor, sigma: Tensor) -> None:
    require(bool((alpha.isfinite() & (alpha > 0)).all()), "alpha", "positive and finite", alpha.tolist())
    require(bool((sigma.isfinite() & (sigma >= 0)).all()), "sigma", "at least 0 and finite", sigma.tolist())


def _smallest_eigenvalue(covariances: Tensor) -> str:
    return f"a smallest eigenvalue of {torch.linalg.eigvalsh(covariances).min().item():g}"
