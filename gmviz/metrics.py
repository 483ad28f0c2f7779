"""How far samples are from a law known exactly: every number beside what a perfect sampler would read.

The sliced distances compare the samples' distribution functions with the exact ones along fixed directions;
no second sample and no histogram comes between. x is (..., n, d), one set of samples for each law of a batch.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.densities import Density, GaussianMixture, Mixture
from gmviz.knobs import check_knobs, knob
from gmviz.projections import directions, distances
from gmviz.quadrature import Grid

CHUNK = 16 * 2**20  # bytes of a block of pairs


@dataclass(frozen=True)
class Null:
    """What n exact samples read: mean and standard deviation over repetitions."""

    mean: float
    sd: float
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.2g} ± {self.sd:.1g} (n = {self.n})"


@dataclass(frozen=True)
class Sampled:
    """An average over samples and its standard error."""

    value: float
    standard_error: float


@dataclass(frozen=True)
class Metric(ABC):
    """A number that says how far samples x (..., n, d) are from a density."""

    label: ClassVar[str]
    name: ClassVar[str]
    symbol: ClassVar[str]
    unit: ClassVar[str]
    reference: ClassVar[str]

    def __post_init__(self) -> None:
        check_knobs(self)

    @abstractmethod
    def __call__(self, density: Density, x: Float[Tensor, "... n d"]) -> Float[Tensor, "..."]:
        """The distance for each set of samples; +∞ where samples are not finite."""

    def null(self, density: Density, n: int, generator: torch.Generator, repeats: int = 20) -> Null:
        """The reading of n exact samples over `repeats` ≥ 2 independent sets."""
        require(n >= 1, "n", "at least 1", n)
        require(repeats >= 2, "repeats", "at least 2", repeats)
        read = torch.stack([self(density, density.sample(n, generator)) for _ in range(repeats)])
        return Null(read.mean().item(), read.std().item(), n)


@dataclass(frozen=True)
class Sliced(Metric):
    """Distances between the distribution functions of projections u·x, averaged over directions u."""

    count: int = knob(32, 1, 256, 1, label="directions")
    nodes: int = knob(1024, 64, 8192, 64, label="nodes per direction")

    def mean_over_directions(self, density: Density, x: Tensor, p: int) -> Tensor:
        """mean_u ∫ |F̂_u − F_u|ᵖ, F̂ and F the distribution functions of the samples and of the density."""
        _check_samples(density, x)
        each = distances(
            density, _shown(x).double(), directions(density.dimension, self.count), self.nodes, p
        )
        return _or_infinite(each.mean(-1), x)


@dataclass(frozen=True)
class SlicedWasserstein(Sliced):
    """W₁ averaged over directions: mean_u ∫ |F̂_u − F_u|, where F̂ is the samples' distribution function."""

    label = "sliced Wasserstein distance"
    name = "sw1"
    symbol = "SW₁"
    unit = "length"
    reference = "Bonneel et al. 2015"

    def __call__(self, density: Density, x: Float[Tensor, "... n d"]) -> Float[Tensor, "..."]:
        return self.mean_over_directions(density, x, 1)


@dataclass(frozen=True)
class EnergyDistance(Sliced):
    """2E‖X−Y‖ − E‖X−X'‖ − E‖Y−Y'‖ = c_d mean_u 2∫ (F̂_u − F_u)², with ‖v‖ = c_d mean_u |u·v|.

    X runs over the samples (pairs with themselves included) and Y over the exact law, so n exact samples
    read E‖Y−Y'‖/n on average. c₁ = 1, c₂ = π/2, c₃ = 2.
    """

    label = "energy distance"
    name = "energy"
    symbol = "ED"
    unit = "length"
    reference = "Székely & Rizzo 2013, eq. 3"

    def __call__(self, density: Density, x: Float[Tensor, "... n d"]) -> Float[Tensor, "..."]:
        d = density.dimension
        scale = math.sqrt(math.pi) * math.gamma((d + 1) / 2) / math.gamma(d / 2)
        return 2 * scale * self.mean_over_directions(density, x, 2)


@dataclass(frozen=True)
class MMD(Metric):
    """Squared maximum mean discrepancy with k(x, y) = exp(−‖x−y‖²/2ℓ²), exact on the side of the density.

    E k(x, Y) = (2πℓ²)^{d/2} p_ℓ(x) with the noised density p_ℓ, so
    MMD² = mean_ij k(x_i, x_j) − 2 mean_i E k(x_i, Y) + E k(Y, Y'); n exact samples read
    (1 − E k(Y, Y'))/n on average.
    """

    bandwidth: float = knob(1.0, 0.01, 100.0, 0.01, label="bandwidth ℓ", unit="length", log=True)

    label = "maximum mean discrepancy, squared"
    name = "mmd"
    symbol = "MMD²"
    unit = ""
    reference = "Gretton et al. 2012, eq. 5"

    def __call__(self, density: Density, x: Float[Tensor, "... n d"]) -> Float[Tensor, "..."]:
        _check_samples(density, x)
        noised, shown = density.noised(self.bandwidth), _shown(x)
        log_peak = density.dimension / 2 * math.log(2 * math.pi * self.bandwidth**2)
        among = self._among(shown.reshape(-1, *x.shape[-2:])).reshape(x.shape[:-2])
        across = (noised.log_prob(shown) + log_peak).exp().mean(-1)
        return _or_infinite(among - 2 * across + self.self_similarity(density), x)

    def self_similarity(self, density: Density) -> Float[Tensor, "..."]:
        """E k(Y, Y') = (2πℓ²)^{d/2} ∫ p p_ℓ, in closed form for a mixture and by quadrature otherwise."""
        log_peak = density.dimension / 2 * math.log(2 * math.pi * self.bandwidth**2)
        if isinstance(density, GaussianMixture):
            return _overlap(density, self.bandwidth) * math.exp(log_peak)
        noised = density.noised(self.bandwidth)
        integral = Grid.covering(density).integral(lambda y: (density.log_prob(y) + noised.log_prob(y)).exp())
        return integral.value * math.exp(log_peak)

    def _among(self, x: Tensor) -> Tensor:
        """mean_ij k(x_i, x_j) for sets (b, n, d), in blocks of rows."""
        x = (x - x.mean(-2, keepdim=True)) / self.bandwidth
        rows = max(1, CHUNK // (x.shape[0] * x.shape[1] * x.element_size()))
        size = x.square().sum(-1)
        total = x.new_zeros(len(x))
        for part, square in zip(x.split(rows, dim=-2), size.split(rows, dim=-1), strict=True):
            exponent = part @ x.mT - square[..., None] / 2 - size[..., None, :] / 2
            total += exponent.clamp(max=0.0).exp().sum((-2, -1))
        return total / x.shape[-2] ** 2


@dataclass(frozen=True)
class ModeError(Metric):
    """Half Σ_k |ŵ_k − w_k|: the share of mass in the wrong mode, ŵ_k the mean responsibility of mode k."""

    label = "mass in the wrong mode"
    name = "modes"
    symbol = "TV"
    unit = ""
    reference = ""

    def __call__(self, density: Density, x: Float[Tensor, "... n d"]) -> Float[Tensor, "..."]:
        mixture = _with_modes(density)
        return _or_infinite((mode_weights(mixture, x) - mixture.weights).abs().sum(-1) / 2, x)


@dataclass(frozen=True)
class Coverage(Metric):
    """The share of modes that hold at least a part ρ of their true weight: 1 for a perfect sampler."""

    part: float = knob(0.5, 0.01, 1.0, 0.01, label="least part ρ of a mode's weight")

    label = "modes covered"
    name = "coverage"
    symbol = "C"
    unit = ""
    reference = ""

    def __call__(self, density: Density, x: Float[Tensor, "... n d"]) -> Float[Tensor, "..."]:
        mixture = _with_modes(density)
        return (mode_weights(mixture, x) >= self.part * mixture.weights).to(x.dtype).mean(-1)


METRICS: tuple[Metric, ...] = (SlicedWasserstein(), EnergyDistance(), MMD(), ModeError(), Coverage())


def mode_weights(mixture: Mixture, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... K"]:
    """ŵ_k = mean_i g_k(x_i), the samples' mass in each component; NaN where samples are not finite."""
    _check_samples(mixture, x)
    return mixture.responsibilities(x).mean(-2)


def mode_weights_sd(mixture: Mixture, n: int) -> Float[Tensor, "... K"]:
    """The standard deviation of ŵ_k for n exact samples, by quadrature: (E g_k² − w_k²)^½ n^−½."""
    require(n >= 1, "n", "at least 1", n)
    grid = Grid.covering(mixture)
    g = mixture.responsibilities(grid.nodes).mT
    second = grid.integrate(mixture.log_prob(grid.nodes).exp()[..., None, :] * g.square()).value
    return ((second - mixture.weights.square()).clamp(min=0) / n).sqrt()


def reverse_kl(log_q: Float[Tensor, "n"], density: Density, x: Float[Tensor, "n d"]) -> Sampled:
    """KL(q|p) = E_q[log q − log p] in nats from samples x of q whose own log-density is known.

    A flow knows it (change of variables); a chain does not, and then this number has no meaning.
    """
    _check_samples(density, x)
    require(len(log_q) >= 2, "log_q", "of at least 2 samples", len(log_q))
    ratio = log_q - density.log_prob(x)
    return Sampled(ratio.mean().item(), ratio.std().item() / math.sqrt(len(ratio)))


def total_variance(x: Float[Tensor, "... n d"]) -> Float[Tensor, "..."]:
    """tr Cov of the samples, a length squared: what grows, or is preserved, along a schedule."""
    return x.var(-2, correction=0).sum(-1)


def _overlap(mixture: Mixture, bandwidth: float) -> Tensor:
    """∫ p p_ℓ = Σ_ij w_i w_j N(m_i − m_j; 0, C_i + C_j + ℓ²I)."""
    means, covariances = mixture.means, mixture.covariances
    eye = torch.eye(mixture.dimension, dtype=means.dtype)
    spread = covariances[..., :, None, :, :] + covariances[..., None, :, :, :] + bandwidth**2 * eye
    apart = (means[..., :, None, :] - means[..., None, :, :])[..., None]
    log_pairs = -(spread.logdet() + (apart.mT @ torch.linalg.solve(spread, apart))[..., 0, 0]) / 2
    peak = (2 * math.pi) ** (-mixture.dimension / 2)
    pairs = mixture.weights[..., :, None] * mixture.weights[..., None, :]
    return peak * (pairs * log_pairs.exp()).sum((-2, -1))


def _with_modes(density: Density) -> Mixture:
    if isinstance(density, Mixture):
        return density
    raise ValueError(
        f"density must be a mixture, whose components are its modes, got {type(density).__name__}"
    )


def _check_samples(density: Density, x: Tensor) -> None:
    fits = x.dim() >= 2 and x.shape[-1] == density.dimension and x.shape[-2] > 0
    require(fits, "x", f"(..., n, {density.dimension}) with n ≥ 1", f"shape {tuple(x.shape)}")


def _shown(x: Tensor) -> Tensor:
    """Samples that can be computed with; what is not finite is judged by `_or_infinite`."""
    return x.nan_to_num(0.0, 0.0, 0.0)


def _or_infinite(distance: Tensor, x: Tensor) -> Tensor:
    """The distance, or +∞ where samples are not finite."""
    return distance.where(x.isfinite().all(-1).all(-1), math.inf)
