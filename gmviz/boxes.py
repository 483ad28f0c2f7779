"""Uniform boxes: densities with hard edges, which have no score until noise gives them one."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.densities import Density, Mixture
from gmviz.densities.arguments import check_finite, check_noise, check_weights, pick
from gmviz.densities.mixture import log_sum_and_shares


class Boxes(Density):
    """Σ_k w_k U([a_k, b_k)): uniform laws on axis-aligned boxes.

    weights (K,) ≥ 0 of sum 1 within 1e-6, low (K, d) < high (K, d). log p is −∞ outside all boxes. There is
    no score: inside it is 0 and on the edges a Dirac, so `score` raises a `ValueError`; `noised(sigma)` has
    one. Raises `ValueError` for anything else than the above.
    """

    def __init__(self, weights: Tensor, low: Tensor, high: Tensor) -> None:
        _check_boxes(weights, low, high)
        require(weights.dim() == 1, "weights", "of shape (K,)", tuple(weights.shape))
        self.weights, self.low, self.high = weights, low, high

    @property
    def dimension(self) -> int:
        return self.low.shape[-1]

    def log_prob(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n"]:
        require(x.shape[-1] == self.dimension, "x", f"of shape (..., n, {self.dimension})", tuple(x.shape))
        x = x.unsqueeze(-2)
        inside = ((self.low <= x) & (x < self.high)).all(-1)
        heights = self.weights / (self.high - self.low).prod(-1)
        return (inside * heights).sum(-1).log()

    def value_and_score(
        self, x: Float[Tensor, "... n d"]
    ) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        raise ValueError("hard-edged boxes have no score: add noise first, boxes.noised(sigma)")

    def hessian(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n d d"]:
        raise ValueError("hard-edged boxes have no Hessian: add noise first, boxes.noised(sigma)")

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        return _uniform(self.low, self.high, pick(self.weights, n, generator), generator)

    def diffused(self, alpha: float | Tensor, sigma: float | Tensor) -> "Boxes | NoisedBoxes":
        """Boxes [αa, αb) convolved with N(0, σ²I), α > 0; boxes again if σ is the number 0."""
        alpha, sigma = check_noise(alpha, sigma, self.low)
        require(bool((alpha > 0).all()), "alpha", "above 0 for boxes", alpha.tolist())
        low, high = alpha[..., None, None] * self.low, alpha[..., None, None] * self.high
        if sigma.dim() == alpha.dim() == 0 and sigma == 0:
            return Boxes(self.weights, low, high)
        return NoisedBoxes(self.weights, low, high, sigma)

    def mean(self) -> Float[Tensor, "d"]:
        return self.weights @ ((self.low + self.high) / 2)

    def covariance(self) -> Float[Tensor, "d d"]:
        apart = (self.low + self.high) / 2 - self.mean()
        within = self.weights @ (self.high - self.low).square() / 12
        return torch.einsum("k,ki,kj->ij", self.weights, apart, apart) + within.diag()

    def bounds(self, reach: float = 10.0) -> Float[Tensor, "d 2"]:
        """The hull of the boxes: nothing lies outside, whatever the reach."""
        return torch.stack([self.low.amin(0), self.high.amax(0)], dim=-1)

    def smallest_sd(self) -> float:
        return self.resolution().min().item()

    def resolution(self) -> Float[Tensor, "d"]:
        return (self.high - self.low).amin(0).double() / math.sqrt(12)

    def edges(self) -> tuple[Float[Tensor, "m"], ...]:
        return tuple(torch.cat([self.low, self.high]).double().T[i].unique() for i in range(self.dimension))

    def to(self, dtype: torch.dtype) -> "Boxes":
        return Boxes(self.weights.to(dtype), self.low.to(dtype), self.high.to(dtype))


class NoisedBoxes(Mixture):
    """Σ_k w_k Π_i [Φ((x_i − a_ki)/σ) − Φ((x_i − b_ki)/σ)]/(b_ki − a_ki): boxes convolved with N(0, σ²I).

    weights (..., K) ≥ 0 of sum 1 within 1e-6, low (..., K, d) < high, σ > 0 a number or a batch (...); what
    is not raises a `ValueError`. With near = (h − |x − c|)/σ and far = (−h − |x − c|)/σ, the distances from
    the edges of a box of centre c and half width h, a factor is Φ(near) − Φ(far). The scaled function erfcx,
    Φ(−u) = ½ erfcx(u/√2) e^(−u²/2), keeps it accurate in both tails.
    """

    def __init__(self, weights: Tensor, low: Tensor, high: Tensor, sigma: float | Tensor) -> None:
        _check_boxes(weights, low, high)
        sigma = torch.as_tensor(sigma, dtype=low.dtype, device=low.device)
        positive = bool((sigma.isfinite() & (sigma > 0)).all())
        require(positive, "sigma", "above 0 and finite for all noised boxes", sigma.tolist())
        K, d = low.shape[-2:]
        batch = torch.broadcast_shapes(weights.shape[:-1], low.shape[:-2], high.shape[:-2], sigma.shape)
        self.weights, self.sigma = weights.expand(*batch, K), sigma
        self.low, self.high = low.expand(*batch, K, d), high.expand(*batch, K, d)
        self.means = (self.low + self.high) / 2
        heights = self.weights.log() - (self.high - self.low).log().sum(-1)
        self._log_heights = heights.unsqueeze(-1)
        self._centres = self.means.mT.unsqueeze(-1)  # (..., d, K, 1)
        self._halves = (self.high - self.low).mT.unsqueeze(-1) / 2
        self._scale = sigma[..., None, None, None]

    @property
    def covariances(self) -> Float[Tensor, "... K d d"]:
        variances = (self.high - self.low).square() / 12 + self.sigma[..., None, None].square()
        return variances.diag_embed()

    def _factors(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """log f, −(log f)′ and −(log f)″ of every factor f: (..., d, n) → (..., d, K, n) each."""
        apart = x.unsqueeze(-2) - self._centres
        near, far = ((side * self._halves - apart.abs()) / self._scale for side in (1, -1))
        inside = near > 0
        tail_near, tail_far = (torch.special.erfcx(u.abs() / math.sqrt(2)) / 2 for u in (near, far))
        fall = (-2 * self._halves * apart.abs() / self._scale.square()).exp()  # φ(far)/φ(near)
        exponent = -near.square() / 2
        bell = exponent.where(inside, torch.zeros_like(near)).exp()
        mass = torch.where(inside, 1 - bell * (tail_near + tail_far * fall), tail_near - tail_far * fall)
        log_f = mass.log() + exponent.where(~inside, torch.zeros_like(near))
        at_near = bell / (math.sqrt(2 * math.pi) * mass * self._scale)  # φ(near)/(fσ)
        at_far = at_near * fall
        pull = at_near - at_far
        sharpness = pull.square() + (near * at_near - far * at_far) / self._scale
        return log_f, apart.sign() * pull, sharpness

    def _joint(self, log_f: Tensor) -> Tensor:
        return self._log_heights + log_f.sum(-3)

    def _log_joint(self, x: Tensor) -> Tensor:
        return self._joint(self._factors(x)[0])

    def _pulls(self, x: Tensor) -> Tensor:
        return self._factors(x)[1]

    def _mean_precision(self, g: Tensor, x: Tensor) -> Tensor:
        sharpness = (g.unsqueeze(-3) * self._factors(x)[2]).sum(-2)
        return sharpness.mT.diag_embed().movedim(-3, -1)

    def _value_and_score(self, x: Tensor) -> tuple[Tensor, Tensor]:
        log_f, pulls, _ = self._factors(x)
        log_p, g = log_sum_and_shares(self._joint(log_f))
        return log_p, -(g.unsqueeze(-3) * pulls).sum(-2)

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "... n d"]:
        k = pick(self.weights, n, generator)
        x = _uniform(self.low, self.high, k, generator)
        z = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        return x + self.sigma[..., None, None] * z

    def diffused(self, alpha: float | Tensor, sigma: float | Tensor) -> "NoisedBoxes":
        """Boxes [αa, αb) under noise √(α²s² + σ²), s the noise they have."""
        alpha, sigma = check_noise(alpha, sigma, self.low)
        require(bool((alpha > 0).all()), "alpha", "above 0 for boxes", alpha.tolist())
        low, high = alpha[..., None, None] * self.low, alpha[..., None, None] * self.high
        return NoisedBoxes(self.weights, low, high, (alpha * self.sigma).hypot(sigma))

    def bounds(self, reach: float = 10.0) -> Float[Tensor, "d 2"]:
        """The hull of the boxes with a margin of `reach` times σ."""
        margin = reach * self.sigma[..., None, None]
        low, high = (self.low - margin).flatten(0, -2), (self.high + margin).flatten(0, -2)
        return torch.stack([low.amin(0), high.amax(0)], dim=-1)

    def smallest_sd(self) -> float:
        """The smallest σ: over it every edge rises."""
        return self.sigma.min().item()

    def resolution(self) -> Float[Tensor, "d"]:
        return torch.full((self.dimension,), self.smallest_sd(), dtype=torch.float64)

    def to(self, dtype: torch.dtype) -> "NoisedBoxes":
        parts = (self.weights, self.low, self.high, self.sigma)
        return NoisedBoxes(*(part.to(dtype) for part in parts))


def _uniform(low: Tensor, high: Tensor, k: Tensor, generator: torch.Generator) -> Tensor:
    """One uniform point in each box k (..., n)."""
    low, high = (corner.take_along_dim(k[..., None], -2) for corner in (low, high))
    u = torch.rand(low.shape, generator=generator, dtype=low.dtype, device=low.device)
    return low + (high - low) * u


def _check_boxes(weights: Tensor, low: Tensor, high: Tensor) -> None:
    for name, part in (("weights", weights), ("low", low), ("high", high)):
        require(part.is_floating_point(), name, "a floating-point tensor", part.dtype)
        check_finite(name, part)
    fit = weights.dim() >= 1 and weights.numel() > 0 and low.dim() >= 2 and low.shape[-1] >= 1
    fit = fit and low.shape == high.shape and low.shape[-2] == weights.shape[-1]
    arrived = f"{tuple(weights.shape)}, {tuple(low.shape)}, {tuple(high.shape)}"
    require(fit, "weights, low, high", "of shapes (..., K), (..., K, d), (..., K, d)", arrived)
    check_weights(weights)
    widths = (high - low).min().item()
    require(widths > 0, "low", "below high on every axis", f"a smallest width of {widths:g}")
