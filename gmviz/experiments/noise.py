"""What does noise do to both? The same noise on p and q, from none to much: KL falls, Fisher may rise."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.densities import GaussianMixture
from gmviz.divergences import LogRatio
from gmviz.experiments.presets import FAR, PRESETS, SHIFTS, Preset
from gmviz.experiments.scene import Scene
from gmviz.knobs import check_knobs, choice, knob
from gmviz.legendre import LegendreSeries
from gmviz.noise_paths import Hump, Levels, NoisePath, TimePath, VariancePath, smallest_variance
from gmviz.quadrature import Estimate
from gmviz.schedules import VE, VP
from gmviz.weightings import LIKELIHOOD, UNIFORM, WEIGHTINGS, Weighting

Extent = tuple[float, float, float, float]

STEPS = 49
NODES = (73, 97)  # rows, columns of a drawn map
REACH, REACH_NOISED = (
    3.2,
    2.2,
)  # standard deviations shown around every centre, clean and at the poster's noise
CELLS = 160  # of the shaded area
SIGMA_MIN = 0.01
WEIGHT_NODES = 120


@dataclass(frozen=True)
class Process:
    """The equation that adds noise: its sweep runs over σ (variance exploding) or t (variance preserving)."""

    name: str
    label: str
    axis: str
    symbol: str


EXPLODING = Process("VE", "VE: x + σz", "noise", "σ")
PRESERVING = Process("VP", "VP: αx + σz", "time", "t")


@dataclass(frozen=True)
class Abscissa:
    """Along what the area is drawn."""

    name: str
    label: str


LOG_SIGMA = Abscissa("log", "ln σ")
SIGMA_SQUARED = Abscissa("variance", "σ²")


@dataclass(frozen=True)
class Request:
    """The pair, how noise is added, and how Fisher is weighted along the way."""

    pair: Preset = choice(FAR, PRESETS, label="Pair")
    process: Process = choice(EXPLODING, (EXPLODING, PRESERVING), label="How noise is added")
    weighting: Weighting = choice(LIKELIHOOD, WEIGHTINGS, label="Weight of Fisher along the way")
    against: Abscissa = choice(
        LOG_SIGMA, (LOG_SIGMA, SIGMA_SQUARED), label="Draw the area against", help="For VP it is always t"
    )
    separation: float = knob(8.0, 0.0, 12.0, 0.1, label="Separation D", help="D = 8 is the pair as named")
    end: float = knob(10.0, 1.0, 50.0, 0.5, label="Last σ", unit="length")
    nodes: int = knob(60, 40, 80, 1, label="Gauss-Legendre nodes")

    def __post_init__(self) -> None:
        check_knobs(self)

    def densities(self) -> tuple[GaussianMixture, GaussianMixture]:
        """p and q without noise."""
        settings = {"rotation": 0.0, "noise": 0.0, "weight_p": 0.5, "weight_q": 0.5, "width": 1.0}
        settings |= dict.fromkeys(SHIFTS, 0.0) | dict(self.pair.starts) | {"separation": self.separation}
        rows = {name: torch.tensor([value], dtype=torch.float64) for name, value in settings.items()}
        p, q = (
            GaussianMixture(each.weights[0], each.means[0], each.covariances[0])
            for each in self.pair.densities(rows)
        )
        return p, q

    @property
    def along_variance(self) -> bool:
        """Whether noise is added to an unscaled x, so that the sweep is over σ."""
        return self.process is EXPLODING


def acting(process: Process) -> tuple[str, ...]:
    """The folded fields that act now."""
    return ("against", "separation", "end", "nodes") if process is EXPLODING else ("separation", "nodes")


@dataclass(frozen=True)
class Area:
    """λ · Fisher drawn against an abscissa a, so that its area is ∫ λ Fisher dt.

    `ordinate` (M,) at the middles of the M cells between `edges` (M + 1,), `so_far` (M + 1,) the area up to
    each edge, `at_frames` (T,) up to each frame, `frames` (T,) the frames' places on the abscissa. `centre`
    is the σ/α at the centre of weight on the axis ln σ/α, exp(E ln σ/α); NaN where Fisher is 0 everywhere.
    """

    edges: Float[Tensor, "m"]
    ordinate: Float[Tensor, "c"]
    so_far: Float[Tensor, "m"]
    frames: Float[Tensor, "t"]
    at_frames: Float[Tensor, "t"]
    centre: float

    @property
    def total(self) -> float:
        """∫ λ Fisher dt up to the last frame."""
        return float(self.at_frames[-1])


@dataclass(frozen=True, eq=False)
class Result:
    """KL, Fisher and the areas at every noise level, in double precision; the maps in single.

    `values` (T,) are σ or t; `kl` is KL(p_σ‖q_σ), `fisher` (T,) of the same laws, and `removed` (T,) is
    ∫ g² Fisher dt so far.
    """

    request: Request
    values: Float[Tensor, "t"]
    alpha: Float[Tensor, "t"]
    sigma: Float[Tensor, "t"]
    extent: Extent
    ratio: LogRatio
    kl: Estimate
    fisher: Float[Tensor, "t"]
    removed: Float[Tensor, "t"]
    areas: dict[str, Area]

    @property
    def area(self) -> Area:
        """The area of the chosen weighting."""
        return self.areas[self.request.weighting.name]

    @cached_property
    def poster(self) -> int:
        """Where noise is twice the finest scale of the pair."""
        tau = self.sigma / self.alpha
        return int((tau - 2 * math.sqrt(smallest_variance(*self.request.densities()))).abs().argmin())

    def at(self, position: float) -> dict[str, float]:
        """The numbers at the swept value closest to `position`."""
        i = int((self.values - position).abs().argmin())
        numbers = {
            "kl": float(self.kl.value[i]),
            "fisher": float(self.fisher[i]),
            "clean_kl": float(self.kl.value[0]),
            "clean_fisher": float(self.fisher[0]),
            "times": float(self.fisher[i] / self.fisher[0]),
            "removed": float(self.removed[i]),
            "sum": float(self.removed[i] + self.kl.value[i]),
            "difference": abs(float(self.removed[i] + self.kl.value[i] - self.kl.value[0])),
        }
        for name, area in self.areas.items():
            numbers |= {f"total_{name}": area.total, f"centre_{name}": area.centre}
        return numbers

    def table(self) -> dict[str, list[float]]:
        """Every number along the sweep, by column."""
        columns = {self.request.process.symbol: self.values}
        if not self.request.along_variance:
            columns |= {"α": self.alpha, "σ": self.sigma}
        columns |= {"KL": self.kl.value, "KL error": self.kl.error}
        columns |= {
            "Fisher": self.fisher,
            "removed": self.removed,
            "removed + KL": self.removed + self.kl.value,
        }
        for weighting in WEIGHTINGS:
            columns[f"∫ {weighting.symbol} Fisher dt"] = self.areas[weighting.name].at_frames
        return {name: column.tolist() for name, column in columns.items()}


def run(request: Request) -> Result:
    """Sweep the noise: all maps, all numbers and all areas, each in one batched call."""
    p, q = request.densities()
    c = smallest_variance(p, q)
    along_variance = VariancePath(VE(sigma_min=SIGMA_MIN, sigma_max=request.end), c)
    path = along_variance if request.along_variance else TimePath(VP())
    u = torch.linspace(0.0, path.stop, STEPS, dtype=torch.float64)
    alpha, sigma = path.levels(u)
    hump = Hump.of(p, q, path, request.nodes)
    extent = _extent(p, q, 2 * math.sqrt(c) if request.along_variance else 0.0)
    return Result(
        request=request,
        values=sigma if request.along_variance else u,
        alpha=alpha,
        sigma=sigma,
        extent=extent,
        ratio=_maps(p, q, alpha, sigma, extent),
        kl=Levels.of(p, q, alpha, sigma).kl(),
        fisher=hump(u),
        removed=hump.removed(u),
        areas={each.name: _area(request, hump, each, u) for each in WEIGHTINGS},
    )


def _area(request: Request, hump: Hump, weighting: Weighting, frames: Float[Tensor, "t"]) -> Area:
    """One weighting's curve and areas, drawn against the abscissa of the request."""
    path, schedule = hump.path, hump.path.schedule
    t = LegendreSeries.nodes(WEIGHT_NODES, 0.0, 1.0)
    series = hump.weighted(weighting.at(schedule, t))
    edges, time = _abscissa(request, path)
    middles = (edges[1:] + edges[:-1]) / 2
    step = edges[1] - edges[0]
    # dt/da by the difference over the cell: what the cell's own area is divided by.
    ordinate = series(time(middles)) * (time(edges[1:]) - time(edges[:-1])) / step
    if weighting is LIKELIHOOD:  # its area starts at no noise at all, below the schedule's first level
        so_far, at_frames = hump.removed(path.place(time(edges))), hump.removed(frames)
    else:
        so_far, at_frames = series.integral(time(edges)), series.integral(path.time(frames))
    end = torch.ones((), dtype=torch.float64)
    moment = LegendreSeries(-schedule.log_snr(t) * series.values, 0.0, 1.0).integral(end)
    centre = float((moment / series.integral(end)).exp())
    return Area(edges, ordinate, so_far, _places(request, path, frames), at_frames, centre)


def _abscissa(request: Request, path: NoisePath) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """The cells' edges, and the schedule's time at a place."""
    if not isinstance(path, VariancePath):
        return torch.linspace(0.0, 1.0, CELLS + 1, dtype=torch.float64), lambda a: a
    first, last = math.log(SIGMA_MIN), math.log(request.end)
    if request.against is SIGMA_SQUARED:
        edges = torch.linspace(SIGMA_MIN**2, request.end**2, CELLS + 1, dtype=torch.float64)
        return edges, lambda a: ((a.log() / 2 - first) / (last - first)).clamp(0.0, 1.0)
    low = first if request.weighting is UNIFORM else math.log(0.1 * math.sqrt(path.c))
    edges = torch.linspace(low, last, CELLS + 1, dtype=torch.float64)
    return edges, lambda a: ((a - first) / (last - first)).clamp(0.0, 1.0)


def _places(request: Request, path: NoisePath, frames: Float[Tensor, "t"]) -> Float[Tensor, "t"]:
    """The frames on the abscissa; noise below its start stands before it."""
    if not request.along_variance:
        return frames
    sigma = path.levels(frames)[1].clamp(min=SIGMA_MIN)
    return sigma.log() if request.against is LOG_SIGMA else sigma.square()


def _maps(p: GaussianMixture, q: GaussianMixture, alpha: Tensor, sigma: Tensor, extent: Extent) -> LogRatio:
    """Both densities at the drawn nodes for every level, in single precision."""
    rows, columns = NODES
    x, y = torch.linspace(*extent[:2], columns), torch.linspace(*extent[2:], rows)
    plane = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).flatten(0, 1)
    noised_p, noised_q = (each.diffused(alpha, sigma).to(torch.float32) for each in (p, q))
    return LogRatio.of(noised_p, noised_q, plane)


def _extent(p: GaussianMixture, q: GaussianMixture, noise: float) -> Extent:
    """A box of the maps' aspect that shows both densities, clean and with some noise."""
    clean = [p.bounds(REACH), q.bounds(REACH)]
    boxes = torch.stack([*clean, p.noised(noise).bounds(REACH_NOISED), q.noised(noise).bounds(REACH_NOISED)])
    low, high = boxes[..., 0].amin(0), boxes[..., 1].amax(0)
    aspect = (NODES[1] - 1) / (NODES[0] - 1)
    half = max(float(high[1] - low[1]), float(high[0] - low[0]) / aspect) / 2
    x, y = ((low + high) / 2).tolist()
    return (x - half * aspect, x + half * aspect, y - half, y + half)


_DEFAULT = Request()
SCENES = (
    Scene(
        id="raises",
        question="The same noise is added to p and to q, two modes 8 apart. KL falls. What does Fisher do "
        "up to σ = 2?",
        options=("it falls", "it stays", "it rises"),
        answer=2,
        request=_DEFAULT,
        at=2.01,
        takeaway="Fisher goes from {clean_fisher:.5f} to {fisher:.4f}, {times:.0f} times as much: noise "
        "lays mass on the cliff between the modes, where log p/q has its slope. KL only falls, "
        "from {clean_kl:.4f} to {kl:.4f}.",
    ),
    Scene(
        id="area",
        question="Fisher against the variance σ² of the noise encloses an area. The area up to σ = 10, plus "
        "the KL that is left there, is what?",
        options=("nothing special", "half of KL", "KL"),
        answer=2,
        request=replace(_DEFAULT, against=SIGMA_SQUARED),
        at=10.0,
        takeaway="{removed:.4f} + {kl:.4f} = {sum:.4f}, and KL without noise is {clean_kl:.4f} (they differ "
        "by {difference:.0e}). KL is Fisher, added up over all scales.",
    ),
    Scene(
        id="preserving",
        question="The other process shrinks the data while it adds noise, until a standard normal is left. "
        "How much of KL has the area ∫ β Fisher dt collected by then?",
        options=("half", "nine tenths", "all but a thousandth"),
        answer=2,
        request=replace(_DEFAULT, process=PRESERVING),
        at=1.0,
        takeaway="{removed:.4f} of {clean_kl:.4f}; {kl:.1e} is left, since p and q are almost the same "
        "normal. The statement holds for every noising equation, with its own g².",
    ),
    Scene(
        id="weights",
        question="Likelihood (λ = g²) looks at noise around σ = 4.3 here. Where does the weight λ = 1, all "
        "times alike, look?",
        options=("at the same place", "at smaller noise", "at larger noise"),
        answer=1,
        request=replace(_DEFAULT, weighting=UNIFORM, end=50.0),
        at=50.0,
        takeaway="Around σ = {centre_one:.1f} instead of {centre_g2:.1f}. λ = σ² looks where likelihood "
        "looks, at {centre_sigma2:.1f}: for geometric noise levels the two are one weight, up to a constant.",
    ),
)
