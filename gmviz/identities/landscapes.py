"""Identities of fits: why one Gaussian is the lowest point of two landscapes, and how curved a shift is."""

from collections.abc import Callable

import torch
from torch import Tensor

from gmviz.densities import Density
from gmviz.divergences import Divergence, LogRatio, fisher, kl
from gmviz.identities.divergences import gaussian_fisher, gaussian_kl, matched
from gmviz.identities.identity import Identity, Side, value
from gmviz.noising import fine_grid


def through_matched(divergence: Divergence, gaussian: Callable[[Density, Density], Tensor]) -> Side:
    """D(p, p*) + D(p*, q*): p* the Gaussian with the moments of p, q* the one with those of q."""

    def side(p: Density, q: Density) -> Tensor:
        return value(divergence)(p, matched(p)) + gaussian(matched(p), matched(q))

    return side


def shift_curvature(divergence: Divergence) -> Side:
    """tr ∇²_m D(p(x), p(x − m)) at m = 0, by automatic differentiation."""

    def side(p: Density, q: Density) -> Tensor:
        grid = fine_grid(p, q)
        m = torch.zeros(p.dimension, dtype=torch.float64, requires_grad=True)
        log_p, score = (part.detach() for part in p.value_and_score(grid.nodes))
        with torch.enable_grad():
            moved, moved_score = p.value_and_score(grid.nodes - m)
            ratio = LogRatio(log_p, moved, score, moved_score)
            total = divergence.moments(ratio)[0] @ grid.weights
            (slope,) = torch.autograd.grad(total, m, create_graph=True)
            rows = [torch.autograd.grad(part, m, retain_graph=True)[0] for part in slope]
        return torch.stack(rows).trace()

    return side


def mean_square(derivative: Callable[[Density, Tensor], Tensor]) -> Side:
    """E_p of the sum of the squares of a derivative of log p."""

    def side(p: Density, q: Density) -> Tensor:
        def integrand(x: Tensor) -> Tensor:
            return p.log_prob(x).exp() * derivative(p, x).square().flatten(1).sum(-1)

        return fine_grid(p, q).integral(integrand).value

    return side


LANDSCAPE_IDENTITIES = (
    Identity(
        name="kl-pythagoras",
        page="landscapes",
        statement="KL from p to any Gaussian splits at the Gaussian with p's moments, so that one is the "
        "lowest point of forward KL.",
        formula=r"\mathrm{KL}(p\,\|\,q^*) = \mathrm{KL}(p\,\|\,p^*) + \mathrm{KL}(p^*\|\,q^*)",
        source="Csiszár 1975",
        left=lambda p, q: value(kl)(p, matched(q)),
        right=through_matched(kl, gaussian_kl),
        tolerance=1e-9,
    ),
    Identity(
        name="fisher-pythagoras",
        page="landscapes",
        statement="Fisher splits at the same Gaussian: forward KL and forward Fisher choose the same one, "
        "with the mean and the covariance of p.",
        formula=r"D_F(p, q^*) = D_F(p, p^*) + D_F(p^*, q^*)",
        source="integration by parts: E_p[∇log p (x − μ)ᵀ] = −I",
        left=lambda p, q: value(fisher)(p, matched(q)),
        right=through_matched(fisher, gaussian_fisher),
        tolerance=1e-9,
    ),
    Identity(
        name="kl-shift-curvature",
        page="landscapes",
        statement="How curved KL is under a shift of p: the mean square of its score.",
        formula=r"\mathrm{tr}\,\nabla_m^2\,\mathrm{KL}(p\,\|\,p(\cdot-m)) = \mathbb{E}_p\|\nabla\log p\|^2",
        source="Fisher 1925",
        left=shift_curvature(kl),
        right=mean_square(lambda p, x: p.score(x)),
        tolerance=1e-8,
    ),
    Identity(
        name="fisher-shift-curvature",
        page="landscapes",
        statement="How curved Fisher is under a shift of p: the mean square of its Hessian.",
        formula=r"\mathrm{tr}\,\nabla_m^2\,D_F(p, p(\cdot-m)) = \mathbb{E}_p\|\nabla^2\log p\|_F^2",
        source="differentiation under the integral",
        left=shift_curvature(fisher),
        right=mean_square(lambda p, x: p.hessian(x)),
        tolerance=1e-8,
    ),
)
