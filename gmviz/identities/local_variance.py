"""Identities of the local variance: Fisher is what is left of it as the noise vanishes."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.densities import Density
from gmviz.divergences import LogRatio, fisher, kl
from gmviz.identities.identity import Identity, Side, value
from gmviz.local_variance import Response, expansion, response
from gmviz.noising import fine_grid


def small_noise(p: Density, q: Density) -> tuple[float, float, float]:
    """Three halving sizes ε, the largest a tenth of the finest length."""
    finest = min(p.smallest_sd(), q.smallest_sd())
    return finest / 10, finest / 20, finest / 40


def extrapolated(values: list[Tensor]) -> Tensor:
    """The limit of v(ε) = v + aε² + bε⁴ + … from ε, ε/2, ε/4 (Richardson): its error is O(ε⁶)."""
    coarse, middle, fine = values
    first, second = (4 * middle - coarse) / 3, (4 * fine - middle) / 3
    return (16 * second - first) / 15


def response_limit(answer: Callable[[Response, Tensor], Tensor]) -> Side:
    """lim ε → 0 of E_p of a function of the response to noise and of f = log p/q."""

    def side(p: Density, q: Density) -> Tensor:
        grid = fine_grid(p, q, reach=7.0)
        ratio = LogRatio.of(p, q, grid.nodes, scores=False)
        values = [
            grid.integrate(
                ratio.density * answer(response(p, q, grid.nodes, epsilon, nodes=6), ratio.value)
            ).value
            for epsilon in small_noise(p, q)
        ]
        return extrapolated(values)

    return side


def probes(p: Density, n: int = 12) -> Float[Tensor, "n d"]:
    """A few points of p, always the same."""
    return p.sample(n, torch.Generator().manual_seed(0))


def second_order(form: Callable[[Response], Tensor]) -> Side:
    """lim ε → 0 of (form(ε) − ‖∇f‖²/d)/ε² at the probes (n,)."""

    def side(p: Density, q: Density) -> Tensor:
        x = probes(p)
        limit = expansion(p, q, x).limit
        return extrapolated([(form(response(p, q, x, e)) - limit) / e**2 for e in small_noise(p, q)])

    return side


def laplacian_of_square(p: Density, q: Density) -> Tensor:
    """½Δ‖∇f‖² at the probes (n,), by differentiating the closed scores twice."""
    x = probes(p)
    with torch.enable_grad():
        y = x.detach().requires_grad_()
        square = (p.score(y) - q.score(y)).square().sum(-1)
        (slope,) = torch.autograd.grad(square.sum(), y, create_graph=True)
        rows = [torch.autograd.grad(part.sum(), y, retain_graph=True)[0] for part in slope.unbind(-1)]
    return sum((row[:, i] for i, row in enumerate(rows)), start=torch.zeros(())) / 2


def bochner(p: Density, q: Density) -> Tensor:
    """‖H‖² + ∇f·∇Δf at the probes (n,)."""
    x = probes(p)
    H = p.hessian(x) - q.hessian(x)
    return expansion(p, q, x).coefficient * p.dimension + H.square().sum((-2, -1)) / 2


LOCAL_VARIANCE_IDENTITIES = (
    Identity(
        name="fisher-is-a-local-variance",
        page="local_variance",
        statement="Fisher is d/2 times the mean local variance of the log-ratio, as the jiggle vanishes.",
        formula=r"D_F = \tfrac{d}{2}\,\lim_{\varepsilon\to0}\mathbb{E}_p\,"
        r"\frac{\mathrm{Var}_e\,f(x+e)}{\mathbb{E}\|e\|^2}",
        source="first-order expansion of f",
        left=lambda p, q: p.dimension / 2 * response_limit(lambda a, f: a.local_variance)(p, q),
        right=value(fisher),
        tolerance=1e-6,
    ),
    Identity(
        name="kl-is-a-local-mean",
        page="local_variance",
        statement="KL is the mean of the locally averaged log-ratio, as the jiggle vanishes.",
        formula=r"\mathrm{KL} = \lim_{\varepsilon\to0}\mathbb{E}_p\,\mathbb{E}_e\,f(x+e)",
        source="continuity of f",
        left=response_limit(lambda a, f: f + a.shift),
        right=value(kl),
        tolerance=1e-7,
    ),
    Identity(
        name="local-variance-second-order",
        page="local_variance",
        statement="What the local variance adds at finite jiggle, to second order.",
        formula=r"\tfrac{1}{d}\left(\tfrac12\|H\|_F^2 + \nabla f\cdot\nabla\Delta f\right)",
        source="Taylor expansion with Gaussian moments",
        left=second_order(lambda a: a.local_variance),
        right=lambda p, q: expansion(p, q, probes(p)).coefficient,
        tolerance=1e-4,
    ),
    Identity(
        name="mean-square-second-order",
        page="local_variance",
        statement="The mean square adds more, by the squared mean shift: the two agree only in the limit.",
        formula=r"\tfrac{1}{d}\left(\tfrac12\|H\|_F^2 + \tfrac14(\Delta f)^2"
        r" + \nabla f\cdot\nabla\Delta f\right)",
        source="Taylor expansion with Gaussian moments",
        left=second_order(lambda a: a.mean_square),
        right=lambda p, q: expansion(p, q, probes(p)).mean_square_coefficient,
        tolerance=1e-4,
    ),
    Identity(
        name="bochner",
        page="local_variance",
        statement="The second-order term in another form: half the Laplacian of the squared gradient.",
        formula=r"\tfrac12\Delta\|\nabla f\|^2 = \|H\|_F^2 + \nabla f\cdot\nabla\Delta f",
        source="Bochner's formula in flat space",
        left=laplacian_of_square,
        right=bochner,
        tolerance=1e-9,
    ),
)
