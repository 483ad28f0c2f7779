"""Pictures of a jiggled point: what log p/q does, and how its variance becomes a gradient."""

import math
from functools import singledispatch

import numpy as np
import torch
from torch import Tensor

from gmviz.experiments.local_variance import EPSILONS, VARIANCE, AtPoint, Everywhere, Outputs, Result
from gmviz.experiments.scene import nearest
from gmviz.figures.animation import (
    Animation,
    Axis,
    Bars,
    Contours,
    Handles,
    Heatmap,
    Panel,
    Particles,
    Polyline,
    Track,
)
from gmviz.figures.palette import FISHER, FISHER_INTEGRAND, INK, KL, LOG_RATIO, MUTED, P, Q

AXIS = Axis("jiggle", "", EPSILONS.numpy(), "ε", log=True)
POSTER = nearest(EPSILONS, 0.1)
LEVELS = (-4.5, -2.0, -0.5)
DECADES = 4
UNIT = "1/length²"
REACHED = 6.0  # by the sliders of the probe


@singledispatch
def animation(result: Result) -> Animation:
    """The panels and tracks of one view."""
    raise TypeError(f"no picture for {type(result).__name__}")


@animation.register
def _(result: AtPoint) -> Animation:
    panels = (_cloud(result), _lens(result), _histogram(result))
    return Animation(AXIS, panels, _at_point_tracks(result), poster=POSTER)


def _cloud(result: AtPoint) -> Panel:
    limits = _symmetric(result.log_ratio)
    probe = _array(result.request.probe)
    layers = (
        Heatmap(_array(result.log_ratio)[None], LOG_RATIO, limits, "nats", "log p/q", bits=8),
        *_outlines(result.outlines),
        Handles(probe[None, None], ("probe",), (FISHER,), box=_within(result.window.extent)),
        Particles(probe + EPSILONS.numpy()[:, None, None] * _array(result.z), INK, label="x + e", size=1.4),
    )
    return Panel("f = log p/q", result.window.extent, layers, "drag the green point x")


def _lens(result: AtPoint) -> Panel:
    values = _array(result.lens)
    limit = max(1e-3, float(np.quantile(np.abs(values), 0.98)))
    unit = 10.0 ** np.floor(np.log10(limit))
    limit = float(np.ceil(limit / unit) * unit)
    spread = Heatmap(values, LOG_RATIO, (-limit, limit), "", "[f(x+e) − f(x)]/ε", bits=8)
    levels = tuple(limit * k / 4 for k in range(-3, 4))
    layers = (
        spread,
        Contours(values, levels, MUTED, width=1.0, label="iso-lines of f"),
        Particles(_array(result.z)[None], INK, size=1.4),
    )
    return Panel(
        "Under the lens, 6 ε wide", (-3.0, 3.0, -3.0, 3.0), layers, "small ε: straight, parallel lines"
    )


def _histogram(result: AtPoint) -> Panel:
    edges, heights = _array(result.edges)[None], _array(result.heights)
    slope = math.sqrt(2 * float(result.expansion.limit))
    u = np.linspace(edges[0, 0], edges[0, -1], 201)
    layers: list[Bars | Polyline] = [Bars(edges, heights, MUTED, label="values")]
    top = float(heights.max())
    if slope > 0:
        normal = np.exp(-((u / slope) ** 2) / 2) / (slope * math.sqrt(2 * math.pi))
        shown = normal <= 3 * top
        curve = np.stack([u, normal], axis=-1)[shown]
        layers.append(Polyline(curve[None], FISHER, width=2.5, label="normal of sd ‖∇f‖"))
        top = max(top, float(normal[shown].max()))
    extent = (float(edges[0, 0]), float(edges[0, -1]), 0.0, 1.1 * top)
    title = "How much f changes"
    return Panel(title, extent, tuple(layers), "density of [f(x+e) − f(x)]/ε", "nats/length", equal=False)


def _at_point_tracks(result: AtPoint) -> tuple[Track, ...]:
    flat = np.ones(len(EPSILONS))
    local = result.expansion
    parabola = local.limit + EPSILONS.square() * local.coefficient
    first, second = (True, False) if result.request.form is VARIANCE else (False, True)
    return (
        Track("Var/E‖e‖²", "G", _array(result.local_variance), FISHER, "diamond", UNIT, dashed=second),
        Track("mean square", "M", _array(result.mean_square), Q, "round", UNIT, dashed=first),
        Track("½‖∇f‖²", "limit", float(local.limit) * flat, INK, "round", UNIT),
        Track("limit + cε²", "parabola", _array(parabola), MUTED, unit=UNIT, dashed=True, numeral=False),
    )


@animation.register
def _(result: Everywhere) -> Animation:
    chosen = result.request.form is VARIANCE
    G = result.map.local_variance if chosen else result.map.mean_square
    limit = result.map.expansion.limit.unflatten(-1, G.shape[1:])
    top = float(torch.ceil(torch.log10(torch.quantile(limit.flatten(), 0.995))))
    limits = (top - DECADES, top)
    name = "Var/E‖e‖²" if chosen else "mean square/E‖e‖²"
    outlines = _outlines(result.outlines)
    off = (G - limit) / limit.clamp(min=10.0 ** (top - DECADES))
    panels = (
        Panel(
            f"{name} at this ε",
            result.window.extent,
            (_log_map(G, limits, name), *outlines),
            "per squared jiggle",
        ),
        Panel(
            "Its limit, ½‖∇log p/q‖²",
            result.window.extent,
            (_log_map(limit[None], limits, "½‖∇f‖²"), *outlines),
            "what Fisher averages over p",
        ),
        Panel(
            "How far off",
            result.window.extent,
            (Heatmap(_array(100 * off), LOG_RATIO, (-100.0, 100.0), "%", "G/limit − 1", bits=8), *outlines),
            "relative to the limit",
        ),
    )
    flat = np.ones(len(EPSILONS))
    tracks = (
        Track("G averaged over p", "average", _array(result.fisher_like), FISHER, "diamond", UNIT),
        Track("Fisher", "Fisher", float(result.fisher.value) * flat, FISHER, "diamond", UNIT, dashed=True),
        Track("jiggled log p/q", "mean", _array(result.kl_like), KL, "round", "nats"),
        Track("KL", "KL", float(result.kl.value) * flat, KL, "round", "nats", dashed=True),
    )
    return Animation(AXIS, panels, tracks, poster=POSTER, log_tracks=True)


@animation.register
def _(result: Outputs) -> Animation:
    before, after = (_array(each) for each in (result.cloud, result.image))
    probe, image = _array(result.request.probe), _array(result.request.outputs(result.request.probe))
    half = 1.05 * float(max(np.abs(before - probe).max(), np.abs(after - image).max()))
    handle = Handles(probe[None, None], ("probe",), (FISHER,), box=(-REACHED, REACHED, -REACHED, REACHED))
    panels = (
        Panel(
            "x + e",
            _square(probe, half),
            (Particles(before, INK, label="jiggled points"), handle),
            "drag the green point",
        ),
        Panel(f"f(x + e), f {result.request.outputs.label}", _square(image, half), (Particles(after, Q),)),
    )
    flat = np.ones(len(EPSILONS))
    norm = float(result.jacobian.norm())
    tracks = (
        Track("tr Cov/E‖e‖²", "G", _array(result.response), FISHER, "diamond"),
        Track("ΣJ²/d", "limit", result.limit * flat, INK),
        Track("‖J‖ (a slip)", "‖J‖", norm * flat, MUTED, dashed=True),
    )
    return Animation(AXIS, panels, tracks, poster=POSTER)


def _array(values: Tensor) -> np.ndarray:
    return values.numpy()


def _outlines(outlines: tuple[Tensor, Tensor]) -> tuple[Contours, Contours]:
    """Iso-lines of p (solid) and q (dashed), each below its own peak."""
    p, q = (_array(each - each.max())[None] for each in outlines)
    return Contours(p, LEVELS, P, label="p"), Contours(q, LEVELS, Q, dashed=True, label="q")


def _within(extent: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """The part of the extent that the probe's sliders reach."""
    x0, x1, y0, y1 = extent
    return (max(x0, -REACHED), min(x1, REACHED), max(y0, -REACHED), min(y1, REACHED))


def _symmetric(values: Tensor) -> tuple[float, float]:
    top = min(10.0, max(1.0, math.ceil(2 * float(torch.quantile(values.abs().flatten(), 0.9))) / 2))
    return (-top, top)


def _log_map(values: Tensor, limits: tuple[float, float], symbol: str) -> Heatmap:
    shown = values.clamp(min=10.0 ** (limits[0] - 1)).log10()
    return Heatmap(_array(shown), FISHER_INTEGRAND, limits, UNIT, symbol, bits=8, powers=True)


def _square(centre: np.ndarray, half: float) -> tuple[float, float, float, float]:
    """The square of side 2 half around `centre`."""
    x, y = centre.tolist()
    return (x - half, x + half, y - half, y + half)
