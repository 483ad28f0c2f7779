"""Pictures of two densities that are compared: where each divergence looks, and what it reads."""

import numpy as np
import torch
from torch import Tensor

from gmviz.divergences import f2, fisher, kl
from gmviz.experiments.divergences import HANDLES, Result
from gmviz.experiments.scene import nearest
from gmviz.figures.animation import (
    Animation,
    Arrows,
    Axis,
    Contours,
    Handles,
    Heatmap,
    Layer,
    Panel,
    Polyline,
    Track,
)
from gmviz.figures.palette import (
    ANGLE,
    FISHER,
    FISHER_INTEGRAND,
    INK,
    KL,
    KL_INTEGRAND,
    LOG_RATIO,
    MUTED,
    Colour,
    P,
    Q,
)

DECADES = 5  # shown of the Fisher integrand
FAINTEST = -4.0  # the power of ten at which its scale ends when all is fainter
CONTOUR_LEVELS = (
    -4.5,
    -2.0,
    -0.5,
)  # log-density below its peak: 3, 2 and 1 standard deviations of a Gaussian


def maps(result: Result) -> Animation:
    """log p/q, what KL adds up, what Fisher adds up; KL and Fisher as tracks."""
    lines = outlines(result)
    kl_map = result.window.map(kl.at(result.ratio))
    slope = np.log10(_array(result.window.map(fisher.at(result.ratio))).clip(1e-30))
    top = max(FAINTEST, float(np.ceil(slope.max())))
    fisher_map = Heatmap(
        slope, FISHER_INTEGRAND, (top - DECADES, top), "", "½p‖∇log p/q‖²", bits=8, powers=True
    )
    panels = (
        log_ratio_panel(result, lines, handles(result, "q")),
        _plane(
            result,
            "What KL adds up",
            "p log p/q",
            Heatmap(_array(kl_map), KL_INTEGRAND, _symmetric(kl_map), "nats/area", "p log p/q", bits=8),
            *lines,
            handles(result, "p"),
        ),
        _plane(result, "What Fisher adds up", "½ p ‖∇log p/q‖²", fisher_map, *lines),
    )
    below = bool((result.numbers["kl"].value < -1e-9).any())
    return Animation(
        axis(result),
        panels,
        headline_tracks(result),
        poster=poster(result),
        log_tracks=True,
        formula="Where KL is below 0 the logarithmic axis cannot show it." if below else "",
    )


def gradients(result: Result) -> Animation:
    """Where the iso-lines of p and q are parallel, how the squared log-ratio pulls, and the other numbers."""
    lines = outlines(result)
    angle = Heatmap(_array(result.window.map(result.angle)), ANGLE, (0.0, 180.0), "°", "angle", bits=8)
    field_x, field_y = result.window.map(f2.at(result.ratio).movedim(-1, 0))
    pull = _array(torch.stack([field_x, field_y], dim=-1)[:, ::4, ::4])
    scale = float(np.linalg.norm(pull, axis=-1).max()) or 1.0
    field = Arrows(pull / scale, INK, label="p r∇r")
    mean = Polyline(_mean_arrow(result), KL, width=3.0, label="F2, its integral")
    length = result.numbers["f2"].value.norm(dim=-1), result.numbers["f2"].error.norm(dim=-1)
    panels = (
        _plane(result, "Angle between ∇log p and ∇log q", "0°: parallel energy surfaces", angle, *lines),
        _plane(result, "Pull of the squared log-ratio", "p r∇r with r = log p/q", *lines, field, mean),
    )
    tracks = (
        _track(result, "reverse_kl", "KL(q‖p)", KL, "nats", dashed=True),
        _track(result, "reverse_fisher", "Fisher(q‖p)", FISHER, "1/length²", diamond=True, dashed=True),
        _track(result, "squared_log_ratio", "½E r²", INK, "nats²"),
        _track(result, "half_variance", "½Var r", MUTED, "nats²", dashed=True),
        Track("‖F2‖", "‖F2‖", _array(length[0]), P, unit="nats/length", error=_array(length[1])),
    )
    return Animation(axis(result), panels, tracks, poster=poster(result), log_tracks=True)


def _array(values: Tensor) -> np.ndarray:
    return values.numpy()


def headline_tracks(result: Result) -> tuple[Track, Track]:
    """KL and Fisher, forward."""
    return (
        _track(result, "kl", "KL(p‖q)", KL, "nats"),
        _track(result, "fisher", "Fisher(p‖q)", FISHER, "1/length²", diamond=True),
    )


def handles(result: Result, density: str) -> Handles:
    """The first and last centre of p or of q, to be dragged; one panel each, for they often coincide."""
    centres, colour = (result.centres_p, P) if density == "p" else (result.centres_q, Q)
    names = [name for name, field in HANDLES.items() if field.startswith(density)][: centres.shape[1]]
    ends = centres[:, [0, -1][: len(names)]]
    return Handles(_array(ends), tuple(names), (colour,) * len(names), box=result.window.extent)


def log_ratio_panel(result: Result, lines: tuple[Contours, Contours], *more: Layer) -> Panel:
    """log p/q with both outlines."""
    heat = Heatmap(
        _array(result.window.map(result.ratio.value)),
        LOG_RATIO,
        _ratio_limits(result),
        "nats",
        "log p/q",
        bits=8,
    )
    return _plane(result, "log p/q", "blue: more p, vermilion: more q", heat, *lines, *more)


def axis(result: Result) -> Axis:
    """The swept setting."""
    move = result.request.moves
    return Axis(move.label, move.unit, _array(result.values), move.symbol, move.log)


def poster(result: Result) -> int:
    """The frame closest to the pair as named: D = 8, the width and weight that the controls hold, σ = 2."""
    move = result.request.moves
    at = 2.0 if move.name == "noise" else getattr(result.request, move.name)
    return nearest(result.values, at)


def _plane(result: Result, title: str, subtitle: str, *layers: Layer) -> Panel:
    return Panel(title, result.window.extent, layers, subtitle)


def outlines(result: Result) -> tuple[Contours, Contours]:
    """Iso-lines of p (solid) and q (dashed), each below its peak of the moment, on every second node."""
    p, q = (
        each - each.amax((-2, -1), keepdim=True)
        for each in map(result.window.map, (result.ratio.log_p, result.ratio.log_q))
    )
    return (
        Contours(_array(p[:, ::2, ::2]), CONTOUR_LEVELS, P, label="p"),
        Contours(_array(q[:, ::2, ::2]), CONTOUR_LEVELS, Q, dashed=True, label="q"),
    )


def _symmetric(values: Tensor) -> tuple[float, float]:
    """Limits around 0 that hold every value, rounded up to one significant digit."""
    top = float(values.abs().max()) or 1.0
    unit = 10.0 ** np.floor(np.log10(top))
    top = float(np.ceil(top / unit) * unit)
    return (-top, top)


def _ratio_limits(result: Result) -> tuple[float, float]:
    """Limits of log p/q: what it reaches where either density has mass, between 1 and 10 nats."""
    log_mass = torch.logaddexp(result.ratio.log_p, result.ratio.log_q)
    lived_in = log_mass > log_mass.amax(-1, keepdim=True) - 3.0
    top = float(result.ratio.value.abs()[lived_in].max())
    top = min(10.0, max(1.0, float(np.ceil(2 * top) / 2)))
    return (-top, top)


def _track(
    result: Result,
    name: str,
    label: str,
    colour: Colour,
    unit: str,
    diamond: bool = False,
    dashed: bool = False,
) -> Track:
    number = result.numbers[name]
    return Track(
        label,
        label,
        _array(number.value),
        colour,
        "diamond" if diamond else "round",
        unit,
        dashed,
        _array(number.error),
    )


def _mean_arrow(result: Result) -> np.ndarray:
    """The vector F2 as an arrow (T, 5, 2) from the middle of the map, a third of it long at its largest."""
    f2 = result.numbers["f2"].value
    x0, x1, y0, y1 = result.window.extent
    start = torch.tensor([(x0 + x1) / 2, (y0 + y1) / 2], dtype=f2.dtype)
    shaft = f2 / f2.norm(dim=-1).max().clamp(min=1e-12) * (y1 - y0) / 3
    across = torch.stack([-shaft[:, 1], shaft[:, 0]], dim=-1)
    tip = start + shaft
    wings = [tip - 0.25 * shaft + sign * 0.12 * across for sign in (1, -1)]
    return _array(torch.stack([start.expand_as(tip), tip, wings[0], tip, wings[1]], dim=1))
