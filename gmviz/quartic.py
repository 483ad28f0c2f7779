"""The exponential family exp(θ₁x + θ₂x² + θ₃x³ + θ₄x⁴)/Z on the line, fitted by Fisher and by KL.

Fisher is a quadratic in θ and knows no Z: its fit solves E_p[D Dᵀ] θ = −E_p[D'], D = (1, 2x, 3x², 4x³)
(Hyvärinen 2007, eq. 13). KL matches the first four moments and needs Z at every step.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.families import Family, Law, Target

REACH = 12.0
NODES = 2401


def powers(x: Float[Tensor, "..."]) -> Float[Tensor, "... 4"]:
    """(x, x², x³, x⁴)."""
    return torch.stack([x, x**2, x**3, x**4], dim=-1)


def slopes(x: Float[Tensor, "..."]) -> Float[Tensor, "... 4"]:
    """D = (1, 2x, 3x², 4x³)."""
    return torch.stack([torch.ones_like(x), 2 * x, 3 * x**2, 4 * x**3], dim=-1)


def _bends(x: Float[Tensor, "..."]) -> Float[Tensor, "... 4"]:
    """D' = (0, 2, 6x, 12x²)."""
    return torch.stack([torch.zeros_like(x), 2 * torch.ones_like(x), 6 * x, 12 * x**2], dim=-1)


def _line() -> tuple[Tensor, float]:
    return torch.linspace(-REACH, REACH, NODES, dtype=torch.float64), 2 * REACH / (NODES - 1)


def _weights(target: Target) -> tuple[Tensor, Tensor]:
    """Points of the line, and what each weighs in an expectation under the target."""
    x, h = _line()
    log_p, _ = target.law(torch.zeros((), dtype=torch.float64), x)
    return x, log_p.exp() * h


def moments(theta: Float[Tensor, "4"]) -> tuple[Float[Tensor, "4"], Float[Tensor, "4 4"]]:
    """E_q[T] and Cov_q(T) of T = (x, x², x³, x⁴)."""
    x, _ = _line()
    T = powers(x)
    share = (T @ theta).softmax(0)
    mean = share @ T
    return mean, (T - mean).mT @ (share[:, None] * (T - mean))


def fisher_fit(target: Target) -> Float[Tensor, "4"]:
    """The θ of least Fisher: one linear system."""
    x, w = _weights(target)
    D = slopes(x)
    return torch.linalg.solve(D.mT @ (w[:, None] * D), -(w @ _bends(x)))


def kl_fit(target: Target, iterations: int = 60) -> Float[Tensor, "4"]:
    """The θ of least KL: Newton's method until the four moments match; `ValueError` if they do not."""
    x, w = _weights(target)
    wanted, theta = w @ powers(x), fisher_fit(target)
    for _ in range(iterations):
        mean, covariance = moments(theta)
        step = torch.linalg.solve(covariance, wanted - mean)
        reach = step @ (wanted - mean)  # what KL would fall by twice, were it a parabola
        theta = theta + step / (1 + reach.sqrt())
        if reach < 1e-24:
            break
    arrived = (moments(theta)[0] - wanted).abs().max().item()
    require(arrived < 1e-6, "moments", "matched to 1e-6", arrived)
    return theta


@dataclass(frozen=True)
class QuarticPlane(Family):
    """The plane of θ through both fits: θ = Fisher's fit + a (KL's fit − Fisher's fit) + b (1, 0, 0, 0).

    a = 0 is Fisher's fit, a = 1 that of KL, b tilts the density to one side. Without noise only: the noised
    member is no quartic.
    """

    target: Target

    name = "quartic"
    label = "Quartic exponential"
    parameters = ("a: 0 Fisher's fit, 1 KL's", "b")
    box = (-0.6, 1.6, -0.6, 0.6)
    start = (0.9, 0.9)

    @cached_property
    def fits(self) -> tuple[Float[Tensor, "4"], Float[Tensor, "4"]]:
        """θ of Fisher's fit and of KL's."""
        return fisher_fit(self.target), kl_fit(self.target)

    def coefficients(self, theta: Float[Tensor, "... 2"]) -> Float[Tensor, "... 4"]:
        """θ₁ to θ₄ at (a, b)."""
        first, second = (fit.to(theta.dtype) for fit in self.fits)
        tilt = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=theta.dtype)
        return first + theta[..., :1] * (second - first) + theta[..., 1:] * tilt

    def law(self, theta: Float[Tensor, "... 2"], sigma: Float[Tensor, "..."], x: Float[Tensor, "..."]) -> Law:
        require(bool((sigma == 0).all()), "sigma", "0 for the quartic family", sigma.max().item())
        c = self.coefficients(theta)
        y, log_weights = self._log_weights(c)
        log_z = (log_weights.logsumexp(-1) + torch.log(y[1] - y[0]))[..., None]
        c = c[..., None, :]
        return (powers(x) * c).sum(-1) - log_z, (slopes(x) * c).sum(-1)

    def tangents(
        self, theta: Float[Tensor, "... 2"], sigma: Float[Tensor, "..."], x: Float[Tensor, "..."]
    ) -> Float[Tensor, "..."]:
        first, second = self.fits
        along = torch.stack([second - first, torch.eye(4, dtype=torch.float64)[0]])
        y, log_weights = self._log_weights(self.coefficients(theta))
        mean = log_weights.softmax(-1) @ powers(y) @ along.mT
        return (powers(x) @ along.mT).mT - mean[..., None]

    def _log_weights(self, c: Float[Tensor, "... 4"]) -> tuple[Float[Tensor, "m"], Float[Tensor, "... m"]]:
        """Points that reach Z, and the exponent there; every eighth point does for single precision."""
        y = _line()[0].to(c.dtype)[:: 2 if c.dtype == torch.float64 else 8]
        return y, c @ powers(y).mT

    def inside(self, theta: Float[Tensor, "... 2"]) -> Tensor:
        return self.coefficients(theta)[..., 3] < -3e-3

    def reach(self, sigma: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return torch.full_like(sigma, 6.0)

    def step(self, sigma: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return torch.full_like(sigma, 0.05)
