"""Pictures of the weights that a fit of the density and a fit of the score find for far modes."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import grid_sample

from gmviz.experiments.fits import Learned
from gmviz.experiments.mode_weights import FAR, WEIGHTS, ModeWeights, landscape
from gmviz.experiments.trainings import SIDE, Square
from gmviz.figures.animation import (
    Animation,
    Axis,
    Contours,
    Heatmap,
    Panel,
    Points,
    Polyline,
    Segments,
    Track,
)
from gmviz.figures.palette import FISHER, INK, KL, Q_DENSITY, Colour, P

LEVELS = (-4.5, -2.0, -0.5)
FLOOR = -7.0  # of log₁₀ of a divergence
STYLES: tuple[tuple[Colour, bool], ...] = ((KL, False), (FISHER, True), (FISHER, False))


def clock(steps: Float[Tensor, "t"]) -> Axis:
    """The training step; logarithmic once there is one."""
    return Axis("training step", "", steps.double().numpy(), log=bool(steps[0] > 0))


def weighed(result: ModeWeights) -> Animation:
    """Three learned densities, what there is to be seen of a wrong weight, and the weights found."""
    square = min((each.training.square for each in result.learned), key=lambda square: square.extent[1])
    panels = [_density(result, each, square) for each in result.learned]
    panels.append(_landscape(result))
    tracks = [
        Track(_label(each), _label(each), found.numpy(), colour, dashed=dashed)
        for each, found, (colour, dashed) in zip(result.learned, result.weights, STYLES, strict=True)
    ]
    truth = np.full(len(result.steps), result.truth)
    tracks.append(Track("truth", "truth", truth, P, dashed=True, numeral=False))
    return Animation(clock(result.steps), tuple(panels), tuple(tracks), seconds=5.0)


def _label(each: Learned) -> str:
    return f"{each.objective.label}, σ = {each.training.sigma:g}"


def _density(result: ModeWeights, each: Learned, square: Square) -> Panel:
    """q over the true peak, with iso-lines of the truth."""
    law = FAR.density.noised(each.training.sigma)
    log_p = law.log_prob(square.nodes).unflatten(0, (SIDE, SIDE))
    log_q = _resampled(each.maps("log_q", len(result.steps)).float(), each.training.square, square).double()
    share = (log_q - log_p.max()).exp()
    layers = (
        Heatmap(share.numpy(), Q_DENSITY, (0.0, 1.0), "", "q/peak of p", bits=8),
        Contours((log_p - log_p.max()).numpy()[None], LEVELS, P, label="p_σ"),
    )
    return Panel(_label(each), square.extent, layers)


def _resampled(maps: Float[Tensor, "t h w"], old: Square, new: Square) -> Float[Tensor, "t h w"]:
    """Maps on one square as maps on another inside it."""
    x0, x1, y0, y1 = old.extent
    low, size = torch.tensor([x0, y0]), torch.tensor([x1 - x0, y1 - y0])
    places = (2 * (new.nodes.float() - low) / size - 1).reshape(1, SIDE, SIDE, 2)
    return grid_sample(maps[None], places, mode="bicubic", padding_mode="border", align_corners=True)[0]


def _landscape(result: ModeWeights) -> Panel:
    """log₁₀ of KL and Fisher against the weight, with marks at the weights that are found."""
    likelihood, score, cured = result.learned
    curves = (
        (landscape(likelihood.training.sigma).kl, KL, False, "KL"),
        (landscape(score.training.sigma).fisher, FISHER, True, "Fisher, little noise"),
        (landscape(cured.training.sigma).fisher, FISHER, False, "Fisher, more noise"),
    )
    lines = [
        (torch.stack([WEIGHTS, values.clamp(min=10.0**FLOOR).log10()], dim=-1).numpy(), colour, dashed, label)
        for values, colour, dashed, label in curves
    ]
    x = WEIGHTS.numpy()
    marks = [
        np.stack([found, np.interp(found, x, line[:, 1])], axis=-1)[:, None]
        for (line, *_), found in zip(lines, result.weights.numpy(), strict=True)
    ]
    layers = (
        *(Polyline(line[None], colour, dashed, 2.0, label=label) for line, colour, dashed, label in lines),
        *(Points(mark, line[1]) for mark, line in zip(marks, lines, strict=True)),
        Segments(np.array([[[[result.truth, FLOOR], [result.truth, 1.0]]]]), INK),
    )
    title = "What a weight costs"
    return Panel(title, (0.0, 1.0, FLOOR, 1.0), layers, x_label="weight w, log₁₀ of each", equal=False)
