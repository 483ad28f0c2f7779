"""Identities of the divergences themselves: what each is made of, invariant under, bounded by."""

from collections.abc import Callable

import torch
from torch import Tensor

from gmviz.densities import Density, GaussianMixture
from gmviz.divergences import (
    Divergence,
    LogRatio,
    f2,
    fisher,
    half_variance_log_ratio,
    kl,
    measure,
    squared_log_ratio,
)
from gmviz.identities.identity import AT_MOST, Identity, Side, value
from gmviz.noising import along, fine_grid


def mean(function: Callable[[LogRatio], Tensor]) -> Side:
    """E_p of a function of the evaluated log-ratio: (n,), or (n, d) for a vector."""

    def side(p: Density, q: Density) -> Tensor:
        def integrand(x: Tensor) -> Tensor:
            ratio = LogRatio.of(p, q, x)
            return ratio.density * function(ratio).movedim(0, -1)

        return fine_grid(p, q).integral(integrand).value

    return side


def offset(divergence: Divergence, c: float) -> Side:
    """The divergence with log q + c in the place of log q."""
    return lambda p, q: measure(p, q, (divergence,), fine_grid(p, q), offset=c)[0].value


def stretched(divergence: Divergence, a: float) -> Side:
    """The divergence of the laws of ax."""
    return lambda p, q: along(divergence, p, q, [(a, 0.0)])[0]


def matched(density: Density) -> GaussianMixture:
    """The Gaussian with the density's mean and covariance."""
    one = torch.ones(1, dtype=torch.float64)
    return GaussianMixture(one, density.mean()[None], density.covariance()[None])


def gaussian_kl(p: Density, q: Density) -> Tensor:
    """½[tr(C_q⁻¹C_p) + δᵀC_q⁻¹δ − d + log det C_q/det C_p] for Gaussians, δ the difference of the means."""
    shape, delta = torch.linalg.solve(q.covariance(), p.covariance()), p.mean() - q.mean()
    distance = delta @ torch.linalg.solve(q.covariance(), delta)
    return (shape.trace() + distance - p.dimension - shape.logdet()) / 2


def gaussian_fisher(p: Density, q: Density) -> Tensor:
    """½[tr(ΔP C_p ΔP) + ‖C_q⁻¹δ‖²] for Gaussians, ΔP = C_q⁻¹ − C_p⁻¹."""
    P = q.covariance().inverse()
    dP, pull = P - p.covariance().inverse(), P @ (p.mean() - q.mean())
    return ((dP @ p.covariance() @ dP).trace() + pull @ pull) / 2


def by_translation(value: Callable[[LogRatio], Tensor]) -> Side:
    """d/dm at m = 0 of an integral with q shifted to q(x − m), by automatic differentiation."""

    def side(p: Density, q: Density) -> Tensor:
        grid = fine_grid(p, q)
        m = torch.zeros(p.dimension, dtype=torch.float64, requires_grad=True)
        with torch.enable_grad():
            ratio = LogRatio(p.log_prob(grid.nodes), q.log_prob(grid.nodes - m))
            total = value(ratio) @ grid.weights
            return torch.autograd.grad(total, m)[0]

    return side


def hyvarinen(p: Density, q: Density) -> Tensor:
    """E_p[Δ log q + ½‖∇log q‖²] + ½E_p‖∇log p‖²: nothing compares p with q at a point."""

    def integrand(x: Tensor) -> Tensor:
        log_p, own = p.value_and_score(x)
        trace = q.hessian(x).diagonal(dim1=-2, dim2=-1).sum(-1)
        return log_p.exp() * (trace + (q.score(x).square() + own.square()).sum(-1) / 2)

    return fine_grid(p, q).integral(integrand).value


def zero(p: Density, q: Density) -> Tensor:
    """Nothing, in any dimension."""
    return torch.zeros((), dtype=torch.float64)


def parts_of_square(p: Density, q: Density) -> Tensor:
    """½KL² + ½Var, the variance as the integral of the centred square."""
    grid = fine_grid(p, q)
    ratio = LogRatio.of(p, q, grid.nodes, scores=False)
    mean = kl(p, q, grid).value
    return mean.square() / 2 + grid.integrate(half_variance_log_ratio.centred(ratio, mean)).value


def score_p(ratio: LogRatio) -> Tensor:
    """∇log p (n, d)."""
    return ratio.gradient + score_q(ratio)


def score_q(ratio: LogRatio) -> Tensor:
    """∇log q (n, d)."""
    if ratio.score_q is None:
        raise ValueError("scores must be evaluated for the gradient of log q, got none")
    return ratio.score_q


C = 0.5  # offset of log q
A = 3.0  # stretch of space

DIVERGENCE_IDENTITIES = (
    Identity(
        name="gibbs",
        page="divergences",
        statement="KL is never negative: no q is, on average over p, more likely than p.",
        formula=r"0 \le \mathbb{E}_p[\log p - \log q]",
        source="Kullback & Leibler 1951",
        left=zero,
        right=value(kl),
        tolerance=1e-12,
        relation=AT_MOST,
    ),
    Identity(
        name="squared-log-ratio-parts",
        page="divergences",
        statement="The squared log-ratio is half of KL squared plus half the variance of the log-ratio.",
        formula=r"\tfrac12\,\mathbb{E}_p[r^2] = \tfrac12\,\mathrm{KL}^2 + \tfrac12\,\mathrm{Var}_p(r)",
        source="the decomposition of a second moment",
        left=value(squared_log_ratio),
        right=parts_of_square,
        tolerance=1e-11,
    ),
    Identity(
        name="f2-by-parts",
        page="divergences",
        statement="F2 is how the squared log-ratio answers when the sample points move and r stands still.",
        formula=r"\mathbb{E}_p[r\,\nabla r] = -\tfrac12\,\mathbb{E}_p[r^2\,\nabla\log p]",
        source="integration by parts",
        left=value(f2),
        right=mean(lambda ratio: -score_p(ratio) * ratio.value.square()[:, None] / 2),
        tolerance=1e-8,
    ),
    Identity(
        name="self-term-vanishes",
        page="divergences",
        statement="The term of F2 in p alone is zero.",
        formula=r"\mathbb{E}_p[\log p\,\nabla\log p] = 0",
        source="integration by parts",
        left=mean(lambda ratio: ratio.log_p[:, None] * score_p(ratio)),
        right=zero,
        tolerance=1e-8,
    ),
    Identity(
        name="f2-expansion",
        page="divergences",
        statement="F2 written out: three cross terms, one of them with a minus sign.",
        formula=r"-\mathbb{E}_p[r\,\nabla r] = \mathbb{E}_p[\log p\,\nabla\log q + \log q\,\nabla\log p"
        r" - \log q\,\nabla\log q]",
        source="expansion of the product",
        left=lambda p, q: -f2(p, q, fine_grid(p, q)).value,
        right=mean(
            lambda ratio: (
                (ratio.log_p - ratio.log_q)[:, None] * score_q(ratio) + ratio.log_q[:, None] * score_p(ratio)
            )
        ),
        tolerance=1e-8,
    ),
    Identity(
        name="f2-bound",
        page="divergences",
        statement="F2 is at most what the squared log-ratio and Fisher allow together.",
        formula=r"\left\|\mathbb{E}_p[r\,\nabla r]\right\|^2 \le 4\cdot\tfrac12\,\mathbb{E}_p[r^2]\cdot D_F",
        source="Cauchy-Schwarz",
        left=lambda p, q: f2(p, q, fine_grid(p, q)).value.square().sum(),
        right=lambda p, q: 4 * value(squared_log_ratio)(p, q) * value(fisher)(p, q),
        tolerance=1e-12,
        relation=AT_MOST,
    ),
    Identity(
        name="kl-normaliser",
        page="divergences",
        statement="A q whose normaliser is wrong by a factor shifts KL by the logarithm of it.",
        formula=r"\mathrm{KL}(p\,\|\,e^{c}q) = \mathrm{KL}(p\,\|\,q) - c",
        source="log q enters linearly",
        left=offset(kl, C),
        right=lambda p, q: kl(p, q, fine_grid(p, q)).value - C,
        tolerance=1e-11,
    ),
    Identity(
        name="fisher-normaliser",
        page="divergences",
        statement="Fisher does not see the normaliser of q.",
        formula=r"D_F(p, e^{c}q) = D_F(p, q)",
        source="Hyvärinen 2005",
        left=offset(fisher, C),
        right=value(fisher),
        tolerance=1e-11,
    ),
    Identity(
        name="f2-normaliser",
        page="divergences",
        statement="F2 sees the normaliser of q, by the mean gradient of log q.",
        formula=r"F_2(p, e^{c}q) = F_2(p, q) + c\,\mathbb{E}_p[\nabla\log q]",
        source="E_p[∇log p] = 0",
        left=offset(f2, C),
        right=lambda p, q: f2(p, q, fine_grid(p, q)).value + C * mean(score_q)(p, q),
        tolerance=1e-8,
    ),
    Identity(
        name="kl-scaling",
        page="divergences",
        statement="KL has no unit of length: stretching space leaves it.",
        formula=r"\mathrm{KL}(ap\,\|\,aq) = \mathrm{KL}(p\,\|\,q)",
        source="change of variables",
        left=stretched(kl, A),
        right=value(kl),
        tolerance=1e-9,
    ),
    Identity(
        name="fisher-scaling",
        page="divergences",
        statement="Fisher is one over a squared length: space stretched threefold makes it nine times less.",
        formula=r"D_F(ap, aq) = D_F(p, q)/a^2",
        source="change of variables",
        left=stretched(fisher, A),
        right=lambda p, q: value(fisher)(p, q) / A**2,
        tolerance=1e-8,
    ),
    Identity(
        name="f2-scaling",
        page="divergences",
        statement="F2 is one over a length.",
        formula=r"F_2(ap, aq) = F_2(p, q)/a",
        source="change of variables",
        left=stretched(f2, A),
        right=lambda p, q: f2(p, q, fine_grid(p, q)).value / A,
        tolerance=1e-8,
    ),
    Identity(
        name="kl-gaussian",
        page="divergences",
        statement="KL between the Gaussians with the moments of p and q has a closed form.",
        formula=r"\tfrac12\left[\mathrm{tr}(C_q^{-1}C_p) + \delta^\top C_q^{-1}\delta - d"
        r" + \log\tfrac{\det C_q}{\det C_p}\right]",
        source="Kullback 1959",
        left=lambda p, q: value(kl)(matched(p), matched(q)),
        right=gaussian_kl,
        tolerance=1e-10,
    ),
    Identity(
        name="fisher-gaussian",
        page="divergences",
        statement="Fisher between the Gaussians with the moments of p and q has a closed form.",
        formula=r"\tfrac12\left[\mathrm{tr}(\Delta P\,C_p\,\Delta P) + \|C_q^{-1}\delta\|^2\right],"
        r"\quad \Delta P = C_q^{-1} - C_p^{-1}",
        source="scores of Gaussians are linear",
        left=lambda p, q: value(fisher)(matched(p), matched(q)),
        right=gaussian_fisher,
        tolerance=1e-10,
    ),
    Identity(
        name="log-sobolev",
        page="divergences",
        statement="Against one Gaussian (the moments of q), Fisher does bound KL, by its largest variance.",
        formula=r"\mathrm{KL}(p\,\|\,N(m, C)) \le \lambda_{\max}(C)\,D_F(p, N(m, C))",
        source="Gross 1975",
        left=lambda p, q: value(kl)(p, matched(q)),
        right=lambda p, q: torch.linalg.eigvalsh(q.covariance()).max() * value(fisher)(p, matched(q)),
        tolerance=1e-11,
        relation=AT_MOST,
    ),
    Identity(
        name="squared-log-ratio-gradient",
        page="divergences",
        statement="Moving q changes the squared log-ratio by the log-ratio times the gradient of log q.",
        formula=r"\nabla_m \tfrac12\,\mathbb{E}_p[r^2] = \mathbb{E}_p[(\log q - \log p)\,\nabla_m\log q]",
        source="differentiation under the integral",
        left=by_translation(squared_log_ratio.at),
        right=mean(lambda ratio: ratio.value[:, None] * score_q(ratio)),
        tolerance=1e-9,
    ),
    Identity(
        name="kl-gradient",
        page="divergences",
        statement="Moving q changes KL by the mean gradient of log q alone: log p is not needed.",
        formula=r"\nabla_m \mathrm{KL} = -\mathbb{E}_p[\nabla_m \log q]",
        source="differentiation under the integral",
        left=by_translation(kl.at),
        right=mean(score_q),
        tolerance=1e-9,
    ),
    Identity(
        name="fisher-by-parts",
        page="objectives",
        statement="Fisher without log p at any point: only the model's derivatives, averaged over data.",
        formula=r"D_F = \mathbb{E}_p\left[\Delta\log q + \tfrac12\|\nabla\log q\|^2\right]"
        r" + \tfrac12\,\mathbb{E}_p\|\nabla\log p\|^2",
        source="Hyvärinen 2005, theorem 1",
        left=value(fisher),
        right=hyvarinen,
        tolerance=1e-8,
    ),
)
