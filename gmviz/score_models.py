"""A model of data at every noise level: s(x; α, σ), the score of the law of αx₀ + σz.

Samplers, likelihoods and guidance take this and nothing more. One noise-conditional score serves every
schedule: s(x; α, σ) = s(x/α; 1, σ/α)/α.
"""

import math
from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.densities import CHUNK, Density, GaussianMixture


class ScoreModel(ABC):
    """Anything with the score of αx₀ + σz, and perhaps its log-density. Points are (n, d), α > 0, σ ≥ 0."""

    has_log_prob = False

    @property
    @abstractmethod
    def dimension(self) -> int:
        """d."""

    @abstractmethod
    def score(self, x: Float[Tensor, "n d"], alpha: float, sigma: float) -> Float[Tensor, "n d"]:
        """∇log p of the law of αx₀ + σz at x, per length."""

    def log_prob(self, x: Float[Tensor, "n d"], alpha: float, sigma: float) -> Float[Tensor, "n"]:
        """log p of the law of αx₀ + σz at x, in nats."""
        return self.value_and_score(x, alpha, sigma)[0]

    def value_and_score(
        self, x: Float[Tensor, "n d"], alpha: float, sigma: float
    ) -> tuple[Float[Tensor, "n"], Float[Tensor, "n d"]]:
        """log p and ∇log p in one evaluation; only a model with a log-density has it."""
        raise TypeError(f"{type(self).__name__} has no log-density, only a score")

    def denoised(self, x: Float[Tensor, "n d"], alpha: float, sigma: float) -> Float[Tensor, "n d"]:
        """E[x₀ | x] = (x + σ² s)/α (Robbins 1956; Tweedie's formula in Efron 2011)."""
        return (x + sigma**2 * self.score(x, alpha, sigma)) / alpha


class ExactModel(ScoreModel):
    """The exact score and log-density of any `Density`, by `density.diffused(alpha, sigma)`."""

    has_log_prob = True

    def __init__(self, density: Density) -> None:
        self.density = density

    @property
    def dimension(self) -> int:
        return self.density.dimension

    def score(self, x: Float[Tensor, "n d"], alpha: float, sigma: float) -> Float[Tensor, "n d"]:
        return self.value_and_score(x, alpha, sigma)[1]

    def value_and_score(
        self, x: Float[Tensor, "n d"], alpha: float, sigma: float
    ) -> tuple[Float[Tensor, "n"], Float[Tensor, "n d"]]:
        return self.density.diffused(alpha, sigma).value_and_score(x)


class MixtureModel(ScoreModel):
    """The exact score of a Gaussian mixture in two matrix products.

    With precisions P_k = (α²C_k + σ²I)⁻¹, log w_k N_k(x) is linear in the monomials φ(x) = (1, x_i, x_i x_j),
    so the responsibilities are g = softmax(A φ(x)), and the score is Σ_k g_k P_k m_k − (Σ_k g_k P_k) x.
    """

    has_log_prob = True

    def __init__(self, mixture: GaussianMixture) -> None:
        self.mixture = mixture
        d = mixture.dimension
        # Powers of x cancel less when the data lie around the origin.
        self._centre = mixture.mean()
        self._means = mixture.means - self._centre
        self._values, self._axes = torch.linalg.eigh(mixture.covariances)
        self._log_weights = mixture.weights.log() - d / 2 * math.log(2 * math.pi)

    @property
    def dimension(self) -> int:
        return self.mixture.dimension

    def score(self, x: Float[Tensor, "n d"], alpha: float, sigma: float) -> Float[Tensor, "n d"]:
        to_log, to_score = self._coefficients(alpha, sigma)
        return torch.cat(
            [_pull(part, _log_joint(part, to_log), to_score) for part in self._split(x, alpha)], dim=-1
        ).mT

    def value_and_score(
        self, x: Float[Tensor, "n d"], alpha: float, sigma: float
    ) -> tuple[Float[Tensor, "n"], Float[Tensor, "n d"]]:
        to_log, to_score = self._coefficients(alpha, sigma)
        values, scores = [], []
        for part in self._split(x, alpha):
            log_joint = _log_joint(part, to_log)
            values.append(log_joint.logsumexp(0))
            scores.append(_pull(part, log_joint, to_score))
        return torch.cat(values), torch.cat(scores, dim=-1).mT

    def _split(self, x: Tensor, alpha: float) -> tuple[Tensor, ...]:
        """Centred points as columns (d, n), in blocks whose (K, n) fits in the chunk."""
        size = max(1, CHUNK // (len(self._log_weights) * x.element_size()))
        return (x - alpha * self._centre).mT.contiguous().split(size, dim=-1)

    def _coefficients(self, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
        """A (K, 1 + d + d²) for the log joint, and (d + d², K) = (P m, P) for the score."""
        variances = alpha**2 * self._values + sigma**2
        precisions = (self._axes / variances[:, None, :]) @ self._axes.mT
        means = alpha * self._means
        pull = (precisions @ means[..., None])[..., 0]
        constant = self._log_weights - (variances.log().sum(-1) + (pull * means).sum(-1)) / 2
        to_log = torch.cat([constant[:, None], pull, -precisions.flatten(1) / 2], dim=-1)
        return to_log, torch.cat([pull, precisions.flatten(1)], dim=-1).mT


def _log_joint(x: Tensor, to_log: Tensor) -> Tensor:
    """log w_k N_k(x) (K, n) for columns x (d, n)."""
    monomials = torch.cat([torch.ones_like(x[:1]), x, (x[:, None] * x[None]).flatten(0, 1)])
    return to_log @ monomials


def _pull(x: Tensor, log_joint: Tensor, to_score: Tensor) -> Tensor:
    """Σ_k g_k P_k m_k − (Σ_k g_k P_k) x (d, n)."""
    d = len(x)
    moments = to_score @ log_joint.softmax(0)
    return moments[:d] - (moments[d:].unflatten(0, (d, d)) * x).sum(1)


def exact_model(density: Density) -> ScoreModel:
    """The exact model of a density: a `MixtureModel` for one Gaussian mixture, an `ExactModel` otherwise."""
    if isinstance(density, GaussianMixture) and not density.batch:
        return MixtureModel(density)
    return ExactModel(density)
