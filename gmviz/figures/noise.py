"""Pictures of two densities under the same noise: where Fisher looks, its hump, and the KL under it."""

import math

import numpy as np
import torch
from torch import Tensor

from gmviz.divergences import fisher
from gmviz.experiments.noise import LOG_SIGMA, NODES, Result
from gmviz.figures.animation import (
    Animation,
    Axis,
    Bars,
    Contours,
    Heatmap,
    Layer,
    Panel,
    Polyline,
    Segments,
    Track,
)
from gmviz.figures.palette import FISHER, FISHER_INTEGRAND, INK, KL, LOG_RATIO, MUTED, Colour, P, Q
from gmviz.weightings import LIKELIHOOD, WEIGHTINGS, Weighting

DECADES = 5
LEVELS = (-4.5, -2.0, -0.5)
BAR = 0.2  # of the chart's width, for the bar beside the hump
THICK = 26.0  # pixels


def animation(result: Result) -> Animation:
    """log p/q, the Fisher integrand, Fisher's area along the noise, and what it leaves of KL."""
    panels = (*_maps(result), _area(result))
    request = result.request
    axis = Axis(request.process.axis, "", _array(result.values), request.process.symbol)
    formula = "area {2} + KL left {0} = {3} nats" if request.weighting is LIKELIHOOD else ""
    return Animation(
        axis, panels, _tracks(result), poster=result.poster, log_tracks=True, formula=formula, seconds=7.0
    )


def _array(values: Tensor) -> np.ndarray:
    return values.numpy()


def _maps(result: Result) -> tuple[Panel, Panel]:
    lines = _outlines(result)
    ratio = Heatmap(_array(_map(result.ratio.value)), LOG_RATIO, _limits(result), "nats", "log p/q", bits=8)
    slope = np.log10(_array(_map(fisher.at(result.ratio))).clip(1e-30))
    top = max(-4.0, float(np.ceil(slope.max())))
    integrand = Heatmap(
        slope, FISHER_INTEGRAND, (top - DECADES, top), "", "½p‖∇log p/q‖²", bits=8, powers=True
    )
    return (
        Panel("log p/q", result.extent, (ratio, *lines), "blue: more p, vermilion: more q"),
        Panel("What Fisher adds up", result.extent, (integrand, *lines), "½p‖∇log p/q‖²"),
    )


def _map(values: Tensor) -> Tensor:
    """Values at the drawn nodes (T, H·W) as maps (T, H, W)."""
    return values.unflatten(-1, NODES)


def _limits(result: Result) -> tuple[float, float]:
    """Limits of log p/q: what it reaches where either clean density has mass, between 1 and 10 nats."""
    log_mass = torch.logaddexp(result.ratio.log_p[0], result.ratio.log_q[0])
    lived_in = log_mass > log_mass.amax() - 3.0
    top = float(np.ceil(2 * float(result.ratio.value[0].abs()[lived_in].max())) / 2)
    return (-min(10.0, max(1.0, top)), min(10.0, max(1.0, top)))


def _outlines(result: Result) -> tuple[Contours, Contours]:
    p, q = (
        each - each.amax((-2, -1), keepdim=True)
        for each in map(_map, (result.ratio.log_p, result.ratio.log_q))
    )
    return (
        Contours(_array(p[:, ::2, ::2]), LEVELS, P, label="p"),
        Contours(_array(q[:, ::2, ::2]), LEVELS, Q, dashed=True, label="q"),
    )


def _area(result: Result) -> Panel:
    """λ · Fisher, shaded up to the play-head; the other weightings at the same total area; the sum as a bar.

    Against ln σ and t the ordinate is in nats as the bar is; against σ² it is not, and the bar is left out.
    """
    request, area = result.request, result.area
    edges, middles = area.edges, (area.edges[1:] + area.edges[:-1]) / 2
    step = edges[1] - edges[0]
    passed = ((area.frames[:, None] - edges[:-1]) / step).clamp(0.0, 1.0)
    heights = passed * (area.so_far[1:] - area.so_far[:-1]) / step
    barred = request.weighting is LIKELIHOOD and (not request.along_variance or request.against is LOG_SIGMA)
    top = 1.1 * max(float(area.ordinate.max()), float(result.kl.value[0]) if barred else 0.0) or 1.0
    low, high = float(edges[0]), float(edges[-1])
    layers: list[Layer] = [Bars(_array(edges)[None], _array(heights), FISHER, label="area so far")]
    layers.append(Polyline(_array(torch.stack([middles, area.ordinate], dim=-1))[None], FISHER, width=2.5))
    for other, colour in zip(_others(result), (MUTED, INK), strict=True):
        curve = result.areas[other.name]
        scaled = _share(curve.ordinate, curve.total) * area.total
        points = _array(torch.stack([middles, scaled], dim=-1)[scaled <= top])
        layers.append(Polyline(points[None], colour, dashed=True, label=f"λ = {other.symbol}, scaled"))
    head = torch.stack([area.frames, torch.zeros_like(area.frames)], dim=-1)
    head = torch.stack([head, head + torch.tensor([0.0, top])], dim=1)[:, None]
    layers.append(Segments(_array(head), INK, width=1.2))
    room = BAR * (high - low) if barred else 0.0
    if barred:
        layers += _bar(result, high + 0.55 * room, 0.4 * room)
    x_label, rule = _rule(result)
    title = "The area under Fisher"
    return Panel(title, (low, high + room, 0.0, top), tuple(layers), rule, x_label, equal=False)


def _others(result: Result) -> list[Weighting]:
    """The weightings that were not chosen."""
    return [each for each in WEIGHTINGS if each is not result.request.weighting]


def _bar(result: Result, x: float, half: float) -> list[Layer]:
    """What noise has removed, what is left, and their sum, the clean KL, as a line."""
    removed, total = result.removed, float(result.kl.value[0])

    def piece(low: Tensor, high: Tensor, colour: Colour, label: str) -> Polyline:
        at = torch.full_like(low, x)
        ends = torch.stack([torch.stack([at, low], -1), torch.stack([at, high], -1)], dim=1)
        return Polyline(_array(ends), colour, width=THICK, label=label)

    return [
        piece(torch.zeros_like(removed), removed, FISHER, ""),
        piece(removed, removed + result.kl.value, KL, "KL left"),
        Segments(np.array([[[[x - half, total], [x + half, total]]]]), INK, width=1.5),
    ]


def _rule(result: Result) -> tuple[str, str]:
    """The abscissa, and the ordinate that makes the area what it says."""
    request = result.request
    if not request.along_variance:
        return "t", {"g2": "β·Fisher"}.get(request.weighting.name, f"{request.weighting.symbol}·Fisher")
    if request.against is LOG_SIGMA:
        rules = {"g2": "2σ²·Fisher", "sigma2": "σ²·Fisher/ln r", "one": "Fisher/ln r"}
        return "ln σ", rules[request.weighting.name]
    rules = {"g2": "Fisher", "sigma2": "Fisher/(2 ln r)", "one": "Fisher/(2σ² ln r)"}
    return "σ²", rules[request.weighting.name]


def _tracks(result: Result) -> tuple[Track, ...]:
    kl = result.kl
    tracks = (
        Track("KL left", "KL left", _array(kl.value), KL, "round", "nats", error=_array(kl.error)),
        Track("Fisher", "Fisher", _array(result.fisher), FISHER, "diamond", "1/length²"),
    )
    if result.request.weighting is LIKELIHOOD:
        whole = _array(result.removed + kl.value)
        return (
            *tracks,
            Track("Area so far", "area", _array(result.removed), FISHER, "round", "nats", dashed=True),
            Track("Area + KL left", "sum", whole, INK, unit="nats", numeral=False),
        )
    share = _array(_share(result.area.at_frames, result.area.total))
    of_kl = _array(_share(result.removed, float(result.removed[-1])))
    name = f"λ = {result.request.weighting.symbol}"
    return (
        *tracks,
        Track(f"Share of {name}", name, share, FISHER, "round", "", dashed=True),
        Track("Share of λ = g²", "λ = g²", of_kl, INK, "round", "", dashed=True),
    )


def _share(part: Tensor, whole: float) -> Tensor:
    """part/whole; nothing of nothing is 0."""
    return part / whole if whole > 0 else torch.zeros_like(part)


def words(result: Result) -> dict[str, str]:
    """The numbers of the page's table of weightings, as text."""
    numbers = result.at(float(result.values[-1]))
    level = "σ" if result.request.along_variance else "σ/α"
    shown = {name: f"{numbers[name]:.4f}" for name in ("sum", "clean_kl")}
    for weighting in WEIGHTINGS:
        total, centre = (numbers[f"{part}_{weighting.name}"] for part in ("total", "centre"))
        shown[f"total_{weighting.name}"] = f"{total:.3g}"
        shown[f"centre_{weighting.name}"] = f"{level} = {centre:.3g}" if total > 0 else "–"
    digits = math.floor(math.log10(max(numbers["difference"], 1e-16)))
    return shown | {"difference": f"$10^{{{digits}}}$"}
