"""How noise grows: x_t = α(t) x₀ + σ(t) z for t in [0, 1], and the stochastic equation behind it.

dx = f(t) x dt + g(t) dw with f = α'/α and g² = (σ²)' − 2 f σ² (Song et al. 2021, eq. 29).
All times, α and σ are float64. τ = σ/α is the noise level seen at the scale of the data; half the
log signal-to-noise ratio is λ = −log τ.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from gmviz.checks import require
from gmviz.densities import Density, GaussianMixture
from gmviz.knobs import check_knobs, knob

Time = float | Float[Tensor, "..."]


def _float64(t: Time) -> Tensor:
    t = torch.as_tensor(t, dtype=torch.float64)
    require(bool(((t >= 0) & (t <= 1)).all()), "t", "a time in [0, 1]", t.tolist())
    return t


@dataclass(frozen=True)
class Schedule(ABC):
    """α(t), σ(t) and the coefficients of dx = f(t) x dt + g(t) dw, t in [0, 1]."""

    label: ClassVar[str]
    name: ClassVar[str]
    reference: ClassVar[str]
    stop: ClassVar[float]  # where sampling stops, as the reference does: below it the score explodes

    def __post_init__(self) -> None:
        check_knobs(self)

    @abstractmethod
    def alpha(self, t: Time) -> Float[Tensor, "..."]:
        """α(t), what is left of the data."""

    @abstractmethod
    def sigma(self, t: Time) -> Float[Tensor, "..."]:
        """σ(t), the standard deviation of the noise, a length."""

    @abstractmethod
    def rate(self, t: Time) -> Float[Tensor, "..."]:
        """f(t) = d log α/dt, per unit of time."""

    @abstractmethod
    def diffusion(self, t: Time) -> Float[Tensor, "..."]:
        """g(t), length per square root of time."""

    @property
    def prior_sd(self) -> float:
        """The standard deviation of the standard prior, a length."""
        return 1.0

    @abstractmethod
    def time_at(self, log_snr: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The time t at which log(α/σ) is the given λ."""

    def drift(self, x: Float[Tensor, "... n d"], t: Time) -> Float[Tensor, "... n d"]:
        """f(t) x; times (...) batch over points (..., n, d)."""
        return self.rate(t)[..., None, None].to(x.dtype) * x

    def tau(self, t: Time) -> Float[Tensor, "..."]:
        """τ = σ/α, the noise level at the scale of the data."""
        return self.sigma(t) / self.alpha(t)

    def log_snr(self, t: Time) -> Float[Tensor, "..."]:
        """λ = log(α/σ), half the log signal-to-noise ratio."""
        return -self.tau(t).log()

    def total_variance(self, density: Density, t: Time) -> Float[Tensor, "..."]:
        """tr Cov(x_t) = α² tr Cov(x₀) + d σ², a length squared."""
        trace = density.covariance().double().diagonal(dim1=-2, dim2=-1).sum(-1)
        return self.alpha(t).square() * trace + density.dimension * self.sigma(t).square()

    def prior(self, density: Density) -> GaussianMixture:
        """The standard prior N(0, s²I) in the density's dimension: s = σ_max (VE) or 1."""
        eye = torch.eye(density.dimension, dtype=torch.float64)
        return _normal(torch.zeros(density.dimension, dtype=torch.float64), self.prior_sd**2 * eye)

    def matched_prior(self, density: Density) -> GaussianMixture:
        """N(αm, α²C + σ²I) at t = 1 with the mean m and covariance C of the data."""
        eye = torch.eye(density.dimension, dtype=torch.float64)
        alpha, sigma = self.alpha(1.0), self.sigma(1.0)
        mean, covariance = density.mean().double(), density.covariance().double()
        return _normal(alpha * mean, alpha**2 * covariance + sigma**2 * eye)


def _normal(mean: Tensor, covariance: Tensor) -> GaussianMixture:
    return GaussianMixture(torch.ones(1, dtype=mean.dtype), mean[None], covariance[None])


@dataclass(frozen=True)
class VE(Schedule):
    """Variance exploding: α = 1, σ(t) = σ_min (σ_max/σ_min)^t, f = 0, g² = 2 ln(σ_max/σ_min) σ².

    It starts at σ_min, so its "p₀" is the data slightly smoothed. Song et al. 2021, eq. 9.
    """

    sigma_min: float = knob(0.01, 1e-4, 1.0, 1e-3, label="σ min", unit="length", log=True)
    sigma_max: float = knob(50.0, 0.1, 1000.0, 0.1, label="σ max", unit="length", log=True)

    label = "variance exploding"
    name = "VE"
    reference = "Song et al. 2021, eq. 9"
    stop = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.sigma_min < self.sigma_max,
            "sigma_min",
            f"below sigma_max = {self.sigma_max:g}",
            self.sigma_min,
        )

    @property
    def prior_sd(self) -> float:
        """σ_max."""
        return self.sigma_max

    @property
    def log_ratio(self) -> float:
        """ln(σ_max/σ_min)."""
        return math.log(self.sigma_max / self.sigma_min)

    def alpha(self, t: Time) -> Float[Tensor, "..."]:
        return torch.ones_like(_float64(t))

    def sigma(self, t: Time) -> Float[Tensor, "..."]:
        return self.sigma_min * (self.log_ratio * _float64(t)).exp()

    def rate(self, t: Time) -> Float[Tensor, "..."]:
        return torch.zeros_like(_float64(t))

    def diffusion(self, t: Time) -> Float[Tensor, "..."]:
        return self.sigma(t) * math.sqrt(2 * self.log_ratio)

    def time_at(self, log_snr: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return (-log_snr - math.log(self.sigma_min)) / self.log_ratio


@dataclass(frozen=True)
class LinearRate(Schedule):
    """β(t) = β_min + t (β_max − β_min) and its integral B(t): what VP and sub-VP share."""

    beta_min: float = knob(0.1, 0.001, 5.0, 0.01, label="β min", unit="1/time")
    beta_max: float = knob(20.0, 1.0, 100.0, 0.5, label="β max", unit="1/time")

    stop = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.beta_min <= self.beta_max, "beta_min", f"at most beta_max = {self.beta_max:g}", self.beta_min
        )

    def beta(self, t: Time) -> Float[Tensor, "..."]:
        """β(t), per unit of time."""
        return self.beta_min + _float64(t) * (self.beta_max - self.beta_min)

    def integral(self, t: Time) -> Float[Tensor, "..."]:
        """B(t) = ∫₀ᵗ β."""
        t = _float64(t)
        return t * (self.beta_min + t * (self.beta_max - self.beta_min) / 2)

    def _time_of_integral(self, B: Tensor) -> Tensor:
        """The root of B(t) = B, in the form that does not cancel."""
        slope = self.beta_max - self.beta_min
        return 2 * B / ((self.beta_min**2 + 2 * slope * B).sqrt() + self.beta_min)

    def alpha(self, t: Time) -> Float[Tensor, "..."]:
        return (-self.integral(t) / 2).exp()

    def rate(self, t: Time) -> Float[Tensor, "..."]:
        return -self.beta(t) / 2


@dataclass(frozen=True)
class VP(LinearRate):
    """Variance preserving, linear rate: α = e^(−B/2), σ² = 1 − e^(−B), f = −β/2, g² = β.

    It preserves the variance only if Cov(x₀) = I. Ho et al. 2020; Song et al. 2021, eq. 11.
    """

    label = "variance preserving"
    name = "VP"
    reference = "Song et al. 2021, eq. 11"

    def sigma(self, t: Time) -> Float[Tensor, "..."]:
        return (-torch.expm1(-self.integral(t))).sqrt()

    def diffusion(self, t: Time) -> Float[Tensor, "..."]:
        return self.beta(t).sqrt()

    def time_at(self, log_snr: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return self._time_of_integral(softplus(-2 * log_snr, threshold=1000.0))


@dataclass(frozen=True)
class SubVP(LinearRate):
    """Sub-VP: α = e^(−B/2), σ = 1 − e^(−B), f = −β/2, g² = β (1 − e^(−2B)): never more variance than VP.

    Song et al. 2021, eq. 12.
    """

    label = "sub-VP"
    name = "sub-VP"
    reference = "Song et al. 2021, eq. 12"

    def sigma(self, t: Time) -> Float[Tensor, "..."]:
        return -torch.expm1(-self.integral(t))

    def diffusion(self, t: Time) -> Float[Tensor, "..."]:
        return (self.beta(t) * -torch.expm1(-2 * self.integral(t))).sqrt()

    def time_at(self, log_snr: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        # τ = (1 − e^(−B)) e^(B/2) = 2 sinh(B/2)
        return self._time_of_integral(2 * ((-log_snr).exp() / 2).asinh())


@dataclass(frozen=True)
class VPCosine(Schedule):
    """Variance preserving, cosine: α = cos θ(t)/cos θ(0), σ² = 1 − α², θ = (π/2)(reach·t + s)/(1 + s).

    Nichol & Dhariwal 2021, eq. 17, with s = 0.008; `reach` stops short of the quarter turn, where α = 0
    and β = 2θ' tan θ is infinite (0.9946 as in Lu et al. 2022).
    """

    offset: float = knob(0.008, 0.001, 0.1, 0.001, label="offset s")
    reach: float = knob(0.9946, 0.5, 0.999, 0.0001, label="share of the quarter turn")

    label = "variance preserving, cosine"
    name = "VP cosine"
    reference = "Nichol & Dhariwal 2021, eq. 17"
    stop = 1e-3

    def _angle(self, t: Time) -> Tensor:
        return math.pi / 2 * (self.reach * _float64(t) + self.offset) / (1 + self.offset)

    @property
    def _first(self) -> float:
        return math.pi / 2 * self.offset / (1 + self.offset)

    def alpha(self, t: Time) -> Float[Tensor, "..."]:
        return self._angle(t).cos() / math.cos(self._first)

    def sigma(self, t: Time) -> Float[Tensor, "..."]:
        # cos²a − cos²b = sin(b − a) sin(b + a) keeps the digits that 1 − α² loses.
        turn = math.pi / 2 * self.reach * _float64(t) / (1 + self.offset)
        return (turn.sin() * (turn + 2 * self._first).sin()).sqrt() / math.cos(self._first)

    def beta(self, t: Time) -> Float[Tensor, "..."]:
        """β(t) = −2 d log α/dt, per unit of time."""
        return math.pi * self.reach / (1 + self.offset) * self._angle(t).tan()

    def rate(self, t: Time) -> Float[Tensor, "..."]:
        return -self.beta(t) / 2

    def diffusion(self, t: Time) -> Float[Tensor, "..."]:
        return self.beta(t).sqrt()

    def time_at(self, log_snr: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        alpha, sigma = (2 * log_snr).sigmoid().sqrt(), (-2 * log_snr).sigmoid().sqrt()
        sine = (math.sin(self._first) ** 2 + (sigma * math.cos(self._first)) ** 2).sqrt()
        angle = torch.atan2(sine, alpha * math.cos(self._first))
        return (angle * (1 + self.offset) * 2 / math.pi - self.offset) / self.reach


SCHEDULES: tuple[Schedule, ...] = (VE(), VP(), VPCosine(), SubVP())
