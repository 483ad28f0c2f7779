"""Fisher as a variance: how much f = log p/q varies when a point is jiggled.

For e ~ N(0, ε²I), E‖e‖² = dε²: Var f(x+e)/E‖e‖² → ‖∇f‖²/d as ε → 0, so Fisher = (d/2) lim E_p of it.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.densities import Density
from gmviz.quadrature import CHUNK, gauss_hermite

MOST_NODES = 60  # per axis


@dataclass(frozen=True)
class Response:
    """How f answers to noise of size ε at points x: the mean shift of f(x + e) and its variance, (n,)."""

    shift: Float[Tensor, "..."]
    variance: Float[Tensor, "..."]
    noise: float  # E‖e‖² = dε²

    @property
    def local_variance(self) -> Float[Tensor, "..."]:
        """Var f(x+e) / E‖e‖², per squared length."""
        return self.variance / self.noise

    @property
    def mean_square(self) -> Float[Tensor, "..."]:
        """E(f(x+e) − f(x))² / E‖e‖²: larger by the squared mean shift, equal only in the limit."""
        return (self.variance + self.shift.square()) / self.noise


@dataclass(frozen=True)
class Expansion:
    """Both forms for small ε: limit + coefficient · ε² + O(ε⁴), at points x (n,).

    With H the Hessian of f: limit ‖∇f‖²/d; coefficient (½‖H‖² + ∇f·∇Δf)/d for the variance and
    (½‖H‖² + ¼(Δf)² + ∇f·∇Δf)/d for the mean square; the mean shift is ½ε²Δf.
    """

    limit: Float[Tensor, "..."]
    coefficient: Float[Tensor, "..."]
    mean_square_coefficient: Float[Tensor, "..."]
    laplacian: Float[Tensor, "..."]


def response(
    p: Density, q: Density, x: Float[Tensor, "... n d"], epsilon: float, nodes: int | None = None
) -> Response:
    """The mean shift and variance (..., n) of log p/q under noise of size ε > 0, by Gauss-Hermite.

    `nodes` per axis, unless given, grow with ε over the finest length of p and q, up to 60.
    """
    require(math.isfinite(epsilon) and epsilon > 0, "epsilon", "a positive length", epsilon)
    if nodes is None:
        nodes = nodes_for(epsilon / min(p.smallest_sd(), q.smallest_sd()))
    z, w = gauss_hermite(nodes, x.shape[-1])
    e = (epsilon * z).to(x.dtype)
    parts = x.split(max(1, CHUNK // (8 * x.shape[:-2].numel() * e.numel())), dim=-2)
    moments = [_moments(p, q, part, e, w.to(x.dtype)) for part in parts]
    shift, variance = (torch.cat(each, dim=-1) for each in zip(*moments, strict=True))
    return Response(shift, variance, x.shape[-1] * epsilon**2)


def local_variance(
    p: Density, q: Density, x: Float[Tensor, "... n d"], epsilon: float
) -> Float[Tensor, "..."]:
    """Var_e[f(x + e)] / E‖e‖² (..., n) of f = log p/q for e ~ N(0, ε²I), per squared length."""
    return response(p, q, x, epsilon).local_variance


def expansion(p: Density, q: Density, x: Float[Tensor, "... n d"]) -> Expansion:
    """The exact limit and ε² coefficients (..., n); ∇Δf by differentiating the closed Hessian."""
    d = x.shape[-1]
    with torch.enable_grad():
        y = x.detach().requires_grad_()
        H = p.hessian(y) - q.hessian(y)
        laplacian = H.diagonal(dim1=-2, dim2=-1).sum(-1)
        (slope,) = torch.autograd.grad(laplacian.sum(), y)
    H, laplacian = H.detach(), laplacian.detach()
    gradient = p.score(x) - q.score(x)
    variance = H.square().sum((-2, -1)) / 2 + (gradient * slope).sum(-1)
    return Expansion(
        limit=gradient.square().sum(-1) / d,
        coefficient=variance / d,
        mean_square_coefficient=(variance + laplacian.square() / 4) / d,
        laplacian=laplacian,
    )


def nodes_for(ratio: float) -> int:
    """Gauss-Hermite nodes per axis for noise of `ratio` times the finest standard deviation."""
    return min(MOST_NODES, 8 + math.ceil(60 * ratio))


def _moments(p: Density, q: Density, x: Tensor, e: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    """E f(x+e) − f(x) and Var f(x+e) at the points of one block."""
    cloud = (x[..., None, :] + e).flatten(-3, -2)
    values = (p.log_prob(cloud) - q.log_prob(cloud)).unflatten(-1, (x.shape[-2], len(e)))
    rise = values - (p.log_prob(x) - q.log_prob(x))[..., None]
    shift = rise @ w
    return shift, (rise - shift[..., None]).square() @ w
