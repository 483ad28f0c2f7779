"""Pictures of points and their gradient: the blurred points, the truth, the error between, and which σ."""

import math
from typing import Literal

import torch
from torch import Tensor

from gmviz.experiments.points import (
    CLEAN,
    DENOISER,
    LIKELIHOOD,
    LINE,
    SIGMAS,
    VORONOI,
    Result,
    Voronoi,
)
from gmviz.experiments.score_errors import Average
from gmviz.figures.animation import (
    Animation,
    Arrows,
    Axis,
    Heatmap,
    Layer,
    Panel,
    Particles,
    Points,
    Polyline,
    Track,
)
from gmviz.figures.palette import (
    ERROR,
    FISHER,
    FRAME,
    INK,
    KL,
    MUTED,
    P_DENSITY,
    PAPER,
    Q_DENSITY,
    Colour,
    P,
    Q,
    Ramp,
)

AXIS = Axis("noise", "", SIGMAS.numpy(), "σ", log=True)
DECADES = (-4.0, 2.0)  # powers of ten of the error that are told apart
SATURATION = 2.0  # score, in 1/length, at which an arrow has half its full length
TINTS = Ramp("tints", low=PAPER, high=FRAME)


def animation(result: Result) -> Animation:
    """The panels of what is shown; A, B and the share memorised as tracks."""
    show = result.request.show
    if result.voronoi is not None:
        panels = (*voronoi(result, result.voronoi), error(result))
    elif show is LIKELIHOOD:
        panels = (blurred(result), error(result), likelihoods(result))
    else:
        panels = (blurred(result), true(result), error(result))
    return _played(result, panels)


def question(result: Result) -> Animation:
    """The picture while something is to be guessed: without the likelihoods, which show what they choose."""
    return _played(result, (blurred(result), true(result), error(result)))


def _played(result: Result, panels: tuple[Panel, ...]) -> Animation:
    return Animation(AXIS, panels, tracks(result), poster=poster(result), log_tracks=True)


def poster(result: Result) -> int:
    """The σ that leave-one-out chooses; the middle for a single point, which has none."""
    return len(SIGMAS) // 2 if result.best is None else result.best


def blurred(result: Result) -> Panel:
    """The kernel density with its arrows, on the points."""
    density = result.mass.float()[:, None, None] * result.log_prob.exp()
    heat = Heatmap(density.numpy(), Q_DENSITY, (0.0, _top(result)), "1/area", "p̂_σ", bits=8)
    count = f"{result.request.n} point" + ("s" if result.request.n > 1 else "")
    return _plane(
        result,
        f"{count}, blurred",
        _words(result),
        heat,
        _data(result, faint=True),
        _arrows(result, result.pull, Q),
    )


def true(result: Result) -> Panel:
    """The law that the points came from, noised alike or clean, with its arrows."""
    log_prob, _ = result.truth.compared(result.request.reference)
    clean = result.request.reference is CLEAN
    density = result.truth.window.map(log_prob).exp().numpy()
    heat = Heatmap(density, P_DENSITY, (0.0, _top(result)), "1/area", "p" if clean else "p_σ", bits=8)
    title = "The law itself" if clean else "The law, blurred alike"
    return _plane(result, title, _words(result), heat, _arrows(result, result.true_pull, P))


def error(result: Result) -> Panel:
    """What the chosen error adds up, ½ p |Δ score|², in powers of ten."""
    symbol = "p" if result.request.reference is CLEAN else "p_σ"
    shown = result.integrand.clamp(min=10.0 ** (DECADES[0] - 1)).log10().numpy()
    heat = Heatmap(shown, ERROR, DECADES, "", f"½{symbol}‖ŝ − s‖²", bits=8, powers=True)
    return _plane(result, "Error of the score", f"½{symbol}‖ŝ − s‖²", heat)


def voronoi(result: Result, picture: Voronoi) -> tuple[Panel, ...]:
    """Which point is nearest, and what all the others weigh in the denoiser."""
    last = max(1.0, result.request.n - 1.0)
    nearest = Heatmap(picture.nearest[None].numpy(), TINTS, (0.0, last), "", "nearest point no.", bits=8)
    shared = Heatmap(picture.shared.numpy(), Q_DENSITY, (0.0, 1.0), "", "1 − largest weight", bits=8)
    arrows = _arrows(result, result.pull, Q)
    return (
        _plane(result, "The nearest point", "arrows end at the denoiser", nearest, _data(result), arrows),
        _plane(result, "Weight of all others", "0: drawn to a single point", shared, _data(result)),
    )


def likelihoods(result: Result) -> Panel:
    """Leave-one-out and training likelihood against log₁₀ σ; the largest is marked."""
    along = SIGMAS.log10()
    low, high = float(result.training.min()), float(result.training.max())
    layers = _curve("training", result.training, Q, dashed=True)
    if result.best is not None:
        layers += _curve("leave-one-out", result.leave_one_out, P)
        best = result.leave_one_out[result.best]
        low = min(low, float(best)) - 2.0
        mark = torch.stack([along[result.best], best])[None, None].numpy()
        layers += (Points(mark, KL, 6.0, label=f"best, σ = {result.best_sigma:.2g}"),)
    extent = (float(along[0]), float(along[-1]), low, high + 0.1 * (high - low))
    title = "Which σ do the points choose?"
    return Panel(title, extent, layers, "mean log-likelihood of a point", "log₁₀ σ", "nats", equal=False)


def _curve(name: str, values: Tensor, colour: Colour, dashed: bool = False) -> tuple[Layer, ...]:
    """A line along σ and its point at the play-head."""
    line = torch.stack([SIGMAS.log10(), values], dim=-1).numpy()
    return Polyline(line[None], colour, dashed, 2.0, label=name), Points(line[:, None], colour, 4.5)


def tracks(result: Result) -> tuple[Track, ...]:
    """A, B with what n = ∞ would leave of it, the share memorised; the mass where it is not 1."""
    errors = result.errors
    found = [_track("A, blurred law", "A", errors.sampling, FISHER, "diamond")]
    if errors.clean is not None and errors.bias is not None:
        found.append(_track("B, clean law", "B", errors.clean, P, "diamond"))
        # Where it is a negligible part of B, it would only stretch the chart.
        part = errors.bias.value > 0.01 * errors.clean.value
        bias = errors.bias.value.where(part, torch.tensor(math.inf)).numpy()
        found.append(Track("B for n = ∞", "B, n = ∞", bias, MUTED, dashed=True, numeral=False))
    share = Average(100 * errors.remembered.value, 100 * errors.remembered.error)
    found.append(_track("Memorised, %", "%", share, Q, "round"))
    if result.request.normaliser is LINE:
        found.append(Track("Mass", "mass", result.mass.numpy(), KL))
    return tuple(found)


def _track(
    label: str, symbol: str, average: Average, colour: Colour, mark: Literal["round", "diamond"]
) -> Track:
    return Track(label, symbol, average.value.numpy(), colour, mark, error=average.error.numpy())


def _plane(result: Result, title: str, subtitle: str, *layers: Layer) -> Panel:
    return Panel(title, result.truth.window.extent, layers, subtitle)


def _words(result: Result) -> str:
    return "arrows end at the denoiser" if result.request.show is DENOISER else "arrows: score, saturating"


def _top(result: Result) -> float:
    """The largest density of the law: the range of both maps, at every σ."""
    return float(result.truth.log_prob.max().exp())


def _data(result: Result, faint: bool = False) -> Particles:
    """The points themselves, smaller the more there are."""
    size = 2.0 * min(1.0, max(0.35, math.sqrt(200 / result.request.n)))
    return Particles(result.points[None].numpy(), MUTED if faint else INK, size=size)


def _arrows(result: Result, pull: Tensor, colour: Colour) -> Arrows:
    """σ²∇log p as it is (x + arrow is the denoiser), or the direction of the score, of saturating length."""
    if result.request.show in (DENOISER, VORONOI):
        return Arrows(pull.numpy(), colour)
    score = pull / SIGMAS.float().square()[:, None, None, None]
    x0, x1, *_ = result.truth.window.extent
    cell = (x1 - x0) / pull.shape[2]
    return Arrows((score / (SATURATION + score.norm(dim=-1, keepdim=True))).numpy(), colour, scale=cell)
