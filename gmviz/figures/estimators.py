"""Pictures of the estimators' noise: its growth as σ shrinks, and the error reached for what was spent."""

import numpy as np
import torch
from torch import Tensor

from gmviz.experiments.estimators import Noise
from gmviz.experiments.fits import Fitted, Learned
from gmviz.experiments.objectives import Compared
from gmviz.figures.animation import Animation, Axis, Layer, Panel, Points, Polyline, Segments, Track
from gmviz.figures.palette import FISHER, INK, KL, MUTED, Colour, P

STYLES: dict[str, tuple[Colour, bool]] = {  # families by colour: denoising, by parts, sliced, likelihood
    "dsm": (FISHER, False),
    "dsm-antithetic": (FISHER, True),
    "fd-dsm": (FISHER, True),
    "ism": (INK, False),
    "fd-ssm": (INK, True),
    "ssm-vr": (MUTED, False),
    "ssm": (MUTED, True),
    "esm": (P, True),
    "kl": (KL, False),
    "squared-log-ratio": (KL, True),
}


def compared(result: Compared) -> Animation:
    """The spread of each loss as tracks, that of each gradient, and the errors of the fits that are there."""
    noise, fitted = result.noise, result.fitted
    panels = [_gradients(noise)]
    if fitted.begun:
        panels += [_spent(fitted, "time"), _spent(fitted, "evaluations")]
    axis = Axis("noise", "", noise.sigmas.numpy(), "σ", log=True)
    tracks = tuple(_track(noise, row) for row in range(len(noise.estimators)))
    return Animation(axis, tuple(panels), tracks, log_tracks=True, seconds=6.0)


def _track(noise: Noise, row: int) -> Track:
    estimator = noise.estimators[row]
    colour, dashed = STYLES[estimator.name]
    values, error = noise.loss[row].clamp(min=1e-12).numpy(), noise.loss_error[row].numpy()
    return Track(
        f"{estimator.label} loss",
        estimator.label,
        values,
        colour,
        "diamond",
        dashed=dashed,
        error=error if bool(error.any()) else None,
    )


def _gradients(noise: Noise) -> Panel:
    """Log-log lines of the gradient's spread, with a mark on each at the play-head."""
    x, y = noise.sigmas.log10(), noise.gradient.clamp(min=1e-3).log10()
    low, high = float(y.min()) - 0.15, float(y.max()) + 0.15
    layers: list[Layer] = []
    for row, each in enumerate(noise.estimators):
        colour, dashed = STYLES[each.name]
        line = torch.stack([x, y[row]], dim=-1).numpy()
        layers.append(Polyline(line[None], colour, dashed, 2.0, label=each.label))
        layers.append(Points(line[:, None], colour, 4.5))
    head = torch.stack([torch.stack([x, torch.full_like(x, end)], -1) for end in (low, high)], 1)
    layers.append(Segments(head[:, None].numpy(), MUTED))
    extent = (float(x.min()), float(x.max()), low, high)
    title, said = "What training feels", "log₁₀ sd of the gradient, per sample"
    return Panel(title, extent, tuple(layers), said, "log₁₀ σ", equal=False)


def _spent(fitted: Fitted, by: str) -> Panel:
    """The true error of each fit against what it has cost, log-log."""
    lines = {each: _line(fitted, each, by) for each in fitted.learned}
    ends = torch.cat(list(lines.values()))
    (x0, y0), (x1, y1) = ends.amin(0).tolist(), ends.amax(0).tolist()
    layers = tuple(_styled(each, line.numpy()) for each, line in lines.items())
    label = "log₁₀ seconds" if by == "time" else "log₁₀ network passes"
    extent = (x0, x1 + 0.05, y0 - 0.1, y1 + 0.1)
    title = f"Error for equal {by}"
    return Panel(title, extent, layers, "log₁₀ true Fisher error of the fits", label, equal=False)


def _styled(each: Learned, line: np.ndarray) -> Polyline:
    colour, dashed = STYLES[each.objective.name]
    return Polyline(line[None], colour, dashed, 2.0, label=each.objective.label)


def _line(fitted: Fitted, each: Learned, by: str) -> Tensor:
    course = each.course
    if by == "time":
        spent = course.seconds.clamp(min=1e-4)
    else:
        spent = course.steps * each.training.batch * each.passes
    return torch.stack([spent.log10(), course.fisher.log10()], dim=-1)
