"""Pictures of fields being learnt: arrows over the error they still make, one clock for all objectives."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from gmviz.experiments.fits import Fitted, Learned
from gmviz.experiments.hard_edges import Edges
from gmviz.experiments.mode_weights import ModeWeights
from gmviz.experiments.objectives import CURL, FIELD, READ, Compared, Request, Result
from gmviz.experiments.targets import Targets
from gmviz.figures.animation import Animation, Arrows, Contours, Heatmap, Layer, Panel, Track
from gmviz.figures.estimators import STYLES, compared
from gmviz.figures.hard_edges import edges
from gmviz.figures.mode_weights import clock, weighed
from gmviz.figures.palette import (
    FISHER_INTEGRAND,
    KL_INTEGRAND,
    MUTED,
    P_DENSITY,
    Colour,
    P,
    Q,
)
from gmviz.figures.targets import targets
from gmviz.models import Need
from gmviz.objectives import OBJECTIVES

DECADES = 3
LEVELS = (-4.5, -2.0, -0.5)
ARROWS = 16  # along an axis
SATURATION = 2.0  # score, in 1/length, at which an arrow has half its full length
DEPTH = 6.0  # nats below its peak where the map of log p ends
UNIT = "1/length²"


def animation(request: Request, result: Result) -> Animation:
    """The picture of the view."""
    if isinstance(result, Compared):
        return compared(result)
    if isinstance(result, ModeWeights):
        return weighed(result)
    if isinstance(result, Targets):
        return targets(result)
    if isinstance(result, Edges):
        return edges(result)
    return fits(request, result)


def fits(request: Request, result: Fitted) -> Animation:
    """A panel for every objective, the truth first where there is room, and the true error of each."""
    panels = tuple(_panel(request, result, each) for each in result.learned)
    if len(panels) < 4:
        panels = (_truth(result), *panels)
    read = request.curve is READ
    row = "reading" if read else "fisher"
    tracks = tuple(_track(each, each.row(row, len(result.steps))) for each in result.learned)
    return Animation(clock(result.steps), panels, tracks, log_tracks=not read, seconds=5.0)


def _truth(result: Fitted) -> Panel:
    depth = (result.log_p - result.log_p.max()).clamp(min=-DEPTH)
    density = Heatmap(_array(depth)[None], P_DENSITY, (-DEPTH, 0.0), "nats", "log p_σ/peak", bits=8)
    layers = (density, _arrows(result, result.score[None], P, "true score"))
    return Panel("The truth, p_σ", result.square.extent, layers)


def _panel(request: Request, result: Fitted, each: Learned) -> Panel:
    """A learned field over what it gets wrong."""
    outline = Contours(_array(result.log_p - result.log_p.max())[None], LEVELS, MUTED, width=1.0, label="p_σ")
    layers: list[Layer] = [*_map(request, result, each), outline]
    if request.show is not CURL:
        layers.append(_arrows(result, result.score[None], P, "true score"))
        layers.append(_arrows(result, each.maps("scores", len(result.steps)), Q, "learned"))
    return Panel(_title(each), result.square.extent, tuple(layers))


def _title(each: Learned) -> str:
    energy = Need.LOG_DENSITY in each.training.head.provides
    kind = "energy" if energy else "free field"
    early = "" if each.course.ended is None else f", ended at {each.course.steps[-1]:.0f}"
    return f"{each.objective.label} ({kind}{early})"


def _map(request: Request, result: Fitted, each: Learned) -> tuple[Heatmap, ...]:
    if request.show is FIELD:
        return ()
    if request.show is CURL:
        curl = each.model.curl(result.square.nodes.float()).detach().double()
        values = _array(curl.unflatten(0, result.log_p.shape))[None]
        return (Heatmap(values, KL_INTEGRAND, (-4.0, 4.0), UNIT, "|curl s|", bits=8),)
    top = math.ceil(math.log10(_peak(result)))
    errors = np.log10(_array(result.error_map(each)).clip(1e-12))
    return (
        Heatmap(errors, FISHER_INTEGRAND, (top - DECADES, top), UNIT, "½p‖s − ∇log p‖²", bits=8, powers=True),
    )


def _peak(result: Fitted) -> float:
    """The largest error of all panels, halfway through the looks and at the last one."""
    looks = [len(result.steps) // 2, -1]
    maps = [result.error_map(each)[looks] for each in result.learned]
    return max(float(torch.stack(maps).max()), 1e-3)


def _arrows(result: Fitted, scores: Tensor, colour: Colour, label: str) -> Arrows:
    """Every second node: they are the centres of ARROWS × ARROWS cells."""
    field = scores[:, 1::2, 1::2].double()
    short = field / (SATURATION + field.norm(dim=-1, keepdim=True))
    x0, x1, *_ = result.square.extent
    return Arrows(_array(short), colour, scale=1.1 * (x1 - x0) / ARROWS, label=label)


def _track(each: Learned, values: Tensor) -> Track:
    label = each.objective.label
    colour, dashed = STYLES[each.objective.name]
    return Track(label, label, _array(values.double()), colour, "diamond", UNIT, dashed=dashed)


def losses() -> str:
    """Every loss with its formula and source, as a list in Markdown."""
    return "\n".join(f"- **{each.label}** ${each.formula}$ · {each.reference}" for each in OBJECTIVES)


def costs(learned: Sequence[Learned]) -> dict[str, list[str]]:
    """What each objective costs and reaches, as a table."""
    rows = [_cost(each) for each in learned]
    return {name: [row[name] for row in rows] for name in rows[0]}


def _cost(each: Learned) -> dict[str, str]:
    course, training = each.course, each.training
    work = each.objective.work(training.head.provides, training.data.density.dimension)
    seconds, steps = float(course.seconds[-1]), float(course.steps[-1])
    return {
        "objective": f"{each.objective.label}, σ = {training.sigma:g}",
        "network": training.head.value,
        "evaluations per point": str(work.evaluations),
        "tangents": str(work.tangents),
        "derivatives in x": str(work.order),
        "ms per step": f"{1000 * seconds / steps:.2f}" if steps else "–",
        "seconds": f"{seconds:.2f}" if steps else "–",
        "Fisher error": f"{course.fisher[-1]:.3g}",
        "of E‖∇log p‖²": f"{course.relative[-1]:.2%}",
        "KL (nats)": f"{course.kl[-1]:.2g}" if course.kl is not None else "–",
    }


def _array(values: Tensor) -> np.ndarray:
    return values.numpy()
