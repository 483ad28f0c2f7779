"""The likelihood of points under their own kernel density: with and without themselves."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.memorising import squared_distances

CHUNK = 2**21  # bytes of one matrix of kernels: it stays in the processor's cache
DEEPEST = -690.0  # exponentials below it are 0 to every sum, and ten times slower


@dataclass(frozen=True, eq=False)
class Likelihoods:
    """Mean log-likelihoods of n points under kernel densities of widths σ (T,), in nats.

    `training` (T,) is (1/n) Σ_i log p̂_σ(x_i), which grows without bound as σ → 0. `leave_one_out` (T,) is
    (1/n) Σ_i log (1/(n−1)) Σ_{j≠i} N(x_i; x_j, σ²I) (Duin 1976), with its standard error over the points;
    −∞ for a single point.
    """

    sigmas: Float[Tensor, "T"]
    training: Float[Tensor, "T"]
    leave_one_out: Float[Tensor, "T"]
    leave_one_out_error: Float[Tensor, "T"]

    @staticmethod
    def of(points: Float[Tensor, "n d"], sigmas: Float[Tensor, "T"]) -> "Likelihoods":
        """Both for every σ > 0; raises `ValueError` for σ that is not and points that are not finite."""
        require(len(points) > 0, "points", "at least one", "none")
        require(bool(points.isfinite().all()), "points", "finite", "NaN or infinity")
        require(
            bool((sigmas.isfinite() & (sigmas > 0)).all()), "sigmas", "finite and above 0", sigmas.tolist()
        )
        n, d = points.shape
        peak = -d / 2 * (2 * math.pi * sigmas.square()).log()
        if n == 1:
            nothing = torch.full_like(sigmas, -math.inf)
            return Likelihoods(sigmas, peak, nothing, torch.zeros_like(sigmas))
        others = _log_sums_of_others(points - points.mean(0), sigmas)
        left_out = peak[:, None] - math.log(n - 1) + others
        training = peak - math.log(n) + torch.logaddexp(others, torch.zeros(())).mean(-1)
        return Likelihoods(sigmas, training, left_out.mean(-1), left_out.std(-1) / math.sqrt(n))

    @property
    def best(self) -> int | None:
        """The index of the σ that leave-one-out chooses; None for a single point."""
        return int(self.leave_one_out.argmax()) if self.leave_one_out.isfinite().any() else None


def _log_sums_of_others(points: Float[Tensor, "n d"], sigmas: Float[Tensor, "T"]) -> Float[Tensor, "T n"]:
    """log Σ_{j≠i} exp(−|x_i − x_j|²/2σ²) for every σ and every i."""
    n = len(points)
    parts = []
    for own in torch.arange(n).split(max(1, CHUNK // (8 * n))):
        apart = squared_distances(points[own], points)
        apart[torch.arange(len(own)), own] = math.inf
        least = apart.amin(-1, keepdim=True)
        parts.append(_kernel_sums(apart - least, sigmas).log() - least[:, 0] / (2 * sigmas.square())[:, None])
    return torch.cat(parts, dim=-1)


def _kernel_sums(gaps: Float[Tensor, "m n"], sigmas: Float[Tensor, "T"]) -> Float[Tensor, "T m"]:
    """Σ_j exp(−gap_j/2σ²). A kernel is the square of the one at √2σ, ten times faster than an exponential."""
    sums = gaps.new_empty(len(sigmas), len(gaps))
    ratio = (sigmas[:, None] / sigmas / math.sqrt(2) - 1).abs() < 1e-12
    wider = {t: u for u, t in ratio.nonzero().tolist()}
    kept: dict[int, Tensor] = {}
    for t in sigmas.argsort(descending=True).tolist():
        kernel = kept.pop(wider[t]).square_() if wider.get(t) in kept else _kernel(gaps, sigmas[t])
        if t in wider.values():
            kept[t] = kernel
        torch.sum(kernel, dim=-1, out=sums[t])
    return sums


def _kernel(gaps: Tensor, sigma: Tensor) -> Tensor:
    return (gaps / (-2 * sigma.square())).clamp_(min=DEEPEST).exp_()
