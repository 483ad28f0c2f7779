"""Pictures of what DSM regresses on: arrows to where a noisy point may have come from, and their mean."""

import numpy as np
import torch
from torch import Tensor

from gmviz.experiments.targets import SIGMAS, Targets
from gmviz.experiments.trainings import Square
from gmviz.figures.animation import Animation, Axis, Contours, Handles, Panel, Particles, Segments, Track
from gmviz.figures.palette import FISHER, INK, MUTED, P_DENSITY, P, Q

LEVELS = (-4.5, -2.0, -0.5)
UNIT = "1/length"
NODES = 33


def targets(result: Targets) -> Animation:
    """The clean points by their weight, the arrows to some of them, and the mean arrow, shrunk by σ²."""
    axis = Axis("noise", "", SIGMAS.numpy(), "σ", log=True)
    average, score = result.average.norm(dim=-1), result.score.norm(dim=-1)
    tracks = (
        Track("Mean target", "mean", average.numpy(), INK, "diamond", UNIT, error=result.error.numpy()),
        Track("‖∇log p_σ‖", "true score", score.numpy(), P, "diamond", UNIT, dashed=True),
        Track("Spread of the targets", "spread", result.spread.numpy(), FISHER, "round", UNIT),
    )
    poster = int((SIGMAS - 0.6).abs().argmin())
    return Animation(axis, (_plane(result), _arrows(result)), tracks, poster=poster, log_tracks=True)


def _plane(result: Targets) -> Panel:
    square = Square.around(result.request.data, 0.3)
    probe = result.request.probe
    foot = probe.expand_as(result.drawn)
    layers = (
        _iso(result, square),
        Particles(
            result.points.expand(len(SIGMAS), -1, -1).numpy(),
            values=result.weights.numpy(),
            ramp=P_DENSITY,
            limits=(0.0, 1.0),
            label="clean points by weight",
            size=2.2,
        ),
        Segments(torch.stack([foot, result.drawn], dim=-2).numpy(), MUTED, label="where x̃ may come from"),
        Handles(probe.numpy()[None, None], ("probe",), (Q,), box=_within(square)),
    )
    title = "x̃ and the points it may come from"
    return Panel(title, square.extent, layers)


def _within(square: Square) -> tuple[float, float, float, float]:
    x0, x1, y0, y1 = square.extent
    return (max(x0, -4.0), min(x1, 4.0), max(y0, -4.0), min(y1, 4.0))


def _iso(result: Targets, square: Square) -> Contours:
    """Iso-lines of p_σ at each σ."""
    log_p = torch.stack(
        [result.request.data.density.noised(sigma).log_prob(square.nodes) for sigma in SIGMAS.tolist()]
    )
    maps = (log_p - log_p.amax(-1, keepdim=True)).unflatten(-1, (NODES, NODES))
    return Contours(maps.numpy(), LEVELS, P, label="p_σ", width=1.0)


def _arrows(result: Targets) -> Panel:
    """The targets (x₀ − x̃)/σ² as lines from the origin, with their mean and the true score."""
    variance = SIGMAS.square()[:, None, None]
    ends = (result.drawn - result.request.probe) / variance
    reach = 1.15 * float(ends[int((SIGMAS - 0.6).abs().argmin())].abs().max())
    layers = (
        Segments(_from_origin(ends), MUTED, label="targets ∇log p(x̃|x₀)"),
        Segments(_from_origin(result.score[:, None]), P, width=7.0, label="∇log p_σ(x̃)"),
        Segments(_from_origin(result.average[:, None]), INK, width=3.0, label="their weighted mean"),
    )
    return Panel("The targets of DSM at x̃", (-reach, reach, -reach, reach), layers, UNIT)


def _from_origin(ends: Tensor) -> np.ndarray:
    return torch.stack([torch.zeros_like(ends), ends], dim=-2).numpy()
