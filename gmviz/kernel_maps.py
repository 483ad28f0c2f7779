"""Kernel densities on a tensor grid: isotropic kernels factorise, so each map is a matrix product.

With k(u) = exp(−u²/2σ²), exp(−|x − x_b|²/2σ²) = k(x₁ − x_b1) k(x₂ − x_b2). For the factors K_y (H, n) of the
rows and K_x (W, n) of the columns the kernels add up to S = K_y K_xᵀ, and the weighted means of the points
are K_y (K_x x_b1)ᵀ/S and (K_y x_b2) K_xᵀ/S: three products in place of H·W·n exponentials.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gmviz.checks import require

CHUNK = 16 * 2**20  # bytes of the factors of a block of σ
LOST = 1e-280  # below it the terms of a sum may have underflowed
NEAREST = 16  # points whose kernels are summed where the sum underflows
NEGLIGIBLE = math.log(1e-15)
DEEPEST = -690.0  # exponentials below it are 0 to every sum, and ten times slower


@dataclass(frozen=True, eq=False)
class KernelMaps:
    """The kernel density p̂_σ of points on ys × xs for each σ.

    `log_prob` (T, H, W) is log p̂_σ; `denoised` (T, H, W, 2) is D(x) = Σ w_b x_b with w = softmax_b(−|x −
    x_b|²/2σ²), the mean of the data that x can have come from.
    """

    xs: Float[Tensor, "W"]
    ys: Float[Tensor, "H"]
    sigmas: Float[Tensor, "T"]
    log_prob: Float[Tensor, "T H W"]
    denoised: Float[Tensor, "T H W 2"]

    @property
    def nodes(self) -> Float[Tensor, "H W 2"]:
        """The points x of the grid."""
        return torch.stack(torch.meshgrid(self.xs, self.ys, indexing="xy"), dim=-1)

    @property
    def pull(self) -> Float[Tensor, "T H W 2"]:
        """D(x) − x = σ²∇log p̂_σ, a length (Tweedie; see Efron 2011)."""
        return self.denoised - self.nodes

    @property
    def score(self) -> Float[Tensor, "T H W 2"]:
        """∇log p̂_σ."""
        return self.pull / self.sigmas.square()[:, None, None, None]


def kernel_maps(
    points: Float[Tensor, "n 2"], xs: Float[Tensor, "W"], ys: Float[Tensor, "H"], sigmas: Float[Tensor, "T"]
) -> KernelMaps:
    """(1/n) Σ_b N(x; x_b, σ²I) and its denoiser on the grid ys × xs for every σ > 0, in float64.

    Where S underflows, the nearest points are summed by log-sum-exp; the points left out weigh less than
    1e-15 together, and where they would weigh more all points are summed. Raises `ValueError` for points that
    are not finite, none at all, and σ that is not positive.
    """
    _check(points, xs, ys, sigmas)
    centre = points.double().mean(0)
    data = points.double() - centre
    grid = _Grid(data, xs.double() - centre[0], ys.double() - centre[1])
    sigmas = sigmas.double()
    # Filled in place: results kept between large intermediates would scatter the heap.
    log_sum = data.new_empty(len(sigmas), len(ys), len(xs))
    mean = data.new_empty(*log_sum.shape, 2)
    for block in torch.arange(len(sigmas)).split(max(1, CHUNK // (16 * len(data) * (len(xs) + len(ys))))):
        t = slice(int(block[0]), int(block[-1]) + 1)
        log_sum[t], mean[t] = grid.evaluate(sigmas[t])
    log_peak = -math.log(len(data)) - (2 * math.pi * sigmas.square()).log()
    return KernelMaps(xs, ys, sigmas, log_sum + log_peak[:, None, None], mean + centre)


@dataclass(frozen=True, eq=False)
class _Grid:
    """Points (n, 2) seen from the nodes ys × xs."""

    points: Float[Tensor, "n 2"]
    xs: Float[Tensor, "W"]
    ys: Float[Tensor, "H"]

    @cached_property
    def squares(self) -> tuple[Float[Tensor, "W n"], Float[Tensor, "H n"]]:
        """Squared distances along each axis."""
        return (self.xs[:, None] - self.points[:, 0]).square(), (
            self.ys[:, None] - self.points[:, 1]
        ).square()

    @cached_property
    def nearest(self) -> tuple[Float[Tensor, "H W k"], Int[Tensor, "H W k"]]:
        """The nearest points of every node, nearest first: squared distances and indices."""
        across, up = self.squares
        k = min(NEAREST, len(self.points))
        squared = across.new_empty(len(up), len(across), k)
        index = torch.empty(squared.shape, dtype=torch.long)
        apart = torch.empty_like(across)  # one for all rows: a new one per row would scatter the heap
        for row, *found in zip(up, squared, index, strict=True):
            torch.topk(torch.add(across, row, out=apart), k, largest=False, out=tuple(found))
        return squared, index

    def evaluate(self, sigmas: Float[Tensor, "t"]) -> tuple[Float[Tensor, "t H W"], Float[Tensor, "t H W 2"]]:
        """log Σ_b exp(−|x − x_b|²/2σ²) and D(x) for every node x and every σ."""
        sharpness = (0.5 / sigmas.square())[:, None, None]
        across, up = ((-sharpness * each).clamp_(min=DEEPEST).exp_() for each in self.squares)
        total = up @ across.mT
        x, y = self.points.T
        mean = torch.stack([up @ (across * x).mT, (up * y) @ across.mT], dim=-1) / total[..., None]
        log_sum = total.log()
        lost = total < LOST
        for t in lost.flatten(1).any(1).nonzero()[:, 0].tolist():
            log_sum[t, lost[t]], mean[t, lost[t]] = self._far(lost[t], float(sharpness[t]))
        return log_sum, mean

    def _far(
        self, where: Bool[Tensor, "H W"], sharpness: float
    ) -> tuple[Float[Tensor, "m"], Float[Tensor, "m 2"]]:
        """The same at some nodes from their nearest points, or from all where those are not enough."""
        squared, index = (each[where] for each in self.nearest)
        exponents = -sharpness * squared
        left_out = len(self.points) - squared.shape[1]
        log_sum, mean = _weighted(exponents, self.points[index])
        if left_out:
            crowded = exponents[:, -1] + math.log(left_out) > log_sum + NEGLIGIBLE
            rows, columns = (each[crowded] for each in where.nonzero().T)
            across, up = self.squares
            size = max(1, CHUNK // (32 * len(self.points)))
            blocks = zip(rows.split(size), columns.split(size), strict=True)
            parts = [_weighted(-sharpness * (across[j] + up[i]), self.points) for i, j in blocks if len(i)]
            if parts:
                log_sum[crowded], mean[crowded] = (torch.cat(each) for each in zip(*parts, strict=True))
        return log_sum, mean


def _weighted(
    exponents: Float[Tensor, "m k"], points: Float[Tensor, "... 2"]
) -> tuple[Float[Tensor, "m"], Float[Tensor, "m 2"]]:
    """log Σ exp and the mean of the points (k, 2) or (m, k, 2) under softmax."""
    peak = exponents.amax(-1, keepdim=True)
    weights = (exponents - peak).clamp_(min=DEEPEST).exp_()
    total = weights.sum(-1, keepdim=True)
    mean = torch.stack([(weights * column).sum(-1) for column in points.unbind(-1)], dim=-1) / total
    return (peak + total.log()).squeeze(-1), mean


def _check(points: Tensor, xs: Tensor, ys: Tensor, sigmas: Tensor) -> None:
    require(len(points) > 0, "points", "at least one", "none")
    for name, values in {"points": points, "xs": xs, "ys": ys}.items():
        require(bool(values.isfinite().all()), name, "finite", "NaN or infinity")
    positive = bool((sigmas.isfinite() & (sigmas > 0)).all()) and len(sigmas) > 0
    require(positive, "sigmas", "finite and above 0", sigmas.tolist())
