"""What does each divergence see? A pair of mixtures, swept along one of its settings."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.experiments.presets import BLOBS, COMB, FAR, PRESETS, SHIFTS, Preset
from gmviz.experiments.scene import Scene
from gmviz.knobs import check_knobs, choice, knob
from gmviz.quadrature import Estimate

STEPS = 41
NODES = (72, 96)  # rows, columns of a drawn map
REACH = 3.2  # standard deviations shown around every centre


@dataclass(frozen=True)
class Move:
    """A setting that the animation sweeps, in `STEPS` values from `start` to `stop`."""

    name: str
    label: str
    symbol: str
    unit: str
    start: float
    stop: float
    log: bool = False

    @property
    def values(self) -> Float[Tensor, "t"]:
        """The swept values, evenly spaced (in their logarithm when `log`)."""
        ends = torch.tensor([self.start, self.stop], dtype=torch.float64)
        if not self.log:
            return torch.linspace(self.start, self.stop, STEPS, dtype=torch.float64)
        return torch.linspace(*ends.log().tolist(), STEPS, dtype=torch.float64).exp()


SEPARATION = Move("separation", "separation", "D", "", 2.0, 10.0)
WEIGHT = Move("weight_q", "weight of q's left mode", "w", "", 0.02, 0.98)
WIDTH = Move("width", "width of q", "s", "×", 0.5, 2.0, log=True)
ROTATION = Move("rotation", "rotation of q", "θ", "°", 0.0, 180.0)
NOISE = Move("noise", "noise on both", "σ", "", 0.0, 5.0)
MOVES = (SEPARATION, WEIGHT, WIDTH, ROTATION, NOISE)


def _shift(name: str) -> float:
    density, which, axis = name.split("_")
    return knob(0.0, -6.0, 6.0, 0.05, label=f"{density}, {which} centre, shift {axis}")


@dataclass(frozen=True)
class Request:
    """The pair, what moves, and every setting that stands still."""

    pair: Preset = choice(FAR, PRESETS, label="Pair")
    moves: Move = choice(SEPARATION, MOVES, label="What moves")
    weight_p: float = knob(0.8, 0.0, 1.0, 0.01, label="Weight of p's left mode")
    weight_q: float = knob(0.2, 0.0, 1.0, 0.01, label="Weight of q's left mode")
    width: float = knob(1.0, 0.4, 2.5, 0.05, label="Width of q", unit="×")
    separation: float = knob(8.0, 0.0, 12.0, 0.1, label="Separation D", help="D = 8 is the pair as named")
    rotation: float = knob(0.0, 0.0, 180.0, 1.0, label="Rotation of q", unit="°")
    noise: float = knob(0.0, 0.0, 5.0, 0.05, label="Noise σ on both")
    offset: float = knob(
        0.0, -2.0, 2.0, 0.1, label="Offset c on log q", help="q need not be normalised: KL moves by −c, Fisher not"
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
    """What can move for a pair: the weight of a mode only where the pair has such a control."""
    return MOVES if pair.weighted else tuple(move for move in MOVES if move is not WEIGHT)


def starts(pair: Preset) -> dict[str, float]:
    """The settings that show a pair as it is meant, all shifts undone."""
    settings = {"separation": 8.0, "rotation": 0.0, "noise": 0.0, "offset": 0.0} | dict.fromkeys(SHIFTS, 0.0)
    return settings | dict(pair.starts)
