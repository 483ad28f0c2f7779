"""Families of densities on the line with two parameters θ, and the two-mode density they are held against.

Every function takes θ (..., 2), the noise σ (...) and points x (..., N), and gives log q (..., N) and its
score (..., N) of the noised member, differentiable in θ.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require

MODE = 2.0  # the modes of the target lie at ±MODE
WEIGHT = 0.7  # of its left mode
STEP = 0.1  # of a mode's standard deviation: the score has poles close to the line
LOG_ROOT_2PI = math.log(2 * math.pi) / 2

Box = tuple[float, float, float, float]  # first parameter from, to; second from, to
Law = tuple[Float[Tensor, "..."], Float[Tensor, "..."]]  # log q and its score


def two_modes(
    w: Float[Tensor, "..."], shift: Float[Tensor, "..."], sd: Float[Tensor, "..."], x: Float[Tensor, "..."]
) -> Law:
    """w N(shift − 2, sd²) + (1 − w) N(shift + 2, sd²): log-density and score, stable in the far tails."""
    w, shift, v = w[..., None], shift[..., None], sd.square()[..., None]
    u = x - shift
    # The log-odds of the modes are linear in x.
    odds = w.log() - torch.log1p(-w) - 2 * MODE * u / v
    middle = w.log() / 2 + torch.log1p(-w) / 2 - (u.square() + MODE**2) / (2 * v)
    half = odds / 2
    log_q = middle + half.abs() + torch.log1p(torch.exp(-2 * half.abs())) - v.log() / 2 - LOG_ROOT_2PI
    return log_q, -(u + MODE * torch.tanh(half)) / v


@dataclass(frozen=True)
class Family(ABC):
    """Densities q_θ for θ in a box."""

    name: ClassVar[str]
    label: ClassVar[str]
    parameters: ClassVar[tuple[str, str]]
    box: ClassVar[Box]
    start: ClassVar[tuple[float, float]]  # of a ball that is dropped, as shares of the box

    @abstractmethod
    def law(self, theta: Float[Tensor, "... 2"], sigma: Float[Tensor, "..."], x: Float[Tensor, "..."]) -> Law:
        """log q_θ and its score at x under noise σ."""

    @abstractmethod
    def tangents(
        self, theta: Float[Tensor, "... 2"], sigma: Float[Tensor, "..."], x: Float[Tensor, "..."]
    ) -> Float[Tensor, "..."]:
        """∂ log q/∂θ (..., 2, N)."""

    @abstractmethod
    def inside(self, theta: Float[Tensor, "... 2"]) -> Tensor:
        """Whether θ belongs to a density."""

    @abstractmethod
    def reach(self, sigma: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """How far from 0 the members in the box have mass under noise σ."""

    @abstractmethod
    def step(self, sigma: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The coarsest step of a rule on the line that still resolves every member of the box."""

    def at_share(self, share: Float[Tensor, "... 2"]) -> Float[Tensor, "... 2"]:
        """θ at shares (0 to 1) of the box."""
        low, high = self.corners()
        return low + share * (high - low)

    def corners(self) -> tuple[Float[Tensor, "2"], Float[Tensor, "2"]]:
        """The lowest and the highest θ of the box."""
        a0, a1, b0, b1 = self.box
        return torch.tensor([a0, b0], dtype=torch.float64), torch.tensor([a1, b1], dtype=torch.float64)


@dataclass(frozen=True)
class TwoModes(Family):
    """w N(m − 2, s²) + (1 − w) N(m + 2, s²), θ = (w, m)."""

    sd: float = 0.5

    name = "modes"
    label = "Two modes"
    parameters = ("weight w", "m")
    box = (0.02, 0.98, -1.2, 1.2)
    start = (0.2, 0.85)

    def __post_init__(self) -> None:
        require(self.sd > 0, "sd", "positive", self.sd)

    def _sd(self, sigma: Tensor) -> Tensor:
        return (self.sd**2 + sigma.square()).sqrt()

    def law(self, theta: Float[Tensor, "... 2"], sigma: Float[Tensor, "..."], x: Float[Tensor, "..."]) -> Law:
        w, m = theta.unbind(-1)
        return two_modes(w, m, self._sd(sigma), x)

    def tangents(
        self, theta: Float[Tensor, "... 2"], sigma: Float[Tensor, "..."], x: Float[Tensor, "..."]
    ) -> Float[Tensor, "..."]:
        w, m, v = theta[..., :1], theta[..., 1:], self._sd(sigma).square()[..., None]
        left = (w.log() - torch.log1p(-w) - 2 * MODE * (x - m) / v).sigmoid()
        _, score = self.law(theta, sigma, x)
        return torch.stack([left / w - (1 - left) / (1 - w), -score], dim=-2)

    def inside(self, theta: Float[Tensor, "... 2"]) -> Tensor:
        return (theta[..., 0] > 1e-3) & (theta[..., 0] < 1 - 1e-3) & (theta[..., 1].abs() < 2 * MODE)

    def reach(self, sigma: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return MODE + self.box[3] + 7.5 * self._sd(sigma)

    def step(self, sigma: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return STEP * self._sd(sigma)


@dataclass(frozen=True)
class OneGaussian(Family):
    """N(m, s²), θ = (m, s)."""

    name = "gaussian"
    label = "One Gaussian"
    parameters = ("mean m", "s")
    box = (-4.0, 4.0, 0.3, 3.3)
    start = (0.3, 0.9)

    def law(self, theta: Float[Tensor, "... 2"], sigma: Float[Tensor, "..."], x: Float[Tensor, "..."]) -> Law:
        m, s = theta[..., :1], theta[..., 1:]
        v = s.square() + sigma.square()[..., None]
        u = x - m
        return -u.square() / (2 * v) - v.log() / 2 - LOG_ROOT_2PI, -u / v

    def tangents(
        self, theta: Float[Tensor, "... 2"], sigma: Float[Tensor, "..."], x: Float[Tensor, "..."]
    ) -> Float[Tensor, "..."]:
        m, s = theta[..., :1], theta[..., 1:]
        v = s.square() + sigma.square()[..., None]
        u = (x - m) / v
        return torch.stack([u, s * (u.square() - 1 / v)], dim=-2)

    def inside(self, theta: Float[Tensor, "... 2"]) -> Tensor:
        return (theta[..., 1] > 0.1) & (theta[..., 1] < 6.0) & (theta[..., 0].abs() < 8.0)

    def reach(self, sigma: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return self.box[1] + 6.5 * (self.box[3] ** 2 + sigma.square()).sqrt()

    def step(self, sigma: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return (self.box[2] ** 2 + sigma.square()).sqrt() / 6


@dataclass(frozen=True)
class Target:
    """.7 N(−2, s²) + .3 N(2, s²), the density that is fitted."""

    sd: float = 0.5

    def __post_init__(self) -> None:
        require(self.sd > 0, "sd", "positive", self.sd)

    def law(self, sigma: Float[Tensor, "..."], x: Float[Tensor, "..."]) -> Law:
        """log p and its score at x under noise σ."""
        w = torch.full_like(sigma, WEIGHT)
        return two_modes(w, torch.zeros_like(sigma), self.noised_sd(sigma), x)

    def step(self, sigma: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The coarsest step of a rule on the line that still resolves it."""
        return STEP * self.noised_sd(sigma)

    def noised_sd(self, sigma: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The standard deviation of its modes under noise σ."""
        return (self.sd**2 + sigma.square()).sqrt()
