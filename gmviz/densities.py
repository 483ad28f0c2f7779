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

CHUNK = 4 * 2**20  # bytes of an intermediate: small enough to stay in the processor's cache


class Density(ABC):
    """A law on R^d. Points x are (..., n, d); batched parameters (...) broadcast against them.

    So T parameter values on one set of points (n, d) are one call, with results (T, n).
    """

    @property
    @abstractmethod
    def dimension(self) -> int:
        """d."""

    @abstractmethod
    def log_prob(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n"]:
        """log p(x), in nats."""

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
        """The finest length scale of the density in any direction."""

    @abstractmethod
    def resolution(self) -> Float[Tensor, "d"]:
        """The finest scale along each axis, in float64: a quadrature step is at most a third of it."""

    @abstractmethod
    def to(self, dtype: torch.dtype) -> "Density":
        """The same law with parameters of another floating type."""

    def score(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n d"]:
        """∇log p(x), per length."""
        return self.value_and_score(x)[1]

    def noised(self, sigma: float | Tensor) -> "Density":
        """The law of x₀ + σz."""
        return self.diffused(1.0, sigma)

    def edges(self) -> tuple[Float[Tensor, "m"], ...]:
        """For each axis the coordinates at which the density jumps: none for a smooth one."""
        return (torch.empty(0, dtype=torch.float64),) * self.dimension


class Mixture(Density):
    """Σ_k w_k N(x; m_k, C_k): what all Gaussian mixtures share.

    With g_k = softmax_k(log w_k N_k(x)), u_k = C_k⁻¹(x − m_k) and their mean u = Σ g_k u_k:
    ∇log p = −u and ∇²log p = Σ g_k (u_k − u)(u_k − u)ᵀ − Σ g_k C_k⁻¹.
    The hooks keep the points on the last axis, where sums over few components run over long rows.
    """

    weights: Tensor  # (..., K)
    means: Tensor  # (..., K, d)

    @property
    @abstractmethod
    def covariances(self) -> Tensor:
        """C_k (..., K, d, d)."""

    @abstractmethod
    def _log_joint(self, x: Tensor) -> Tensor:
        """log w_k N_k(x): (..., d, n) → (..., K, n)."""

    @abstractmethod
    def _pulls(self, x: Tensor) -> Tensor:
        """u_k: (..., d, n) → (..., d, K, n)."""

    @abstractmethod
    def _mean_pull(self, g: Tensor, x: Tensor) -> Tensor:
        """Σ g_k u_k: (..., K, n), (..., d, n) → (..., d, n), without the u_k."""

    @abstractmethod
    def _mean_precision(self, g: Tensor) -> Tensor:
        """Σ g_k C_k⁻¹: (..., K, n) → (..., d, d, n), or what broadcasts to it."""

    @property
    def dimension(self) -> int:
        return self.means.shape[-1]

    @property
    def batch(self) -> torch.Size:
        """The batch shape of the parameters."""
        return self.means.shape[:-2]

    def log_prob(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n"]:
        return self._in_chunks(lambda part: self._posterior(part)[:1], x)[0]

    def value_and_score(
        self, x: Float[Tensor, "... n d"]
    ) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        def both(part: Tensor) -> tuple[Tensor, Tensor]:
            log_p, g = self._posterior(part)
            return log_p, -self._mean_pull(g, part)

        log_p, score = self._in_chunks(both, x)
        return log_p, score.mT

    def hessian(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n d d"]:
        def curvature(part: Tensor) -> tuple[Tensor]:
            _, g = self._posterior(part)
            u = self._pulls(part)
            apart = u - (g.unsqueeze(-3) * u).sum(-2, keepdim=True)
            spread = ((g.unsqueeze(-3) * apart).unsqueeze(-4) * apart.unsqueeze(-3)).sum(-2)
            return (spread - self._mean_precision(g),)

        return self._in_chunks(curvature, x)[0].movedim(-1, -3)

    def responsibilities(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n K"]:
        """g_k(x), the probability that x came from component k."""
        return self._in_chunks(lambda part: self._posterior(part)[1:], x)[0].mT

    def mean(self) -> Float[Tensor, "... d"]:
        return (self.weights[..., None] * self.means).sum(-2)

    def covariance(self) -> Float[Tensor, "... d d"]:
        apart = self.means - self.mean()[..., None, :]
        between = apart[..., :, None] * apart[..., None, :]
        return (self.weights[..., None, None] * (self.covariances + between)).sum(-3)

    def bounds(self, reach: float = 10.0) -> Float[Tensor, "d 2"]:
        sd = self.covariances.diagonal(dim1=-2, dim2=-1).sqrt()
        low, high = ((self.means + sign * reach * sd).flatten(0, -2) for sign in (-1, 1))
        return torch.stack([low.amin(0), high.amax(0)], dim=-1)

    def _posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """log p (..., n) and the responsibilities g (..., K, n): a logsumexp that keeps its exponentials."""
        joint = self._log_joint(x)
        peak = joint.detach().amax(-2, keepdim=True)
        # Far below one rounding error, and still a normal number: subnormal ones are ten times slower.
        invisible = 0.8 * math.log(torch.finfo(joint.dtype).tiny)
        g = (joint - peak).clamp(min=invisible).exp()
        total = g.sum(-2, keepdim=True)
        return (peak + total.log()).squeeze(-2), g / total

    def _in_chunks(self, function: Callable[[Tensor], tuple[Tensor, ...]], x: Tensor) -> tuple[Tensor, ...]:
        """`function` of (..., d, n) over blocks of points whose intermediates (..., d, K, n) fit `CHUNK`."""
        d = self.dimension
        require(x.dim() >= 2 and x.shape[-1] == d, "x", f"points of shape (..., n, {d})", tuple(x.shape))
        x = x.to(self.means.dtype).mT
        batch = torch.broadcast_shapes(self.batch, x.shape[:-2]).numel()
        width = batch * d * self.means.shape[-2] * x.element_size()
        blocks = [function(block) for block in x.split(max(1, CHUNK // max(1, width)), dim=-1)]
        return tuple(torch.cat(parts, dim=-1) for parts in zip(*blocks, strict=True))


class GaussianMixture(Mixture):
    """Σ_k w_k N(x; m_k, C_k), in any dimension, with an optional batch of parameters.

    weights (..., K) ≥ 0 of sum 1 within 1e-6, means (..., K, d), covariances (..., K, d, d), symmetric and
    positive definite, or one (d, d) for all; of one dtype, batches broadcast. Raises `ValueError` for
    anything else.
    """

    def __init__(self, weights: Tensor, means: Tensor, covariances: Tensor) -> None:
        self.weights, self.means, self._covariances = _one_batch(weights, means, covariances)
        _check_weights(weights)
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
        return (self._mean_precision(g) * x.unsqueeze(-3)).sum(-2) - self._pulled_means @ g

    def _mean_precision(self, g: Tensor) -> Tensor:
        return (self._precision.flatten(-3, -2) @ g).unflatten(-2, (self.dimension, self.dimension))

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "... n d"]:
        k = _components(self.weights, n, generator)
        means = self.means.take_along_dim(k[..., None], -2)
        lower = self._lower.take_along_dim(k[..., None, None], -3)
        z = torch.randn(means.shape, generator=generator, dtype=means.dtype, device=means.device)
        return means + (lower @ z.unsqueeze(-1)).squeeze(-1)

    def diffused(self, alpha: float | Tensor, sigma: float | Tensor) -> "GaussianMixture":
        alpha, sigma = _noise(alpha, sigma, self.means)
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


class KernelDensity(Mixture):
    """(1/K) Σ_k N(x; x_k, σ²I): data seen through Gaussian noise (Parzen 1962).

    points (..., K, d), finite, K ≥ 1; σ > 0 a number or a batch (...). Its score is a mean shift,
    ∇log p = (Σ g_k x_k − x)/σ² with g = softmax_k(−|x − x_k|²/2σ²). Raises `ValueError` for anything else.

    The squared distances come from one product, so log p errs by up to about ε|x − centre|²/σ², ε that of
    the dtype: negligible in float64, and in float32 good to draw while σ is above 1/100 of the data's width.
    """

    def __init__(self, points: Tensor, sigma: float | Tensor) -> None:
        filled = points.dim() >= 2 and points.shape[-2] >= 1 and points.shape[-1] >= 1
        require(filled, "points", "of shape (..., n, d) with n ≥ 1", f"shape {tuple(points.shape)}")
        _check_finite("points", points)
        sigma = torch.as_tensor(sigma, dtype=points.dtype, device=points.device)
        positive = bool((sigma.isfinite() & (sigma > 0)).all())
        require(positive, "sigma", "finite and above 0", sigma.tolist())
        K, d = points.shape[-2:]
        batch = torch.broadcast_shapes(points.shape[:-2], sigma.shape)
        self.points, self.sigma = points, sigma
        self.means = points.expand(*batch, K, d)
        self.weights = points.new_full((), 1 / K).expand(*batch, K)
        # log w N(x; m, σ²I) is linear in (x, 1, |x|²); centred data keep its cancellation small.
        self._centre = points.mean(-2).unsqueeze(-1)
        self._data = points - self._centre.mT
        precision = sigma.square().reciprocal()[..., None, None].expand(*batch, K, 1)
        height = -math.log(K) - d * (sigma.log() + math.log(2 * math.pi) / 2)
        heights = height[..., None, None] - precision * self._data.square().sum(-1, keepdim=True) / 2
        self._rows = torch.cat([precision * self._data, heights, -precision / 2], dim=-1)
        self._precision = sigma.square().reciprocal()[..., None, None]

    @property
    def covariances(self) -> Float[Tensor, "... K d d"]:
        eye = torch.eye(self.dimension, dtype=self.points.dtype, device=self.points.device)
        variances = self.sigma.square()[..., None, None, None] * eye
        return variances.expand(*self.means.shape, self.dimension)

    def _log_joint(self, x: Tensor) -> Tensor:
        x = x - self._centre
        return self._rows @ torch.cat([x, torch.ones_like(x[..., :1, :]), x.square().sum(-2, True)], dim=-2)

    def _pulls(self, x: Tensor) -> Tensor:
        return self._precision.unsqueeze(-1) * (x.unsqueeze(-2) - self.points.mT.unsqueeze(-1))

    def _mean_pull(self, g: Tensor, x: Tensor) -> Tensor:
        return self._precision * (x - self._centre - self._data.mT @ g)

    def _mean_precision(self, g: Tensor) -> Tensor:
        eye = torch.eye(self.dimension, dtype=g.dtype, device=g.device)
        return (self._precision * eye).unsqueeze(-1)

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "... n d"]:
        picked = self.means.take_along_dim(_components(self.weights, n, generator)[..., None], -2)
        z = torch.randn(picked.shape, generator=generator, dtype=picked.dtype, device=picked.device)
        return picked + self.sigma[..., None, None] * z

    def diffused(self, alpha: float | Tensor, sigma: float | Tensor) -> "KernelDensity":
        alpha, sigma = _noise(alpha, sigma, self.points)
        return KernelDensity(alpha[..., None, None] * self.points, (alpha * self.sigma).hypot(sigma))

    def smallest_sd(self) -> float:
        return self.sigma.min().item()

    def resolution(self) -> Float[Tensor, "d"]:
        return torch.full((self.dimension,), self.smallest_sd(), dtype=torch.float64)

    def to(self, dtype: torch.dtype) -> "KernelDensity":
        return KernelDensity(self.points.to(dtype), self.sigma.to(dtype))


def _noise(alpha: float | Tensor, sigma: float | Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """α and σ ≥ 0 as tensors, checked."""
    alpha, sigma = (torch.as_tensor(value, dtype=like.dtype, device=like.device) for value in (alpha, sigma))
    require(bool(alpha.isfinite().all()), "alpha", "finite", alpha.tolist())
    require(bool((sigma.isfinite() & (sigma >= 0)).all()), "sigma", "at least 0 and finite", sigma.tolist())
    return alpha, sigma


def _components(weights: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """n indices k ~ w per member of the batch: (..., K) → (..., n)."""
    require(n >= 1, "n", "at least 1", n)
    flat = weights.reshape(-1, weights.shape[-1])
    k = torch.multinomial(flat, n, replacement=True, generator=generator)
    return k.reshape(*weights.shape[:-1], n)


def _one_batch(weights: Tensor, means: Tensor, covariances: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The three with one batch, as (..., K), (..., K, d), (..., K, d, d)."""
    parts = {"weights": weights, "means": means, "covariances": covariances}
    for name, part in parts.items():
        require(part.is_floating_point(), name, "a floating-point tensor", part.dtype)
        _check_finite(name, part)
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


def _check_finite(name: str, values: Tensor) -> None:
    require(bool(values.isfinite().all()), name, "finite", "NaN or infinity")


def _check_weights(weights: Tensor) -> None:
    require(bool((weights >= 0).all()), "weights", "at least 0", weights.min().item())
    total = weights.sum(-1).flatten()
    off = total[(total - 1).abs().argmax()].item()
    require(abs(off - 1) <= 1e-6, "weights", "of sum 1 within 1e-6", f"sum {off:.8g}")


def _cholesky(covariances: Tensor) -> Tensor:
    """L with C = LLᵀ for covariances that are symmetric (up to rounding) and positive definite."""
    skew = (covariances - covariances.mT).abs().amax((-2, -1))
    rounding = 64 * torch.finfo(covariances.dtype).eps * covariances.abs().amax((-2, -1))
    require(bool((skew <= rounding).all()), "covariances", "symmetric", f"C − Cᵀ up to {skew.max().item():g}")
    lower, failed = torch.linalg.cholesky_ex(covariances)
    if failed.any():
        smallest = torch.linalg.eigvalsh(covariances).min().item()
        require(False, "covariances", "positive definite", f"a smallest eigenvalue of {smallest:g}")
    return lower
