"""Pictures of two landscapes over one family, the balls on them, and the densities the balls have reached."""

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from gmviz.experiments import landscapes as experiment
from gmviz.experiments.landscapes import NOISE, SHOWN, Height, Result, Side
from gmviz.experiments.lowest_points import Fit
from gmviz.figures.animation import (
    Animation,
    Axis,
    Contours,
    Handles,
    Heatmap,
    Layer,
    Panel,
    Points,
    Polyline,
    Track,
)
from gmviz.figures.palette import FISHER, INK, KL, MUTED, PAPER, Colour, P, Q, Ramp

DECADES = 3  # shown of a height
LINES = 2  # iso-lines per decade
SMALLEST = 1e-16  # of a height on a logarithmic axis
COLOURS = {
    experiment.KL: KL,
    experiment.REVERSE_KL: KL,
    experiment.FISHER: FISHER,
    experiment.REVERSE_FISHER: FISHER,
}


def animation(result: Result) -> Animation:
    """Both maps with the ball's path, and the density that each ball has reached."""
    request = result.request
    noise = request.moves is NOISE
    axis = (
        Axis("noise", "", _array(result.values), "σ")
        if noise
        else Axis("evaluations", "", _array(result.values))
    )
    start = _array(result.left.path.theta[0, 0])[None, None]
    handle = Handles(start, ("start",), (INK,), label="start: drag it")
    panels = (_map(result, result.left, handle), _map(result, result.right, handle), _densities(result))
    tracks = _conditions(result) if noise else _heights(result)
    return Animation(axis, panels, tracks, poster=0 if noise else -1, log_tracks=True, seconds=7.0)


def _array(values: Tensor) -> np.ndarray:
    return values.numpy()


def colour(kind: Height) -> Colour:
    """Purple for KL, green for Fisher, ink for the others."""
    return COLOURS.get(kind, INK)


def above_lowest(side: Side) -> np.ndarray:
    """log₁₀ of how far the map lies above its lowest point, at every noise level (L, H, W)."""
    above = side.map.double() - side.height[:, None, None]
    return _array(above.clamp(min=SMALLEST).log10())


def _map(result: Result, side: Side, handle: Handles) -> Panel:
    values = above_lowest(side)
    top = math.ceil(2 * float(np.quantile(values[0], 0.9))) / 2  # a tenth of the first map surpasses it
    ramp = Ramp(side.kind.short, low=PAPER, high=colour(side.kind))
    heat = Heatmap(values, ramp, (top - DECADES, top), "", "above lowest", bits=8, powers=True)
    levels = tuple(top - k / LINES for k in range(DECADES * LINES + 1))
    layers: list[Layer] = [heat, Contours(values, levels, MUTED, width=1.0)]
    path = side.path.theta.movedim(1, 0)
    layers.append(Polyline(_array(path), Q, width=2.5, label="path of the ball"))
    layers.append(Points(_array(side.lowest[:, None]), P, size=5.0, label="lowest point"))
    layers.append(handle)
    layers.append(Points(_array(result.reached(side)[:, None]), Q, size=6.0))
    across, up = result.family.parameters
    subtitle = "above its lowest point"
    return Panel(side.kind.label, result.family.box, tuple(layers), subtitle, across, up, equal=False)


def _densities(result: Result) -> Panel:
    """p, and what each ball has reached."""
    p = _curve(result.target)
    left, right = (_curve(result.density(side)) for side in (result.left, result.right))
    alike = colour(result.left.kind) == colour(result.right.kind)
    layers = (
        Polyline(p, P, width=2.5, label="p"),
        Polyline(
            left, colour(result.left.kind), dashed=True, width=2.0, label=f"q of {result.left.kind.short}"
        ),
        Polyline(
            right,
            Q if alike else colour(result.right.kind),
            dashed=True,
            width=2.0,
            label=_model(result.right),
        ),
    )
    top = 1.1 * float(max(p[..., 1].max(), np.quantile(left[..., 1].max(-1), 0.9), right[-1, :, 1].max()))
    x0, x1 = float(SHOWN[0]), float(SHOWN[-1])
    return Panel("What each ball has reached", (x0, x1, 0.0, top), layers, "density", "x", equal=False)


def _model(side: Side) -> str:
    return f"q of {side.kind.short}"


def _curve(values: Tensor) -> np.ndarray:
    """Densities (T, n) as lines (T, n, 2)."""
    return _array(torch.stack([SHOWN.expand_as(values), values], dim=-1))


def _conditions(result: Result) -> tuple[Track, ...]:
    """The condition number at the lowest point of each map."""
    return tuple(
        _track(result, side, f"Condition, {side.kind.short}", side.condition, "")
        for side in (result.left, result.right)
    )


def _heights(result: Result) -> tuple[Track, ...]:
    """What each divergence reads where its ball is."""
    return tuple(
        _track(result, side, f"{side.kind.short} reads", result.read(side), side.kind.divergence.unit)
        for side in (result.left, result.right)
    )


def _track(result: Result, side: Side, label: str, values: Tensor, unit: str) -> Track:
    """A curve in the colour of its divergence; the right one is dashed where both have one colour."""
    own = colour(side.kind)
    mark: Literal["round", "diamond"] = "diamond" if own is FISHER else "round"
    dashed = side is result.right and own is colour(result.left.kind)
    return Track(label, side.kind.short, _array(values.clamp(min=0.0)), own, mark, unit, dashed)


def rows(fits: tuple[Fit, ...], result: Result) -> list[dict[str, str]]:
    """The table of all six lowest points, as text."""
    across, up = (name.split(":")[0] for name in result.family.parameters)
    return [
        {
            "divergence": fit.kind.label,
            across: f"{fit.theta[0]:.4f}",
            up: f"{fit.theta[1]:.4f}".replace("-0.0000", "0.0000"),
            "reads": f"{max(fit.height, 0.0):.4g}" if fit.height > 1e-12 else "0",
            "eigenvalues of the Hessian": f"{fit.eigenvalues[0]:.4g}, {fit.eigenvalues[1]:.4g}",
            "condition": f"{fit.condition:.4g}",
        }
        for fit in fits
    ]
