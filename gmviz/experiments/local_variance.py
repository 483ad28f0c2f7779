"""Why is Fisher a variance? Jiggle a point by ε and watch what log p/q does.

Three views over one axis, ε: at a point (the cloud, its values, G against ε), everywhere (maps of G and its
limit, and the two integrals), and the same statement for maps with several outputs.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.densities import Density
from gmviz.divergences import LogRatio, fisher, kl
from gmviz.experiments.presets import BLOBS, PRESETS, Preset
from gmviz.experiments.scene import Scene, nearest
from gmviz.experiments.window import Window
from gmviz.knobs import Option, check_knobs, choice, knob
from gmviz.local_variance import Expansion, expansion, response
from gmviz.plane_maps import LINEAR, TANH, PlaneMap
from gmviz.quadrature import Estimate, Grid
from gmviz.variance_map import VarianceMap, variance_map

EPSILONS = torch.cat(  # from 0.5 over 0.1 to 0.01
    [
        torch.logspace(math.log10(0.5), -1, 18, dtype=torch.float64)[:-1],
        torch.logspace(-1, -2, 24, dtype=torch.float64),
    ]
)
CLOUD = 500  # points drawn
VALUES = 6000  # points counted in the histogram
DRAFTED = 800  # while a finger drags
BINS = 61
SEED = 0  # of the drawn cloud; no number depends on it
ROUNDING = 1e-13  # relative: a smaller change of log p/q is rounding, not a change
FINE = 0.025  # step of the grid that is blurred
LENS = 41  # nodes of the magnified plane, which is 6 ε wide


POINT = Option("point", "At a point")
EVERYWHERE = Option("everywhere", "Everywhere, and its integral")
OUTPUTS = Option("outputs", "Several outputs")
VARIANCE = Option("variance", "Variance")
MEAN_SQUARE = Option("mean_square", "Mean square")


@dataclass(frozen=True)
class Request:
    """The pair, the point that is jiggled, and what is looked at."""

    pair: Preset = choice(BLOBS, PRESETS, label="Pair")
    view: Option = choice(POINT, (POINT, EVERYWHERE, OUTPUTS), label="View")
    form: Option = choice(VARIANCE, (VARIANCE, MEAN_SQUARE), label="Per squared jiggle")
    outputs: PlaneMap = choice(TANH, (LINEAR, TANH), label="Map of the plane")
    probe_x: float = knob(0.5, -6.0, 6.0, 0.01, label="Probe x")
    probe_y: float = knob(0.5, -6.0, 6.0, 0.01, label="Probe y")

    def __post_init__(self) -> None:
        check_knobs(self)

    @property
    def probe(self) -> Float[Tensor, "2"]:
        """The point that is jiggled."""
        return torch.tensor([self.probe_x, self.probe_y], dtype=torch.float64)


def acting(view: Option) -> tuple[str, ...]:
    """The fields that act in a view."""
    if view is OUTPUTS:
        return ("view", "outputs", "probe_x", "probe_y")
    point = ("probe_x", "probe_y") if view is POINT else ()
    return ("view", "pair", "form", *point)


def dragged(moved: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """The fields that follow when the probe is dragged, held within their range."""
    if "probe" not in moved:
        return {}
    x, y = (min(6.0, max(-6.0, round(each, 2))) for each in moved["probe"])
    return {"probe_x": x, "probe_y": y}


@dataclass(frozen=True, eq=False)
class AtPoint:
    """f = log p/q around the probe.

    The jiggled points x + εz are drawn on the plane and, as `z` (n, 2), under a lens that magnifies by 1/ε:
    `lens` (T, LENS, LENS) is [f(x + εu) − f(x)]/ε for u in [−3, 3]². `heights` (T, BINS) are the densities of
    its values at the jiggled points; G(ε) and its mean-square form are (T,).
    """

    request: Request
    window: Window
    log_ratio: Float[Tensor, "H W"]
    outlines: tuple[Float[Tensor, "H W"], Float[Tensor, "H W"]]
    z: Float[Tensor, "n 2"]
    lens: Float[Tensor, "t l l"]
    edges: Float[Tensor, "b"]
    heights: Float[Tensor, "t m"]
    local_variance: Float[Tensor, "t"]
    mean_square: Float[Tensor, "t"]
    expansion: Expansion

    def at(self, position: float) -> dict[str, float]:
        """The numbers at the ε closest to `position`."""
        i = nearest(EPSILONS, position)
        return {
            "variance": float(self.local_variance[i]),
            "mean_square": float(self.mean_square[i]),
            "limit": float(self.expansion.limit),
            "start": float(self.local_variance[0]),
        }

    def table(self) -> dict[str, list[float]]:
        """G and its mean-square form along ε, by column."""
        parabola = self.expansion.limit + EPSILONS.square() * self.expansion.coefficient
        columns = {"variance": self.local_variance, "mean square": self.mean_square, "expansion": parabola}
        return _along_epsilon(columns)


@dataclass(frozen=True, eq=False)
class Everywhere:
    """Maps of G(ε), and the averages (d/2) E_p G(ε) and E_p E_e f(x+e) with what they tend to."""

    request: Request
    window: Window
    outlines: tuple[Float[Tensor, "H W"], Float[Tensor, "H W"]]
    map: VarianceMap
    fisher_like: Float[Tensor, "t"]
    kl_like: Float[Tensor, "t"]
    fisher: Estimate
    kl: Estimate

    def at(self, position: float) -> dict[str, float]:
        """The numbers at the ε closest to `position`."""
        i = nearest(EPSILONS, position)
        return {
            "fisher_like": float(self.fisher_like[i]),
            "kl_like": float(self.kl_like[i]),
            "fisher": float(self.fisher.value),
            "kl": float(self.kl.value),
        }

    def table(self) -> dict[str, list[float]]:
        """The two averages along ε, by column."""
        return _along_epsilon({"(d/2) E_p G": self.fisher_like, "E_p E_e f": self.kl_like})


@dataclass(frozen=True, eq=False)
class Outputs:
    """A map of the plane: the cloud before and after (T, n, 2), tr Cov f(x+e)/E‖e‖² (T,) and ΣJ²/d."""

    request: Request
    cloud: Float[Tensor, "t n 2"]
    image: Float[Tensor, "t n 2"]
    response: Float[Tensor, "t"]
    jacobian: Float[Tensor, "2 2"]

    @property
    def limit(self) -> float:
        """ΣJ²/d."""
        return float(self.jacobian.square().sum() / 2)

    def at(self, position: float) -> dict[str, float]:
        """The numbers at the ε closest to `position`."""
        i = nearest(EPSILONS, position)
        return {"response": float(self.response[i]), "limit": self.limit}

    def table(self) -> dict[str, list[float]]:
        """The response along ε, by column."""
        return _along_epsilon({"tr Cov/E‖e‖²": self.response})


def _along_epsilon(columns: Mapping[str, Tensor]) -> dict[str, list[float]]:
    return {"ε": EPSILONS.tolist()} | {name: values.tolist() for name, values in columns.items()}


Result = AtPoint | Everywhere | Outputs


def draft(request: Request) -> Result:
    """The same while a finger drags: fewer values in the histogram."""
    return _at_point(request, *request.pair.named(), DRAFTED) if request.view is POINT else run(request)


def run(request: Request) -> Result:
    """What the view of the request shows."""
    if request.view is OUTPUTS:
        return _outputs(request)
    p, q = request.pair.named()
    return _everywhere(request, p, q) if request.view is EVERYWHERE else _at_point(request, p, q, VALUES)


def _at_point(request: Request, p: Density, q: Density, values: int) -> AtPoint:
    x, window = request.probe, Window.around(p, q, points=request.probe[None])
    ratio = LogRatio.of(p, q, window.nodes, scores=False)
    local = expansion(p, q, x[None])
    z = _noise(values, SEED)
    u = torch.linspace(-3, 3, LENS, dtype=torch.float64)
    lens = torch.stack(torch.meshgrid(u, u, indexing="xy"), dim=-1).flatten(0, 1)
    slopes = _change(p, q, x, torch.cat([z, lens])) / EPSILONS[:, None]
    counted, magnified = slopes.split((len(z), len(lens)), dim=-1)
    edges = torch.linspace(-1, 1, BINS + 1, dtype=torch.float64) * _reach(counted)
    heights = torch.stack([torch.histogram(row, edges, density=True).hist for row in counted])
    responses = [response(p, q, x[None], epsilon) for epsilon in EPSILONS.tolist()]
    floor = ((p.log_prob(x[None]).abs() + q.log_prob(x[None]).abs()) * ROUNDING / EPSILONS).square()

    def known(values: list[Tensor]) -> Tensor:
        joined = torch.cat(values)
        return joined.where(joined > floor, 0.0)

    return AtPoint(
        request=request,
        window=window,
        log_ratio=window.map(ratio.value),
        outlines=(window.map(ratio.log_p), window.map(ratio.log_q)),
        z=z[:CLOUD],
        lens=magnified.unflatten(-1, (LENS, LENS)),
        edges=edges,
        heights=heights,
        local_variance=known([each.local_variance for each in responses]),
        mean_square=known([each.mean_square for each in responses]),
        expansion=local,
    )


def _change(p: Density, q: Density, x: Tensor, z: Float[Tensor, "n 2"]) -> Float[Tensor, "t n"]:
    """f(x + εz) − f(x) for every ε."""
    points = torch.cat([x[None], (x + EPSILONS[:, None, None] * z).flatten(0, 1)])
    log_p, log_q = p.log_prob(points), q.log_prob(points)
    change = (log_p - log_q)[1:] - (log_p - log_q)[0]
    smallest = ROUNDING * (log_p.abs() + log_q.abs())[1:]
    return change.where(change.abs() > smallest, 0.0).unflatten(0, (len(EPSILONS), len(z)))


def _everywhere(request: Request, p: Density, q: Density) -> Everywhere:
    window = Window.around(p, q)
    finest = torch.stack([p.resolution(), q.resolution()]).amin(0)
    axes = tuple(
        torch.linspace(low, high, 1 + int(6 * (high - low) / h), dtype=torch.float64)
        for (low, high), h in zip(p.bounds(6.0).tolist(), finest.tolist(), strict=True)
    )
    wide = variance_map(p, q, axes[0], axes[1], EPSILONS, 2 * FINE)
    nodes = torch.stack(torch.meshgrid(*axes, indexing="xy"), dim=-1).flatten(0, 1)
    weights = p.log_prob(nodes).exp()
    weights = weights / weights.sum()
    averaged = wide.local_variance if request.form is VARIANCE else wide.mean_square
    levels = (p.noised(epsilon) for epsilon in EPSILONS.tolist())
    return Everywhere(
        request=request,
        window=window,
        outlines=(window.map(p.log_prob(window.nodes)), window.map(q.log_prob(window.nodes))),
        map=variance_map(p, q, window.xs, window.ys, EPSILONS, FINE),
        fisher_like=averaged.flatten(1) @ weights,
        kl_like=torch.stack([_expected_log_ratio(p, q, noised) for noised in levels]),
        fisher=fisher(p, q),
        kl=kl(p, q),
    )


def _expected_log_ratio(p: Density, q: Density, law: Density) -> Tensor:
    """E f(y) for y = x + e: what KL's integrand averages to after the jiggle."""
    grid = Grid.covering(p, q, law, reach=7.0, comfortable=1)
    x = grid.nodes
    return grid.integrate(law.log_prob(x).exp() * (p.log_prob(x) - q.log_prob(x))).value


def _outputs(request: Request) -> Outputs:
    x, f = request.probe, request.outputs
    cloud = x + EPSILONS[:, None, None] * _noise(CLOUD, SEED)
    response = torch.stack([f.response(x, epsilon) for epsilon in EPSILONS.tolist()])
    return Outputs(request, cloud, f(cloud), response, f.jacobian(x))


def _noise(n: int, seed: int) -> Float[Tensor, "n 2"]:
    return torch.randn(n, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def _reach(slopes: Float[Tensor, "t n"]) -> float:
    """Half the width of the histogram: beyond it lies 1 % of the values at most, at every ε."""
    return max(1e-3, float(torch.quantile(slopes[:, :2000].abs(), 0.99, dim=-1).max()) * 1.2)


_DEFAULT = Request()
SCENES = (
    Scene(
        id="halved",
        question="Shrink the jiggle ε fifty-fold and the variance of log p/q shrinks with it. "
        "What does the variance per squared jiggle, Var/E‖e‖², do?",
        options=("it vanishes", "it settles at ½‖∇ log p/q‖²", "it grows without end"),
        answer=1,
        request=_DEFAULT,
        at=0.01,
        takeaway="It goes from {start:.3f} to {variance:.4f}, and ½‖∇ log p/q‖² is {limit:.4f}. Fisher "
        "averages exactly this over p: it is the local variance of the log-ratio.",
    ),
    Scene(
        id="critical",
        question="Here ∇ log p/q is zero. What does the variance per squared jiggle read at ε = 0.1?",
        options=("exactly 0", "a small positive number", "a large number"),
        answer=1,
        request=replace(_DEFAULT, probe_x=2.75, probe_y=-0.2),
        at=0.1,
        takeaway="{variance:.4f}: the gradient is (almost) gone, and what is left is curvature, ε²‖H‖²/2d. "
        "Only the limit is a gradient.",
    ),
    Scene(
        id="integral",
        question="Average Var/E‖e‖² over p at ε = 0.2. Fisher is what it tends to. Is the average "
        "already within 1 % of Fisher?",
        options=("yes", "no"),
        answer=0,
        request=replace(_DEFAULT, view=EVERYWHERE),
        at=0.2,
        takeaway="The average reads {fisher_like:.4f}, Fisher {fisher:.4f}. And the average of log p/q "
        "itself, {kl_like:.4f}, tends to KL, {kl:.4f}: a variance and a mean of the same function.",
    ),
)
