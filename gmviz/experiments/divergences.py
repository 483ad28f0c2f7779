"""What does each divergence see? A pair of mixtures, swept along one of its settings."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.densities import GaussianMixture
from gmviz.divergences import (
    LogRatio,
    f2,
    fisher,
    half_variance_log_ratio,
    kl,
    measure,
    squared_log_ratio,
)
from gmviz.experiments.presets import COMB, FAR, PRESETS, SHIFTS, Preset
from gmviz.experiments.scene import Scene, nearest
from gmviz.experiments.window import Window
from gmviz.knobs import Option, check_knobs, choice, controls_of, knob
from gmviz.quadrature import Estimate, Grid

NUMBERS = {
    "kl": kl,
    "fisher": fisher,
    "reverse_kl": kl.reverse,
    "reverse_fisher": fisher.reverse,
    "squared_log_ratio": squared_log_ratio,
    "half_variance": half_variance_log_ratio,
    "f2": f2,
}
BOX = 7.0  # standard deviations integrated around every centre: 3e-12 of the mass lies outside
QUADRATURE_NODES = 16_000
TOGETHER = 7  # values of a sweep that share a quadrature grid


@dataclass(frozen=True)
class Move:
    """A setting that the animation sweeps, in `steps` values from `start` to `stop`."""

    name: str
    label: str
    symbol: str
    unit: str
    start: float
    stop: float
    steps: int = 41
    log: bool = False

    @property
    def values(self) -> Float[Tensor, "t"]:
        """The swept values, evenly spaced (in their logarithm when `log`)."""
        if self.log:
            return torch.logspace(
                math.log10(self.start), math.log10(self.stop), self.steps, dtype=torch.float64
            )
        return torch.linspace(self.start, self.stop, self.steps, dtype=torch.float64)


SEPARATION = Move("separation", "separation", "D", "", 2.0, 10.0)
WEIGHT = Move("weight_q", "weight of q's left mode", "w", "", 0.02, 0.98)
WIDTH = Move("width", "width of q", "s", "×", 0.5, 2.0, log=True)
ROTATION = Move("rotation", "rotation of q", "θ", "°", 0.0, 90.0, steps=37)
NOISE = Move("noise", "noise on both", "σ", "", 0.0, 5.0)
MOVES = (SEPARATION, WEIGHT, WIDTH, ROTATION, NOISE)


MAPS = Option("maps", "Where each one looks")
GRADIENTS = Option("gradients", "Gradients and further divergences")


def _shift(name: str) -> Any:
    density, which, axis = name.split("_")
    return knob(0.0, -6.0, 6.0, 0.01, label=f"{density}, {which} centre, shift {axis}")


@dataclass(frozen=True)
class Request:
    """The pair, what moves, and every setting that stands still."""

    pair: Preset = choice(FAR, PRESETS, label="Pair")
    moves: Move = choice(SEPARATION, MOVES, label="What moves")
    view: Option = choice(MAPS, (MAPS, GRADIENTS), label="View")
    weight_p: float = knob(0.8, 0.0, 1.0, 0.01, label="Weight of p's left mode")
    weight_q: float = knob(0.2, 0.0, 1.0, 0.01, label="Weight of q's left mode")
    width: float = knob(1.0, 0.4, 2.5, 0.05, label="Width of q", unit="×")
    separation: float = knob(8.0, 0.0, 12.0, 0.1, label="Separation D", help="D = 8 is the pair as named")
    rotation: float = knob(0.0, 0.0, 180.0, 1.0, label="Rotation of q", unit="°")
    noise: float = knob(0.0, 0.0, 5.0, 0.05, label="Noise σ on both")
    offset: float = knob(
        0.0,
        -2.0,
        2.0,
        0.1,
        label="Offset c on log q",
        help="q need not be normalised: KL moves by −c, Fisher not",
    )
    p_first_x: float = _shift("p_first_x")
    p_first_y: float = _shift("p_first_y")
    p_last_x: float = _shift("p_last_x")
    p_last_y: float = _shift("p_last_y")
    q_first_x: float = _shift("q_first_x")
    q_first_y: float = _shift("q_first_y")
    q_last_x: float = _shift("q_last_x")
    q_last_y: float = _shift("q_last_y")

    def __post_init__(self) -> None:
        check_knobs(self)
        allowed = moves_of(self.pair)
        names = "one of " + ", ".join(move.name for move in allowed) + f" for the pair {self.pair.name}"
        require(self.moves in allowed, "moves", names, self.moves.name)


def moves_of(pair: Preset) -> tuple[Move, ...]:
    """What can move for a pair, the telling one first: weights and separation only where there are modes."""
    if pair.centred:
        return (ROTATION, WIDTH, NOISE)
    return MOVES if pair.weighted else tuple(move for move in MOVES if move is not WEIGHT)


def acting(pair: Preset, moves: Move) -> set[str]:
    """The fields that act now: not the swept one, and weights only where the pair has them."""
    idle = {moves.name} | (set() if pair.weighted else {"weight_p", "weight_q"})
    idle |= {"separation"} if pair.centred else set()
    return {each.name for each, _ in controls_of(Request)} - idle


def starts(pair: Preset) -> dict[str, Any]:
    """The settings that show a pair as it is meant, what moves included, all shifts undone."""
    settings = {"separation": 8.0, "rotation": 0.0, "noise": 0.0, "offset": 0.0} | dict.fromkeys(SHIFTS, 0.0)
    return settings | {"moves": moves_of(pair)[0]} | dict(pair.starts)


HANDLES = {
    f"{which} centre of {density}": f"{density}_{which}" for density in "pq" for which in ("first", "last")
}


def dragged(request: Request, at: float, moved: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """The shifts that put centres, dragged while the swept value was `at`, where they were dropped.

    `moved` holds places by the names of `HANDLES`. Shifts are held within their range.
    """
    p, q = _pair(request, torch.tensor([at], dtype=torch.float64))
    shifts = {}
    for handle, place in moved.items():
        name = HANDLES[handle]
        density, which = name.split("_")
        now = (p if density == "p" else q).means[0, 0 if which == "first" else -1].tolist()
        for axis, want, have in zip("xy", place, now, strict=True):
            field = f"{name}_{axis}"
            shift = getattr(request, field) + want - have
            shifts[field] = round(min(6.0, max(-6.0, shift)), 2)
    return shifts


@dataclass(frozen=True, eq=False)
class Result:
    """What each divergence reads along the sweep, and where it reads it.

    `ratio` holds log p, log q (T, H·W) and their gradients on the drawn nodes, in single precision; the maps
    are made of it. `centres_p` and `centres_q` are the components' means (T, K, 2). A draft has one map
    (T = 1). `numbers` are integrals in double precision along all `values`, by the names of `NUMBERS`.
    """

    request: Request
    values: Float[Tensor, "t"]
    window: Window
    ratio: LogRatio
    centres_p: Float[Tensor, "s K 2"]
    centres_q: Float[Tensor, "s L 2"]
    numbers: dict[str, Estimate]

    @property
    def angle(self) -> Float[Tensor, "t n"]:
        """The angle between ∇log p and ∇log q, in degrees: 0 where the energy surfaces are parallel."""
        p, q = self.ratio.scores
        cross = p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]
        return torch.rad2deg(torch.atan2(cross.abs(), (p * q).sum(-1)))

    def at(self, position: float) -> dict[str, float]:
        """Every scalar number at the swept value closest to `position`."""
        i = nearest(self.values, position)
        scalars = {name: each for name, each in self.numbers.items() if each.value.dim() == 1}
        return {name: float(each.value[i]) for name, each in scalars.items()}

    def table(self) -> dict[str, list[float]]:
        """Every number along the sweep, with its error, by column."""
        columns = {self.request.moves.symbol: self.values.tolist()}
        for name, number in self.numbers.items():
            parts = {name: number} if number.value.dim() == 1 else _components(name, number)
            for part, each in parts.items():
                columns[part] = each.value.tolist()
                columns[f"{part} error"] = each.error.tolist()
        return columns


def _components(name: str, vector: Estimate) -> dict[str, Estimate]:
    parts = zip("xy", vector.value.unbind(-1), vector.error.unbind(-1), strict=True)
    return {f"{name} {axis}": Estimate(value, error) for axis, value, error in parts}


def run(request: Request) -> Result:
    """Sweep the pair along `request.moves`: all numbers and all maps, each in one batched call."""
    values = request.moves.values
    return _swept(request, values, values, Window.around(*_pair(request, values)), QUADRATURE_NODES)


def draft(request: Request, at: float, window: Window) -> Result:
    """The same while a finger drags: a map at the swept value `at` only, every fifth number, one window."""
    held = torch.tensor([at], dtype=torch.float64)
    values = torch.cat([request.moves.values[::5], held]).unique()
    return _swept(request, values, held, window, nodes=1)


def _swept(request: Request, values: Tensor, shown: Tensor, window: Window, nodes: int) -> Result:
    """Numbers of the swept `values`, maps of those `shown`."""
    p, q = _pair(request, shown)
    ratio = LogRatio.of(p.to(torch.float32), q.to(torch.float32), window.nodes.float()).shifted(
        request.offset
    )
    parts = []
    for block in values.split(TOGETHER):
        pair = _pair(request, block)
        grid = Grid.covering(*pair, reach=BOX, comfortable=nodes)
        parts.append(measure(*pair, tuple(NUMBERS.values()), grid, request.offset))
    numbers = dict(zip(NUMBERS, map(Estimate.joined, zip(*parts, strict=True)), strict=True))
    return Result(request, values, window, ratio, p.means, q.means, numbers)


def _pair(request: Request, values: Float[Tensor, "t"]) -> tuple[GaussianMixture, GaussianMixture]:
    """p and q for some values of the setting that moves."""
    names = ("separation", "weight_p", "weight_q", "width", "rotation", "noise", *SHIFTS)
    still = {name: torch.full_like(values, getattr(request, name)) for name in names}
    return request.pair.densities(still | {request.moves.name: values})


_DEFAULT = Request()
SCENES = (
    Scene(
        id="far",
        question="p puts 80 % of its mass in the left mode, q 20 %, and the modes are 8 apart. "
        "KL is large. What does Fisher read?",
        options=("0.8", "0.1", "under 0.001"),
        answer=2,
        request=_DEFAULT,
        at=8.0,
        takeaway="KL reads {kl:.4f} nats; Fisher reads {fisher:.5f}. It cannot see that 60 % of the mass "
        "sits in the wrong mode, because log p/q is flat wherever p has any.",
    ),
    Scene(
        id="comb",
        question="Both are a comb of nine teeth. The teeth of p are 0.3 wide, those of q 0.45. "
        "Who objects more?",
        options=("KL", "Fisher", "both alike"),
        answer=1,
        request=replace(_DEFAULT, pair=COMB, moves=WIDTH),
        at=1.0,
        takeaway="KL reads only {kl:.4f} nats; Fisher reads {fisher:.3f}. The mass is in the right place, "
        "the slopes are not: Fisher sees shape.",
    ),
    Scene(
        id="missed",
        question="q misses a mode that holds 1 % of p, six standard deviations away. "
        "Which of the two reads more?",
        options=("KL", "Fisher"),
        answer=1,
        request=replace(_DEFAULT, weight_p=0.99, weight_q=1.0),
        at=6.0,
        takeaway="KL {kl:.4f}, Fisher {fisher:.4f}: both object, for in the missed mode log p/q climbs "
        "without end. The squared log-ratio objects most, {squared_log_ratio:.3f}.",
    ),
    Scene(
        id="hallucinated",
        question="Now q invents a mode that holds 1 % of its mass, where p has none. Do they object as much?",
        options=("as much as before", "a tenth", "less than a tenth"),
        answer=2,
        request=replace(_DEFAULT, weight_p=1.0, weight_q=0.99),
        at=6.0,
        takeaway="KL {kl:.4f}, Fisher {fisher:.4f}, squared log-ratio {squared_log_ratio:.5f}. p never "
        "visits the invented mode, so none of the forward divergences looks there.",
    ),
)
