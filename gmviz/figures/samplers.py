"""Pictures of samplers at work: particles over p_t on one clock, and how far each is from the road.

At every noise level the plane is shrunk to the spread of the data: y = m + (x − αm) s/√(α²s² + σ²) with the
data's mean m and variance s² per axis. So N(0, 20²I) and p fit one window, and VE and VP look alike.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.densities import Density
from gmviz.experiments.judging import KERNEL_N, METRICS, true_shares
from gmviz.experiments.roads import BY_NOISE, Road
from gmviz.experiments.samplers import DENSITY, ENDS, GOAL, ROAD, SHARE, SHOWN, SPREAD, Request, Result
from gmviz.experiments.walks import Walk, Way, class_shares, law_at
from gmviz.experiments.window import Window
from gmviz.figures.animation import (
    DEFAULT_BUDGET,
    LARGEST,
    Animation,
    Arrows,
    Axis,
    Extent,
    Heatmap,
    Layer,
    Panel,
    Particles,
    Points,
    Track,
)
from gmviz.figures.palette import CATEGORIES, INK, MUTED, P_DENSITY, Q_DENSITY
from gmviz.metrics import Null

ROWS, COLUMNS = 34, 45  # nodes of the map behind the particles
ARROW_ROWS, ARROW_COLUMNS = 9, 12
DEPTH = 5.0  # nats below its peak where the map of p_t ends
READ = {
    ROAD: "Curves: SW₁ from the particles to p_t, as a multiple of what perfect samples read",
    GOAL: "Curves: SW₁ from the particles to p",
    SHARE: "Curves: the share of mode 1 among the particles, given x_t under p_t",
    SPREAD: "Curves: tr Cov of the particles",
}
QUARTERS = ("right, up", "left, up", "left, down", "right, down")


def animation(result: Result) -> Animation:
    """A panel for every sampler and one curve of each."""
    request = result.request
    by_noise = request.clock is BY_NOISE
    label, unit = ("noise level", "length") if by_noise else ("evaluations spent", "%")
    axis = Axis(label, unit, request.ticks.numpy(), "σ/α" if by_noise else "", log=by_noise)
    plane = Plane.of(request)
    tracks, log = _tracks(result)
    small = request.n <= 2000 and request.colour is not DENSITY
    return Animation(
        axis,
        tuple(_panel(request, plane, each) for each in result.walks),
        tracks,
        log_tracks=log,
        formula=READ[request.track],
        seconds=7.0,
        budget=DEFAULT_BUDGET if small else LARGEST,
    )


@dataclass(frozen=True, eq=False)
class Plane:
    """The window on the data's own plane, and the maps from x_t to it and back."""

    density: Density
    extent: Extent

    @staticmethod
    def of(request: Request) -> "Plane":
        return Plane(request.truth, Window.around(request.truth, reach=3.6).extent)

    @cached_property
    def _mean(self) -> Tensor:
        return self.density.mean()

    @cached_property
    def spread(self) -> float:
        """s, the data's standard deviation per axis."""
        return float(self.density.covariance().diagonal().mean()) ** 0.5

    def zoom(self, alpha: float, sigma: float) -> float:
        """s/√(α²s² + σ²)."""
        return self.spread / (alpha**2 * self.spread**2 + sigma**2) ** 0.5

    def shown(self, x: Float[Tensor, "n 2"], alpha: float, sigma: float) -> Float[Tensor, "n 2"]:
        """Where x_t is drawn."""
        return self._mean + (x - alpha * self._mean) * self.zoom(alpha, sigma)

    def behind(self, y: Float[Tensor, "n 2"], alpha: float, sigma: float) -> Float[Tensor, "n 2"]:
        """The x_t that is drawn at y."""
        return alpha * self._mean + (y - self._mean) / self.zoom(alpha, sigma)

    def nodes(self, columns: int, rows: int, inset: float = 0.0) -> Float[Tensor, "n 2"]:
        """Nodes row by row: from edge to edge, or `inset` of a cell away from them."""
        x0, x1, y0, y1 = self.extent
        wide, high = inset * (x1 - x0) / columns, inset * (y1 - y0) / rows
        xs = torch.linspace(x0 + wide, x1 - wide, columns, dtype=torch.float64)
        ys = torch.linspace(y0 + high, y1 - high, rows, dtype=torch.float64)
        return torch.stack(torch.meshgrid(xs, ys, indexing="xy"), dim=-1).flatten(0, 1)


def _panel(request: Request, plane: Plane, walk: Walk) -> Panel:
    levels = walk.levels[:1] if len(set(walk.levels)) == 1 else walk.levels
    layers: list[Layer] = [_density(plane, levels)]
    if request.arrows is SHOWN:
        layers.append(_arrows(plane, walk.request, levels))
    if request.has_points:
        layers.append(Points(request.data_points().numpy()[None], INK, size=4.0, label="data points"))
    layers.append(_particles(request, plane, walk))
    spent = f"{int(walk.evaluations[-1])} evaluations"
    subtitle = spent if walk.stopped is None else f"stopped: {int(walk.evaluations[-1])} of {walk.total}"
    return Panel(walk.sampler.label, plane.extent, tuple(layers), subtitle)


def _density(plane: Plane, levels: list[tuple[float, float]]) -> Heatmap:
    """log p_t below its peak, for the frames of a walk."""
    y = plane.nodes(COLUMNS, ROWS)
    x = torch.stack([plane.behind(y, *level) for level in levels])
    alphas, sigmas = torch.tensor(levels, dtype=torch.float64).unbind(-1)
    log_p = law_at(plane.density, alphas, sigmas).log_prob(x)
    depth = (log_p - log_p.amax(-1, keepdim=True)).clamp(min=-2 * DEPTH).unflatten(-1, (ROWS, COLUMNS))
    return Heatmap(depth.numpy(), P_DENSITY, (-DEPTH, 0.0), "nats", "log p_t/peak", bits=8, label="p_t")


def _arrows(plane: Plane, road: Road, levels: list[tuple[float, float]]) -> Arrows:
    """The score in units of 1/spread, its length saturating at one cell."""
    y, model = plane.nodes(ARROW_COLUMNS, ARROW_ROWS, inset=0.5), road.model()
    fields = []
    for alpha, sigma in levels:
        score = model.score(plane.behind(y, alpha, sigma), alpha, max(sigma, road.blur))
        pull = score * plane.spread / plane.zoom(alpha, sigma)
        fields.append(pull / (2 + pull.norm(dim=-1, keepdim=True)))
    cell = (plane.extent[1] - plane.extent[0]) / ARROW_COLUMNS
    vectors = torch.stack(fields).unflatten(1, (ARROW_ROWS, ARROW_COLUMNS))
    return Arrows(vectors.numpy(), MUTED, scale=0.9 * cell, label="score")


def _particles(request: Request, plane: Plane, walk: Walk) -> Particles:
    frames = list(zip(walk.states, walk.levels, strict=True))
    positions = torch.stack([plane.shown(x, *level) for x, level in frames]).numpy()
    if request.colour is DENSITY:
        log_p = law_at(plane.density, walk.alphas, walk.sigmas).log_prob(walk.states)
        values = (log_p - log_p.amax(-1, keepdim=True)).clamp(min=-2 * DEPTH).numpy()
        return Particles(
            positions, values=values, ramp=Q_DENSITY, limits=(-DEPTH, 0.0), unit="nats", trail=request.trail
        )
    if request.colour is ENDS:
        index = class_shares(request.data, walk.final, *walk.levels[-1]).argmax(-1)
        count = int(request.data.classes.max()) + 1
        names = tuple(f"mode {k + 1}" for k in range(count)) if 1 < count <= 5 else ()
    else:
        index, names = _quarter(walk.states[0] - walk.states[0].mean(0)), QUARTERS
    # Blue, the first of the categories, is taken: it is p_t behind the particles.
    names = ("p_t", *names) if names else ()
    categories = ((index + 1) % len(CATEGORIES)).numpy().astype(np.uint8)
    return Particles(positions, categories=categories, names=names, trail=request.trail)


def _quarter(x: Float[Tensor, "n 2"]) -> Tensor:
    """0 … 3 for the quarters of the plane, counted from the upper right, anticlockwise."""
    right, up = x[:, 0] >= 0, x[:, 1] >= 0
    return torch.where(up, torch.where(right, 0, 1), torch.where(right, 3, 2))


def _tracks(result: Result) -> tuple[tuple[Track, ...], bool]:
    """One curve per sampler, the reference it is held against, and whether the axis is logarithmic."""
    request = result.request
    flat = np.ones(len(request.ticks))
    read, name, reference, unit = _curve(result)
    log = request.track is not SHARE
    tracks = tuple(
        Track(
            walk.sampler.label,
            "",
            read(way).numpy(),
            INK if place < 2 else MUTED,
            "round" if place % 2 == 0 else "diamond",
            unit,
            dashed=place % 2 == 1,
        )
        for place, (walk, way) in enumerate(zip(result.walks, result.ways, strict=True))
    )
    return (*tracks, Track(name, "", reference * flat, MUTED, unit=unit, dashed=True, numeral=False)), log


def _curve(result: Result) -> tuple[Callable[[Way], Tensor], str, float | np.ndarray, str]:
    """What the curves read, the name and values of their reference, and their unit."""
    track = result.request.track
    if track is ROAD:
        return lambda way: way.to_road, "a perfect sampler", 1.0, "×"
    if track is GOAL:
        return lambda way: way.to_goal, "a perfect sampler", result.ways[0].goal_null, "length"
    if track is SHARE:
        return lambda way: way.classes[:, 0], "truth", float(true_shares(result.request.data)[0]), ""
    last = result.ways[-1]
    return (
        lambda way: way.spread,
        f"exact, {last.request.sampler.label}",
        last.exact_spread.numpy(),
        "length²",
    )


def verdicts(result: Result) -> dict[str, list[str]]:
    """The ends of the roads as a table: each metric, and what perfect samples read in the last row."""
    found = result.verdicts
    nulls = result.nulls(max(each.n for each in found))
    rows = zip(result.walks, found, strict=True)
    table: dict[str, list[str]] = {
        "sampler": [*(walk.sampler.label for walk, _ in rows), "perfect samples"],
        "evaluations": [*(str(each.evaluations) for each in found), ""],
        "n": [*(str(each.n) for each in found), str(nulls.off.n)],
    }
    for place, metric in enumerate(METRICS):
        read = [f"{each.values[place]:.3g}" for each in found]
        table[f"{metric.symbol}"] = [*read, _plus_minus(nulls.values[place])]
    table[f"MMD² (n = {KERNEL_N})"] = [*(f"{each.mmd:.2g}" for each in found), _plus_minus(nulls.mmd)]
    table["mass in the wrong mode"] = [*(f"{each.off:.2%}" for each in found), f"{nulls.off.mean:.2%}"]
    table["modes covered"] = [*(f"{each.covered:.0%}" for each in found), "100%"]
    return table


def _plus_minus(null: Null) -> str:
    return f"{null.mean:.2g} ± {null.sd:.1g}"
