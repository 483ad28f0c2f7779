"""The toys: Gaussian mixtures, those on curves chains of components along them, and a checkerboard."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.boxes import Boxes
from gmviz.datasets.dataset import Built, Dataset
from gmviz.datasets.strokes import Components, arc, chain, joined, line, moved, parameter, polar
from gmviz.densities import GaussianMixture
from gmviz.pairs import P2


def standardised(density: GaussianMixture) -> GaussianMixture:
    """The law of (x − E x)/s with s² = tr Cov[x]/d: its shape is kept."""
    variance = density.covariance().diagonal().mean()
    means = (density.means - density.mean()) / variance.sqrt()
    return GaussianMixture(density.weights, means, density.covariances / variance)


def _mixture(*classes: Components) -> Built:
    """The standardised mixture of the classes, each a group of components."""
    weights, means, covariances = joined(*classes)
    density = standardised(GaussianMixture(weights / weights.sum(), means, covariances))
    sizes = torch.tensor([len(part.weights) for part in classes])
    return density, torch.arange(len(classes)).repeat_interleave(sizes)


def _bumps(means: Float[Tensor, "K 2"], sd: float, weights: Sequence[float] | None = None) -> Built:
    """Round bumps, each a class of its own; of equal weights if none are given."""
    masses = torch.tensor(weights or [1.0] * len(means), dtype=torch.float64)
    covariances = sd**2 * torch.eye(2, dtype=torch.float64).expand(len(means), 2, 2)
    columns = (part.split(1) for part in (masses, means, covariances))
    return _mixture(*(Components(*bump) for bump in zip(*columns, strict=True)))


def _normal(x: Tensor) -> Tensor:
    return (-x.square() / 2).exp()


def _speed(curve: Float[Tensor, "m 2"]) -> Float[Tensor, "m"]:
    """Length per step of the parameter: mass per parameter over this is mass per length."""
    return torch.gradient(curve, dim=0)[0].norm(dim=-1)


def _gaussian() -> Built:
    return _bumps(torch.zeros(1, 2, dtype=torch.float64), 1.0)


def _far_modes() -> Built:
    return _bumps(torch.tensor([[-4.0, 0.0], [4.0, 0.0]], dtype=torch.float64), 1.0, (0.8, 0.2))


def _ring() -> Built:
    angle = torch.arange(8, dtype=torch.float64) * math.pi / 4
    return _bumps(polar(torch.ones(8, dtype=torch.float64), angle), 0.1)


def _grid() -> Built:
    places = torch.arange(-2, 3, dtype=torch.float64)
    return _bumps(torch.cartesian_prod(places, places), 0.12)


def _moons() -> Built:
    upper, lower = arc(0, 180), arc(180, 360, (1.0, 0.5))
    return _mixture(*(chain(curve, 0.16, 0.1) for curve in (upper, lower)))


def _spirals() -> Built:
    angle = parameter(0.5 * math.pi, 3.5 * math.pi)
    curve = polar(angle, angle)
    return _mixture(*(chain(sign * curve, 1.15, 0.4) for sign in (1, -1)))


def _swiss_roll() -> Built:
    angle = parameter(1.5 * math.pi, 4.5 * math.pi)
    return _mixture(chain(polar(angle, angle), 1.4, 0.6))


def _pinwheel() -> Built:
    """Five arms: radius 1 + 0.3 u, u ~ N(0, 1), twisted by exp(radius)/4 (after Johnson et al. 2016)."""
    u = parameter(-2.6, 2.6)
    radius = 1 + 0.3 * u
    arms = []
    for k in range(5):
        curve = polar(radius, 2 * math.pi * k / 5 + 0.25 * radius.exp())
        arms.append(chain(curve, 0.14, 0.09, _normal(u) / _speed(curve)))
    return _mixture(*arms)


def _rings() -> Built:
    return _mixture(*(chain(arc(0, 360, radii=(r, r)), 0.38 * math.sqrt(r), 0.1) for r in (1.0, 2.0, 3.0)))


def _checkerboard() -> Built:
    """Eight of the sixteen cells of [−√3, √3]², whose uniform law has variance 1 per dimension."""
    ends = math.sqrt(3) * torch.linspace(-1, 1, 5, dtype=torch.float64)
    cells = torch.tensor([(i, j) for i in range(4) for j in range(4) if (i + j) % 2 == 0])
    density = Boxes(torch.full((8,), 1 / 8, dtype=torch.float64), ends[cells], ends[cells + 1])
    return density, torch.arange(8)


def _banana() -> Built:
    """(u, u²/2) with u ~ N(0, 1), drawn with a pen."""
    u = parameter(-2.8, 2.8)
    curve = torch.stack([u, 0.5 * u.square()], dim=-1)
    return _mixture(chain(curve, 0.45, 0.25, _normal(u) / _speed(curve)))


def _funnel() -> Built:
    """u ~ N(0, 1) and x | u ~ N(0, (exp(3u/4)/2)²): the shape of Neal's funnel (2003, section 8)."""
    u = parameter(-2.2, 2.2)
    curve = torch.stack([u, torch.zeros_like(u)], dim=-1)
    return _mixture(chain(curve, 0.22, 0.5 * (0.75 * u).exp(), _normal(u)))


def _word() -> Built:
    """The word "score", a class per letter: its advance and its strokes, drawn tall."""
    letters = (
        (0.66, (arc(35, 270, (0.3, 0.75), (0.27, 0.25)), arc(90, -145, (0.3, 0.25), (0.3, 0.25)))),
        (0.68, (arc(48, 312, (0.35, 0.5), (0.35, 0.5)),)),
        (0.78, (arc(0, 360, (0.37, 0.5), (0.37, 0.5)),)),
        (0.52, (line((0.0, 0.0), (0.0, 1.0)), arc(150, 55, (0.3, 0.62), (0.3, 0.36)))),
        (0.7, (line((0.07, 0.52), (0.66, 0.52)), arc(0, 310, (0.35, 0.5), (0.35, 0.5)))),
    )
    tall = torch.tensor([1.0, 1.6], dtype=torch.float64)
    drawn, left = [], 0.0
    for advance, curves in letters:
        drawn.append(moved(joined(*(chain(tall * curve, 0.17, 0.06) for curve in curves)), (left, 0.0)))
        left += advance + 0.24
    return _mixture(*drawn)


def _p2() -> Built:
    return P2, torch.arange(3)


def _p7() -> Built:
    means = torch.tensor([[-2.0, 0.0], [2.0, 1.0], [0.5, -2.0]], dtype=torch.float64)
    weights = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)
    covariance = 0.16 * torch.eye(2, dtype=torch.float64)
    return GaussianMixture(weights, means, covariance.expand(3, 2, 2)), torch.arange(3)


DATASETS = (
    Dataset("gaussian", "One Gaussian", _gaussian),
    Dataset("far-modes", "Two far modes", _far_modes),
    Dataset("ring", "Ring of eight", _ring),
    Dataset("grid", "Grid of 25", _grid),
    Dataset("moons", "Two moons", _moons),
    Dataset("spirals", "Two spirals", _spirals),
    Dataset("swiss-roll", "Swiss roll", _swiss_roll),
    Dataset("pinwheel", "Pinwheel", _pinwheel),
    Dataset("rings", "Three rings", _rings),
    Dataset("checkerboard", "Checkerboard", _checkerboard),
    Dataset("banana", "Banana", _banana),
    Dataset("funnel", "Funnel", _funnel),
    Dataset("word", "The word “score”", _word),
    Dataset("p2", "P2, three in the plane", _p2),
    Dataset("p7", "P7, three far modes", _p7),
)
