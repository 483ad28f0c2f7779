"""Kernel densities: the equal-weight mixture centred on data."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.densities.arguments import check_finite, check_noise, pick
from gmviz.densities.mixture import Mixture


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
        check_finite("points", points)
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

    def _spread(self, g: Tensor, x: Tensor) -> Tensor:
        """Cov_g(x_k)/σ⁴, from the data's products."""
        data = self._data.mT
        mean = data @ g
        products = data.unsqueeze(-2) * data.unsqueeze(-3)
        second = (products.flatten(-3, -2) @ g).unflatten(-2, (self.dimension, self.dimension))
        between = second - mean.unsqueeze(-2) * mean.unsqueeze(-3)
        return self._precision.square().unsqueeze(-1) * between

    def _mean_precision(self, g: Tensor, x: Tensor) -> Tensor:
        eye = torch.eye(self.dimension, dtype=g.dtype, device=g.device)
        return (self._precision * eye).unsqueeze(-1)

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "... n d"]:
        picked = self.means.take_along_dim(pick(self.weights, n, generator)[..., None], -2)
        z = torch.randn(picked.shape, generator=generator, dtype=picked.dtype, device=picked.device)
        return picked + self.sigma[..., None, None] * z

    def diffused(self, alpha: float | Tensor, sigma: float | Tensor) -> "KernelDensity":
        alpha, sigma = check_noise(alpha, sigma, self.points)
        return KernelDensity(alpha[..., None, None] * self.points, (alpha * self.sigma).hypot(sigma))

    def smallest_sd(self) -> float:
        return self.sigma.min().item()

    def resolution(self) -> Float[Tensor, "d"]:
        return torch.full((self.dimension,), self.smallest_sd(), dtype=torch.float64)

    def to(self, dtype: torch.dtype) -> "KernelDensity":
        return KernelDensity(self.points.to(dtype), self.sigma.to(dtype))
