"""The local variance of f = log p/q on a whole map, for many noise levels from one evaluation of f.

On a fine padded grid a Gaussian blur is two matrix products, B[F] = K_y F K_xᵀ, and Var f(x+e) is
B[F²] − B[F]². The trapezoid rule behind K errs by about exp(−2π²ε²/h²), which is 3e-9 at ε = h; below one
grid step the expansion in ε takes over.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.densities import Density
from gmviz.local_variance import Expansion, expansion

PAD = 6.0  # noise levels around the map: 2e-9 of the noise falls outside


@dataclass(frozen=True)
class VarianceMap:
    """The response of f to noise ε (T,) at the nodes ys × xs: arrays (T, H, W).

    `shift` is E f(x+e) − f(x) and `variance` is Var f(x+e). `blurred` (T,) says for which ε they come from
    the blur; the others come from the expansion, whose error is of order ε⁴.
    """

    epsilons: Float[Tensor, "t"]
    shift: Float[Tensor, "t H W"]
    variance: Float[Tensor, "t H W"]
    expansion: Expansion
    blurred: Tensor

    @property
    def local_variance(self) -> Float[Tensor, "t H W"]:
        """Var f(x+e)/E‖e‖², per squared length."""
        return self.variance / (2 * self.epsilons.square())[:, None, None]

    @property
    def mean_square(self) -> Float[Tensor, "t H W"]:
        """E(f(x+e) − f(x))²/E‖e‖², per squared length."""
        return (self.variance + self.shift.square()) / (2 * self.epsilons.square())[:, None, None]


def variance_map(
    p: Density,
    q: Density,
    xs: Float[Tensor, "W"],
    ys: Float[Tensor, "H"],
    epsilons: Float[Tensor, "t"],
    step: float,
) -> VarianceMap:
    """The response of log p/q on the nodes ys × xs of the plane for every ε > 0.

    f is evaluated on a grid of `step` > 0, padded by `PAD` times the largest ε. Raises `ValueError` for an ε
    or a step that is not positive and finite.
    """
    require(bool((epsilons.isfinite() & (epsilons > 0)).all()), "epsilons", "positive", epsilons.tolist())
    require(math.isfinite(step) and step > 0, "step", "a positive length", step)
    nodes = _plane(xs, ys)
    shape = (len(ys), len(xs))
    f = (p.log_prob(nodes) - q.log_prob(nodes)).unflatten(-1, shape)
    local = expansion(p, q, nodes)
    blurred = epsilons >= step
    squares = epsilons.square()[:, None]
    shift = (squares * local.laplacian / 2).unflatten(-1, shape)
    variance = (2 * squares * (local.limit + squares * local.coefficient)).unflatten(-1, shape)
    if blurred.any():
        pad = PAD * epsilons[blurred].max().item()
        fine_x, fine_y = (_fine(axis, pad, step) for axis in (xs, ys))
        plane = _plane(fine_x, fine_y)
        F = (p.log_prob(plane) - q.log_prob(plane)).unflatten(-1, (len(fine_y), len(fine_x)))
        kernels = [_kernel(axis, fine, epsilons[blurred]) for axis, fine in ((ys, fine_y), (xs, fine_x))]
        mean, square = (kernels[0] @ field @ kernels[1].mT for field in (F, F.square()))
        shift[blurred], variance[blurred] = mean - f, (square - mean.square()).clamp(min=0)
    return VarianceMap(epsilons, shift, variance, local, blurred)


def _plane(xs: Tensor, ys: Tensor) -> Float[Tensor, "n 2"]:
    return torch.stack(torch.meshgrid(xs, ys, indexing="xy"), dim=-1).flatten(0, 1)


def _fine(axis: Tensor, pad: float, step: float) -> Float[Tensor, "m"]:
    low, high = axis[0].item() - pad, axis[-1].item() + pad
    return torch.linspace(low, high, math.ceil((high - low) / step) + 1, dtype=axis.dtype)


def _kernel(axis: Tensor, fine: Tensor, epsilons: Tensor) -> Float[Tensor, "t k m"]:
    """Rows of N(fine; axis, ε²) normalised to sum 1."""
    return (-(((axis[:, None] - fine) / epsilons[:, None, None]) ** 2) / 2).softmax(-1)
