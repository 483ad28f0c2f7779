"""Where does minimising each lead? Two divergences as landscapes over one family, and balls on them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.descent import GRADIENT, METHODS, Method, Path, descend
from gmviz.divergences import Divergence, fisher, half_variance_log_ratio, kl, squared_log_ratio
from gmviz.experiments.scene import Scene
from gmviz.families import Family, OneGaussian, Target, TwoModes
from gmviz.knobs import check_knobs, choice, knob
from gmviz.landscapes import Landscape, height_map
from gmviz.quartic import QuarticPlane

SIGMAS = torch.linspace(0.0, 3.0, 25, dtype=torch.float64)
NODES = (37, 49)  # rows, columns of a drawn map
SHOWN = torch.linspace(-5.0, 5.0, 161, dtype=torch.float64)  # where the densities are drawn


@dataclass(frozen=True)
class Height:
    """A divergence as the height of a map."""

    name: str
    label: str
    short: str
    divergence: Divergence


KL = Height("kl", "KL(p‖q)", "KL", kl)
REVERSE_KL = Height("reverse_kl", "reverse KL(q‖p)", "reverse KL", kl.reverse)
FISHER = Height("fisher", "Fisher(p‖q)", "Fisher", fisher)
REVERSE_FISHER = Height("reverse_fisher", "reverse Fisher(q‖p)", "reverse Fisher", fisher.reverse)
SQUARED = Height("squared_log_ratio", "squared log-ratio", "squared log-ratio", squared_log_ratio)
VARIANCE = Height("half_variance", "half variance of the log-ratio", "half variance", half_variance_log_ratio)
HEIGHTS = (KL, REVERSE_KL, FISHER, REVERSE_FISHER, SQUARED, VARIANCE)


@dataclass(frozen=True)
class Kind:
    """A family by name; `noisy` says whether its members stay in closed form under noise."""

    name: str
    label: str
    noisy: bool
    start: tuple[float, float]

    def family(self, request: "Request") -> Family:
        """The family at the request's widths."""
        if self.name == TwoModes.name:
            return TwoModes(request.width * request.stretch)
        return OneGaussian() if self.name == OneGaussian.name else QuarticPlane(Target(request.width))


MODES = Kind(TwoModes.name, TwoModes.label, True, TwoModes.start)
GAUSSIAN = Kind(OneGaussian.name, OneGaussian.label, True, OneGaussian.start)
QUARTIC = Kind(QuarticPlane.name, QuarticPlane.label, False, QuarticPlane.start)


@dataclass(frozen=True)
class Sweep:
    """What the animation moves."""

    name: str
    label: str


NOISE = Sweep("noise", "noise on both")
BALL = Sweep("ball", "a ball: drop it")


@dataclass(frozen=True)
class Request:
    """The family, the two maps, and the ball that is dropped on both."""

    family: Kind = choice(MODES, (MODES, GAUSSIAN, QUARTIC), label="Family of q")
    left: Height = choice(KL, HEIGHTS, label="Left map")
    right: Height = choice(FISHER, HEIGHTS, label="Right map")
    moves: Sweep = choice(NOISE, (NOISE, BALL), label="What moves")
    method: Method = choice(GRADIENT, METHODS, label="How the ball rolls")
    width: float = knob(0.5, 0.4, 1.0, 0.05, label="Width s of p's modes", help="The modes are 4 apart")
    stretch: float = knob(
        1.0, 0.6, 2.4, 0.1, label="Width of q's modes", unit="×", help="1 is right; else q cannot be p"
    )
    noise: float = knob(0.0, 0.0, 3.0, 0.05, label="Noise σ while the ball rolls")
    evaluations: int = knob(60, 20, 200, 10, label="Evaluations the ball may spend")
    start_x: float = knob(0.2, 0.0, 1.0, 0.01, label="Start, across the map", help="Or drag the start")
    start_y: float = knob(0.85, 0.0, 1.0, 0.01, label="Start, up the map")

    def __post_init__(self) -> None:
        check_knobs(self)
        names = "ball for the quartic family, which noise leaves"
        require(self.moves in sweeps_of(self.family), "moves", names, self.moves.name)

    @property
    def target(self) -> Target:
        """The density that is fitted."""
        return Target(self.width)

    @property
    def sigmas(self) -> Float[Tensor, "t"]:
        """The noise levels that are computed."""
        if self.moves is NOISE:
            return SIGMAS
        return torch.tensor([self.noise if self.family.noisy else 0.0], dtype=torch.float64)


def sweeps_of(family: Kind) -> tuple[Sweep, ...]:
    """What can move: noise only where the family is closed under it."""
    return (NOISE, BALL) if family.noisy else (BALL,)


def starts(family: Kind) -> dict[str, Any]:
    """The sweep and the ball's start that suit a family."""
    start = dict(zip(("start_x", "start_y"), family.start, strict=True))
    return {"moves": sweeps_of(family)[0]} | start


def acting(family: Kind, moves: Sweep) -> tuple[str, ...]:
    """The folded fields that act now."""
    widths = ("width", "stretch") if family is MODES else ("width",)
    noise = ("noise",) if moves is BALL and family.noisy else ()
    return (*widths, *noise)


def dragged(moved: Mapping[str, tuple[float, float]], family: Family) -> dict[str, float]:
    """The fields that follow when the start is dragged on a map, held within it."""
    if "start" not in moved:
        return {}
    low, high = (corner.tolist() for corner in family.corners())
    shares = [(x - a) / (b - a) for x, a, b in zip(moved["start"], low, high, strict=True)]
    x, y = (min(1.0, max(0.0, round(share, 2))) for share in shares)
    return {"start_x": x, "start_y": y}


@dataclass(frozen=True, eq=False)
class Side:
    """One map: heights (L, H, W) at L noise levels, the lowest point with its curvature, and the ball's path.

    `lowest` (L, 2), its `height` (L,), the Hessian's `eigenvalues` (L, 2) and their ratio `condition` (L,).
    """

    kind: Height
    map: Float[Tensor, "l h w"]
    lowest: Float[Tensor, "l 2"]
    height: Float[Tensor, "l"]
    eigenvalues: Float[Tensor, "l 2"]
    condition: Float[Tensor, "l"]
    path: Path

    def level(self, frame: int) -> int:
        """The noise level of a frame: its own, or the only one."""
        return frame if len(self.condition) > 1 else 0


@dataclass(frozen=True, eq=False)
class Result:
    """Both maps along the sweep: over σ, or over the evaluations that the ball has spent."""

    request: Request
    family: Family
    values: Float[Tensor, "t"]
    left: Side
    right: Side

    def reached(self, side: Side) -> Float[Tensor, "t 2"]:
        """Where the ball is at each frame: at the end of its path at this σ, or on its way."""
        return side.path.theta[-1] if self.request.moves is NOISE else side.path.theta[:, 0]

    def read(self, side: Side) -> Float[Tensor, "t"]:
        """What the divergence reads there."""
        return side.path.heights[-1] if self.request.moves is NOISE else side.path.heights[:, 0]

    def density(self, side: Side) -> Float[Tensor, "t n"]:
        """The density that the ball has reached, under the noise of the frame, at `SHOWN`."""
        theta = self.reached(side)
        sigma = self.request.sigmas.expand(len(theta))
        return self.family.law(theta, sigma, SHOWN.expand(len(theta), -1))[0].exp()

    @cached_property
    def target(self) -> Float[Tensor, "l n"]:
        """p under the noise of each level, at `SHOWN`."""
        sigma = self.request.sigmas
        return self.request.target.law(sigma, SHOWN.expand(len(sigma), -1))[0].exp()

    def at(self, position: float) -> dict[str, float]:
        """The numbers at the swept value closest to `position`; "clean" ones at the first noise level."""
        i = int((self.values - position).abs().argmin())
        numbers = {"noise": float(self.request.sigmas[self.left.level(i)])}
        for name, side in (("left", self.left), ("right", self.right)):
            level = side.level(i)
            x, y = self.reached(side)[i].tolist()
            low_x, low_y = (round(each, 9) + 0.0 for each in side.lowest[level].tolist())
            numbers |= {
                f"{name}": float(self.read(side)[i]),
                f"{name}_x": x,
                f"{name}_y": y,
                f"{name}_low": float(side.height[level]),
                f"{name}_low_x": low_x,
                f"{name}_low_y": low_y,
                f"{name}_soft": float(side.eigenvalues[level, 0]),
                f"{name}_stiff": float(side.eigenvalues[level, 1]),
                f"{name}_condition": float(side.condition[level]),
                f"{name}_clean_condition": float(side.condition[0]),
            }
        return numbers

    def table(self) -> dict[str, list[float]]:
        """Every number along the sweep, by column."""
        rows = [self.at(value) for value in self.values.tolist()]
        names = {"left": self.left.kind.short, "right": self.right.kind.short}
        columns = {"σ" if self.request.moves is NOISE else "evaluations": self.values.tolist()}
        for name in rows[0]:
            side, _, rest = name.partition("_")
            if side in names:
                place = side if self.left.kind is self.right.kind else names[side]
                columns[f"{place} {rest or 'read'}"] = [row[name] for row in rows]
        return columns


def run(request: Request) -> Result:
    """Both maps, their lowest points, and the paths of the ball."""
    family = request.family.family(request)
    values = SIGMAS
    if request.moves is BALL:
        values = torch.arange(request.evaluations + 1, dtype=torch.float64)
    return Result(
        request, family, values, *(_side(request, family, kind) for kind in (request.left, request.right))
    )


def _side(request: Request, family: Family, kind: Height) -> Side:
    sigma = request.sigmas
    landscape = Landscape.of(family, request.target, kind.divergence, sigma)
    drawn = height_map(family, request.target, kind.divergence, sigma, NODES)
    lowest = landscape.lowest(lowest_node(family, drawn))
    eigenvalues, condition = landscape.condition(lowest)
    start = family.at_share(torch.tensor([request.start_x, request.start_y], dtype=torch.float64))
    path = descend(landscape, start.expand(len(sigma), 2), request.evaluations, request.method)
    height = landscape.heights(lowest[:, None])[:, 0]
    return Side(kind, drawn, lowest, height, eigenvalues, condition, path)


def lowest_node(family: Family, drawn: Float[Tensor, "l h w"]) -> Float[Tensor, "l 2"]:
    """The θ of the lowest node of each map."""
    rows, columns = NODES
    node = drawn.flatten(1).argmin(-1)
    share = torch.stack([node % columns / (columns - 1), node // columns / (rows - 1)], dim=-1)
    return family.at_share(share.double())


_DEFAULT = Request()
_BALL = replace(_DEFAULT, moves=BALL)
_ONE = replace(_BALL, family=GAUSSIAN, start_x=GAUSSIAN.start[0], start_y=GAUSSIAN.start[1])
SCENES = (
    Scene(
        id="ditch",
        question="p puts 70 % into the left of two modes, 8 of their widths apart. A ball starts at 20 % and"
        " may look 60 times. On which map does it find the 70 %?",
        options=("on both", "on KL's only", "on Fisher's only"),
        answer=1,
        request=_BALL,
        at=60.0,
        takeaway="On KL's it ends at {left_x:.2f}, on Fisher's at {right_x:.2f}. KL's valley is round "
        "(condition {left_condition:.2f}), Fisher's is a ditch ({right_condition:.0f}): along it "
        "only the weight changes, and Fisher hardly sees that.",
    ),
    Scene(
        id="roundest",
        question="The same noise on p and q changes both maps. Which noise makes Fisher's ditch roundest?",
        options=("σ = 0", "σ = 1", "σ = 3"),
        answer=1,
        request=_DEFAULT,
        at=1.0,
        takeaway="At σ = 1 Fisher's condition number falls from {right_clean_condition:.0f} to "
        "{right_condition:.1f}; KL's grows from {left_clean_condition:.2f} to {left_condition:.1f}."
        " With more noise both get worse: the modes merge.",
    ),
    Scene(
        id="same",
        question="One Gaussian has to stand for two bumps, .7 and .3. Which does each choose, forward KL and"
        " forward Fisher?",
        options=("different bumps", "KL both, Fisher one", "the same broad one"),
        answer=2,
        request=_ONE,
        at=60.0,
        takeaway="Both end at m = {right_x:.1f}, s = {right_y:.1f}: the mean and the width of p. Forward KL "
        "and forward Fisher of a Gaussian have one and the same lowest point.",
    ),
    Scene(
        id="dropped",
        question="Reversed, both settle on the left bump and drop 30 % of the mass. What does reverse Fisher"
        " report?",
        options=("0.36", "0.05", "0.002"),
        answer=2,
        request=replace(_ONE, left=REVERSE_KL, right=REVERSE_FISHER),
        at=60.0,
        takeaway="{right:.3f}, as if nothing were missing; reverse KL reports {left:.3f} = −ln 0.7. A small "
        "Fisher is no proof of a good fit.",
    ),
    Scene(
        id="quartic",
        question="exp(θ₁x + … + θ₄x⁴)/Z cannot be p either. Fisher's fit solves one linear system, KL's "
        "needs Z. Which fit reads lower?",
        options=("Fisher's on both maps", "KL's on both maps", "each on its own map"),
        answer=2,
        request=replace(_BALL, family=QUARTIC, start_x=QUARTIC.start[0], start_y=QUARTIC.start[1]),
        at=60.0,
        takeaway="KL is lowest at a = {left_low_x:.2f} ({left_low:.4f}), Fisher at a = {right_low_x:.2f} "
        "({right_low:.4f}). Each wins by its own measure, and only KL's fit has the moments of p.",
    ),
)
