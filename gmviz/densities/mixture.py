"""Mixtures of components whose log-densities and derivatives are known."""

import math
from abc import abstractmethod
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.densities.density import Density

CHUNK = 4 * 2**20  # bytes of an intermediate: small enough to stay in the processor's cache


class Mixture(Density):
    """Σ_k w_k p_k(x), with an optional batch of parameters.

    With g_k = softmax_k(log w_k p_k(x)), u_k = −∇log p_k, P_k = −∇²log p_k and the mean pull u = Σ g_k u_k:
    ∇log p = −u and ∇²log p = Σ g_k (u_k − u)(u_k − u)ᵀ − Σ g_k P_k.
    The hooks keep the points on the last axis, where sums over few components run over long rows.
    """

    weights: Tensor  # (..., K)
    means: Tensor  # (..., K, d)

    @property
    @abstractmethod
    def covariances(self) -> Tensor:
        """Those of the components, (..., K, d, d)."""

    @abstractmethod
    def _log_joint(self, x: Tensor) -> Tensor:
        """log w_k p_k(x): (..., d, n) → (..., K, n)."""

    @abstractmethod
    def _pulls(self, x: Tensor) -> Tensor:
        """u_k: (..., d, n) → (..., d, K, n)."""

    @abstractmethod
    def _mean_precision(self, g: Tensor, x: Tensor) -> Tensor:
        """Σ g_k P_k: (..., K, n), (..., d, n) → (..., d, d, n), or what broadcasts to it."""

    def _mean_pull(self, g: Tensor, x: Tensor) -> Tensor:
        """Σ g_k u_k: (..., K, n), (..., d, n) → (..., d, n)."""
        return (g.unsqueeze(-3) * self._pulls(x)).sum(-2)

    def _spread(self, g: Tensor, x: Tensor) -> Tensor:
        """Σ g_k (u_k − u)(u_k − u)ᵀ: (..., K, n), (..., d, n) → (..., d, d, n)."""
        u = self._pulls(x)
        apart = u - (g.unsqueeze(-3) * u).sum(-2, keepdim=True)
        return ((g.unsqueeze(-3) * apart).unsqueeze(-4) * apart.unsqueeze(-3)).sum(-2)

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
        log_p, score = self._in_chunks(self._value_and_score, x)
        return log_p, score.mT

    def hessian(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n d d"]:
        def curvature(part: Tensor) -> tuple[Tensor]:
            _, g = self._posterior(part)
            return (self._spread(g, part) - self._mean_precision(g, part),)

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
        """log p (..., n) and the responsibilities g (..., K, n)."""
        return log_sum_and_shares(self._log_joint(x))

    def _value_and_score(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """log p (..., n) and ∇log p (..., d, n)."""
        log_p, g = self._posterior(x)
        return log_p, -self._mean_pull(g, x)

    def _in_chunks(self, function: Callable[[Tensor], tuple[Tensor, ...]], x: Tensor) -> tuple[Tensor, ...]:
        """`function` of (..., d, n) over blocks of points whose intermediates (..., d, K, n) fit `CHUNK`."""
        d = self.dimension
        require(x.dim() >= 2 and x.shape[-1] == d, "x", f"points of shape (..., n, {d})", tuple(x.shape))
        x = x.to(self.means.dtype).mT
        batch = torch.broadcast_shapes(self.batch, x.shape[:-2]).numel()
        width = batch * d * self.means.shape[-2] * x.element_size()
        blocks = [function(block) for block in x.split(max(1, CHUNK // max(1, width)), dim=-1)]
        return tuple(torch.cat(parts, dim=-1) for parts in zip(*blocks, strict=True))


def log_sum_and_shares(joint: Tensor) -> tuple[Tensor, Tensor]:
    """log Σ_k exp joint_k (..., n) and softmax_k joint (..., K, n), from the same exponentials."""
    peak = joint.detach().amax(-2, keepdim=True)
    # Far below one rounding error, and still a normal number: subnormal ones are ten times slower.
    invisible = 0.8 * math.log(torch.finfo(joint.dtype).tiny)
    g = (joint - peak).clamp(min=invisible).exp()
    total = g.sum(-2, keepdim=True)
    return (peak + total.log()).squeeze(-2), g / total
