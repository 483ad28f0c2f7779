"""How good the samples of a walk are: metrics on many particles, each beside what perfect samples read."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.boxes import Boxes
from gmviz.datasets import Dataset
from gmviz.densities import Density, Mixture
from gmviz.experiments.laws import DATA, P7
from gmviz.experiments.walks import Walk, class_shares
from gmviz.knobs import check_knobs, choice, knob
from gmviz.metrics import MMD, EnergyDistance, Metric, Null, SlicedWasserstein

WANTED = 20_000  # particles of a verdict, where affordable
WORK = 2_000_000  # evaluations of one score with few components that a verdict may cost
OTHER = 1000  # added to the seed of the drawn particles
REPEATS = 10  # sets of perfect samples behind a null
METRICS: tuple[Metric, ...] = (SlicedWasserstein(nodes=512), EnergyDistance(nodes=512))
KERNEL_METRIC, KERNEL_N = MMD(), 1000  # its cost grows with n²


@dataclass(frozen=True)
class Verdict:
    """The end of a road: values by metric for n samples, class shares (C,), evaluations spent.

    `mmd` is of `KERNEL_N` samples. `off` is the mass in the wrong class, ½ Σ |ŵ − w|, and `covered` the share
    of classes that hold at least half of their mass.
    """

    n: int
    evaluations: int
    values: tuple[float, ...]
    mmd: float
    classes: tuple[float, ...]
    off: float
    covered: float


def judge(walk: Walk) -> Verdict:
    """The drawn particles and as many others from the same road as are affordable, against p."""
    road, data = walk.request, walk.request.data
    x = walk.final
    more = _affordable(walk) - len(x)
    if more > 0 and walk.stopped is None:
        seed = road.seed + OTHER
        start = road.start_points(more, seed)
        film = walk.sampler.run(road.model(), start, torch.Generator().manual_seed(seed), 1)
        x = torch.cat([x, film.final])
    shares, true = class_shares(data, x, 1.0, 0.0).mean(0), true_shares(data)
    return Verdict(
        n=len(x),
        evaluations=int(walk.evaluations[-1]),
        values=tuple(float(metric(data.density, x)) for metric in METRICS),
        mmd=float(KERNEL_METRIC(data.density, x[:KERNEL_N])),
        classes=tuple(shares.tolist()),
        off=_off(shares, true),
        covered=float((shares >= true / 2).double().mean()),
    )


def true_shares(data: Dataset) -> Float[Tensor, "C"]:
    """The mass of each class of the data."""
    law = data.density if isinstance(data.density, (Mixture, Boxes)) else None
    if law is None:
        raise TypeError(f"no classes under {type(data.density).__name__}")
    return torch.nn.functional.one_hot(data.classes).to(law.weights.dtype).mT @ law.weights


def _off(shares: Float[Tensor, "C"], true: Float[Tensor, "C"]) -> float:
    """½ Σ |ŵ − w|."""
    return float((shares - true).abs().sum() / 2)


def _affordable(walk: Walk) -> int:
    """Particles whose whole road costs about `WORK`."""
    density = walk.request.known()
    dear = isinstance(density, Boxes) or walk.request.lesson is not None
    each = 10.0 if dear else max(1.0, _size(density) / 30)
    return int(max(len(walk.final), min(WANTED, WORK / (each * max(1, walk.total)))))


def _size(density: Density) -> int:
    return density.weights.shape[-1] if isinstance(density, Mixture) else 1


@dataclass(frozen=True)
class Perfect:
    """n exact samples of the data: what every metric must be held against."""

    data: Dataset = choice(P7, DATA, label="Data")
    n: int = knob(WANTED, 2, WANTED, 1, label="Samples")

    def __post_init__(self) -> None:
        check_knobs(self)


@dataclass(frozen=True)
class Nulls:
    """What perfect samples read, by metric; the MMD for `KERNEL_N` samples, `off` for n."""

    values: tuple[Null, ...]
    mmd: Null
    off: Null


def nulls(perfect: Perfect) -> Nulls:
    """The readings of `REPEATS` independent sets of exact samples."""
    p, generator = perfect.data.density, torch.Generator().manual_seed(0)
    sets = [p.sample(perfect.n, generator) for _ in range(REPEATS)]
    columns = [torch.stack([metric(p, x) for x in sets]) for metric in METRICS]
    mmd = torch.stack([KERNEL_METRIC(p, x[:KERNEL_N]) for x in sets])
    true = true_shares(perfect.data)
    shares = [class_shares(perfect.data, x, 1.0, 0.0).mean(0) for x in sets]
    off = torch.tensor([_off(each, true) for each in shares], dtype=torch.float64)
    n = min(perfect.n, KERNEL_N)
    return Nulls(tuple(_null(column, perfect.n) for column in columns), _null(mmd, n), _null(off, perfect.n))


def _null(read: Tensor, n: int) -> Null:
    return Null(float(read.mean()), float(read.std()), n)
