"""Where is the gradient of data? n points, blurred by noise σ, against the law they came from."""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gmviz.checks import require
from gmviz.datasets import DATASETS, Dataset
from gmviz.densities import Density
from gmviz.experiments.scene import Scene, nearest
from gmviz.experiments.score_errors import Errors, score_errors
from gmviz.experiments.window import Window
from gmviz.kernel_maps import KernelMaps, kernel_maps
from gmviz.knobs import Option, check_knobs, choice, knob
from gmviz.leave_one_out import Likelihoods
from gmviz.nearest_point import nearest_point

SIGMAS = 0.005 * 2 ** (torch.arange(70, dtype=torch.float64) / 8)  # to 1.974: σ² doubles every four steps
MOST = 5000
ARROWS = (12, 16)  # rows and columns
GLASS = 3  # nodes of the Voronoi picture per node of the maps, along each axis


SCORE = Option("score", "Score")
DENOISER = Option("denoiser", "Denoiser")
VORONOI = Option("voronoi", "Voronoi")
LIKELIHOOD = Option("likelihood", "Which σ")
NOISED = Option("noised", "the noised truth (A)")
CLEAN = Option("clean", "the clean truth (B)")
FRESH = Option("fresh", "fresh points")
OWN = Option("own", "the data's own points")
PLANE = Option("plane", "of the plane, 1/(2πσ²)")
LINE = Option("line", "of the line, 1/(σ√2π)")
P2 = next(data for data in DATASETS if data.name == "p2")


@dataclass(frozen=True)
class Request:
    """The data, how many, and what is looked at."""

    data: Dataset = choice(P2, DATASETS, label="Data")
    n: int = knob(200, 1, MOST, 1, label="Points n")
    show: Option = choice(SCORE, (SCORE, DENOISER, VORONOI, LIKELIHOOD), label="Show")
    reference: Option = choice(NOISED, (NOISED, CLEAN), label="Compare with")
    probes: Option = choice(FRESH, (FRESH, OWN), label="Average the errors over")
    normaliser: Option = choice(PLANE, (PLANE, LINE), label="Constant of the kernel")
    seed: int = knob(121, 0, 999, 1, label="Seed")

    def __post_init__(self) -> None:
        check_knobs(self)
        names = ", ".join(option.name for option in references(self.data))
        allowed = f"{names} for {self.data.name}, whose hard edges have no score"
        require(self.reference in references(self.data), "reference", allowed, self.reference.name)


def references(data: Dataset) -> tuple[Option, ...]:
    """What the score can be compared with: a density that jumps has a score only once noised."""
    return (NOISED,) if any(len(axis) for axis in data.density.edges()) else (NOISED, CLEAN)


@dataclass(frozen=True, eq=False)
class Truth:
    """The law itself on the window's nodes: log p_σ (T, H·W) and ∇log p_σ (T, H·W, 2), in single precision.

    `clean_log_prob` (1, H·W) and `clean_score` (1, H·W, 2) are those of p; None where p jumps.
    """

    window: Window
    log_prob: Float[Tensor, "t n"]
    score: Float[Tensor, "t n 2"]
    clean: tuple[Float[Tensor, "1 n"], Float[Tensor, "1 n 2"]] | None

    def compared(self, reference: Option) -> tuple[Float[Tensor, "t n"], Float[Tensor, "t n 2"]]:
        """What the kernel density is held against: (T, ...) noised, (1, ...) clean."""
        return self.clean if reference is CLEAN and self.clean else (self.log_prob, self.score)


@lru_cache(maxsize=len(DATASETS))
def truth(data: Dataset) -> Truth:
    """Computed once for each law: it depends on no other setting."""
    p = data.density
    window = Window.around(p.noised(0.25))
    nodes = window.nodes.float()
    log_prob, score = p.to(torch.float32).noised(SIGMAS.float()).value_and_score(nodes)
    if len(references(data)) == 1:
        return Truth(window, log_prob, score, None)
    clean_log_prob, clean_score = p.to(torch.float32).value_and_score(nodes)
    return Truth(window, log_prob, score, (clean_log_prob[None], clean_score[None]))


@dataclass(frozen=True, eq=False)
class Voronoi:
    """What the others weigh, 1 − max_b w_b(x), on the window (T, H, W); the nearest point on a finer grid."""

    shared: Float[Tensor, "T H W"]
    nearest: Int[Tensor, "h w"]


@dataclass(frozen=True, eq=False)
class Result:
    """The points, their kernel density on the window, the truth, and the numbers along σ.

    Maps (T, H, W) are in single precision: log p̂_σ and the integrand of the chosen error. The pulls σ²∇log p
    of both (T, h, w, 2) stand at the centres of h × w cells.
    """

    request: Request
    truth: Truth
    points: Float[Tensor, "n 2"]
    log_prob: Float[Tensor, "T H W"]
    integrand: Float[Tensor, "T H W"]
    voronoi: Voronoi | None
    pull: Float[Tensor, "T h w 2"]
    true_pull: Float[Tensor, "T h w 2"]
    errors: Errors
    likelihoods: Likelihoods
    mass: Float[Tensor, "T"]

    @property
    def training(self) -> Float[Tensor, "T"]:
        """The mean log-likelihood of the points, with the chosen constant."""
        return self.likelihoods.training + self.mass.log()

    @property
    def leave_one_out(self) -> Float[Tensor, "T"]:
        """The mean log-likelihood of each point under the others, with the chosen constant."""
        return self.likelihoods.leave_one_out + self.mass.log()

    @property
    def best(self) -> int | None:
        """The index of the σ that leave-one-out chooses; None for a single point."""
        return int(self.leave_one_out.argmax()) if self.request.n > 1 else None

    @property
    def best_sigma(self) -> float | None:
        """The σ that leave-one-out chooses; None for a single point."""
        return None if self.best is None else float(SIGMAS[self.best])

    def at(self, position: float) -> dict[str, float]:
        """The numbers at the σ closest to `position`."""
        i = nearest(SIGMAS, position)
        best = i if self.best is None else self.best
        clean = self.errors.clean
        return {
            "sigma": float(SIGMAS[i]),
            "sampling": float(self.errors.sampling.value[i]),
            "sampling_doubled": float(self.errors.sampling.value[nearest(SIGMAS, 2 * position)]),
            "clean": math.nan if clean is None else float(clean.value[i]),
            "remembered": 100 * float(self.errors.remembered.value[i]),
            "training": float(self.training[i]),
            "leave_one_out": float(self.leave_one_out[i]),
            "best_sigma": float(SIGMAS[best]),
            "best_leave_one_out": float(self.leave_one_out[best]),
            "mass": float(self.mass[i]),
        }

    def table(self) -> dict[str, list[float]]:
        """Every number along σ, with its standard error, by column."""
        averages = {
            "A, 1/length²": self.errors.sampling,
            "B, 1/length²": self.errors.clean,
            "B for n = ∞, 1/length²": self.errors.bias,
        }
        columns = {"σ": SIGMAS}
        for name, average in (averages | {"memorised": self.errors.remembered}).items():
            if average is not None:
                columns |= {name: average.value, f"{name} error": average.error}
        columns |= {"leave-one-out, nats": self.leave_one_out}
        columns |= {"leave-one-out error": self.likelihoods.leave_one_out_error}
        columns |= {"training, nats": self.training, "mass": self.mass}
        return {name: values.tolist() for name, values in columns.items()}


def run(request: Request) -> Result:
    """The kernel density of n points of the data for every σ, and what can be said of it."""
    known, p = truth(request.data), request.data.density
    window = known.window
    points = sample(p, MOST, request.seed)[: request.n]
    maps = kernel_maps(points, window.xs, window.ys, SIGMAS)
    columns, rows = (cells(ends, count) for ends, count in zip(_sides(window), ARROWS[::-1], strict=True))
    arrows = kernel_maps(points, columns, rows, SIGMAS)
    log_p, score = known.compared(request.reference)
    apart = maps.score.flatten(1, 2).float() - score
    integrand = window.map(log_p.exp() * apart.square().sum(-1) / 2)
    return Result(
        request=request,
        truth=known,
        points=points,
        log_prob=maps.log_prob.float(),
        integrand=integrand,
        voronoi=_voronoi(window, maps, points) if request.show is VORONOI else None,
        pull=arrows.pull.float(),
        true_pull=_true_pull(p, arrows, request.reference).float(),
        errors=score_errors(
            p,
            points,
            SIGMAS,
            own=request.probes is OWN,
            clean=CLEAN in references(request.data),
            generator=torch.Generator().manual_seed(MOST + request.seed),  # other draws than the data's
        ),
        likelihoods=Likelihoods.of(points, SIGMAS),
        mass=SIGMAS * math.sqrt(2 * math.pi) if request.normaliser is LINE else torch.ones_like(SIGMAS),
    )


def sample(p: Density, n: int, seed: int) -> Float[Tensor, "n 2"]:
    """n points of p; always the same for a seed."""
    return p.sample(n, torch.Generator().manual_seed(seed))


def cells(ends: tuple[float, float], count: int) -> Float[Tensor, "m"]:
    """The centres of equal cells between two ends."""
    low, high = ends
    return low + (torch.arange(count, dtype=torch.float64) + 0.5) * (high - low) / count


def _sides(window: Window) -> tuple[tuple[float, float], tuple[float, float]]:
    return window.extent[:2], window.extent[2:]


def _true_pull(p: Density, arrows: KernelMaps, reference: Option) -> Float[Tensor, "T h w 2"]:
    """σ²∇log p of what is compared, on the nodes of the arrows."""
    nodes = arrows.nodes.flatten(0, 1)
    score = p.score(nodes)[None] if reference is CLEAN else p.noised(SIGMAS).score(nodes)
    return (SIGMAS.square()[:, None, None] * score).unflatten(1, ARROWS)


def _voronoi(window: Window, maps: KernelMaps, points: Tensor) -> Voronoi:
    """max_b w_b(x) = N(x; nearest point, σ²I)/(n p̂_σ(x)), and the cells."""
    squared, _ = nearest_point(points, maps.xs, maps.ys)
    variance = SIGMAS.square()[:, None, None]
    share = -squared / (2 * variance) - (2 * math.pi * variance * len(points)).log() - maps.log_prob
    xs, ys = (
        torch.linspace(*ends, GLASS * (count - 1) + 1, dtype=torch.float64)
        for ends, count in zip(_sides(window), (len(window.xs), len(window.ys)), strict=True)
    )
    return Voronoi(-share.clamp(max=0.0).expm1().float(), nearest_point(points, xs, ys)[1])


_DEFAULT = Request()
SCENES = (
    Scene(
        id="training",
        question="Choose σ by the likelihood of the training points themselves. Which σ wins?",
        options=("0.4", "0.1", "the smallest offered"),
        answer=2,
        request=replace(_DEFAULT, show=LIKELIHOOD),
        at=0.005,
        takeaway="At σ = {sigma:.3f} the training points read {training:+.2f} nats, a point left out "
        "{leave_one_out:.0f}. Left out, the best is {best_leave_one_out:.2f} at σ = {best_sigma:.2f}.",
    ),
    Scene(
        id="halved",
        question="σ is 0.16. Halve it: by what factor grows A, the score's error to the equally noised law?",
        options=("2", "4", "more than 10"),
        answer=2,
        request=_DEFAULT,
        at=0.08,
        takeaway="From {sampling_doubled:.1f} to {sampling:.0f}. Less noise is closer to the clean law, but "
        "its gradient is then made by a handful of points.",
    ),
    Scene(
        id="memorised",
        question="200 points, σ = 0.01. Move a data point by σz. For what share of such points does the "
        "denoiser return one single data point (a weight above 99 %)?",
        options=("a tenth", "half", "nearly all"),
        answer=2,
        request=replace(_DEFAULT, show=VORONOI),
        at=0.01,
        takeaway="{remembered:.0f} %. A network that fits these points perfectly at this σ has learned them "
        "by heart.",
    ),
    Scene(
        id="line",
        question="Give a kernel in the plane the constant of the line, 1/(σ√2π). At σ = 0.04, what is the "
        "mass of the “density”?",
        options=("1", "0.1", "0.04"),
        answer=1,
        request=replace(_DEFAULT, normaliser=LINE),
        at=0.04,
        takeaway="{mass:.3f}, which is σ√2π: nine tenths of the mass are missing. The score does not notice, "
        "for a constant has no gradient; the likelihood does.",
    ),
)
