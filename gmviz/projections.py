"""Distribution functions along lines: of samples, and of a density exactly.

The law of u·x under a Gaussian mixture is a mixture on the line with means u·m_k and variances uᵀC_k u, so
its distribution function is a sum of normal ones. Under boxes it is a mixture of trapezia (noised ones: seen
through noise), whose distribution functions are differences of second integrals of a step (of Φ).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.boxes import Boxes, NoisedBoxes
from gmviz.checks import require
from gmviz.densities import Density, Mixture
from gmviz.quadrature import Grid

CHUNK = 4 * 2**20  # bytes of a block of components, which stays in the cache
REACH = 8.0  # standard deviations; beyond them a normal law has 1e-15 of its mass


def directions(dimension: int, count: int) -> Float[Tensor, "u d"]:
    """Unit vectors spread evenly over half the sphere: one on the line, `count` in the plane and in space."""
    require(dimension in (1, 2, 3), "dimension", "1, 2 or 3", dimension)
    if dimension == 1:
        return torch.ones(1, 1, dtype=torch.float64)
    k = torch.arange(count, dtype=torch.float64) + 0.5
    if dimension == 2:
        angle = math.pi * k / count
        return torch.stack([angle.cos(), angle.sin()], dim=-1)
    height, turn = k / count, math.pi * (3 - math.sqrt(5)) * k
    radius = (1 - height.square()).sqrt()
    return torch.stack([radius * turn.cos(), radius * turn.sin(), height], dim=-1)


@dataclass(frozen=True)
class Lines:
    """F at nodes low + j·step, j = 0 … m − 1, of each of u directions."""

    low: Float[Tensor, "u"]
    step: Float[Tensor, "u"]
    values: Float[Tensor, "u m"]

    @property
    def nodes(self) -> Float[Tensor, "u m"]:
        """Where F is known."""
        return _nodes(self.low, self.step, self.values.shape[-1])

    def distance(self, y: Float[Tensor, "u n"], p: int) -> Float[Tensor, "u"]:
        """∫ |F̂ − F|ᵖ for samples y: the trapezoid rule between the ends of a line, exact beyond them."""
        m = self.values.shape[-1]
        low, step = self.low[:, None], self.step[:, None]
        # The first node at or above each sample; counting them per node gives F̂ without sorting.
        first = ((y - low) / step).ceil().clamp(0, m).long()
        rows = (m + 1) * torch.arange(len(y))[:, None]
        counts = torch.bincount((first + rows).flatten(), minlength=len(y) * (m + 1)).reshape(len(y), m + 1)
        gap = counts[:, :m].cumsum(-1) / y.shape[-1] - self.values
        inside = gap.abs().pow(p).sum(-1) * self.step
        high = low + (m - 1) * step
        return inside + _tail((low - y).clamp(min=0), p) + _tail((y - high).clamp(min=0), p)


def distances(
    density: Density, x: Float[Tensor, "... n d"], along: Float[Tensor, "u d"], nodes: int, p: int
) -> Float[Tensor, "... u"]:
    """∫ |F̂_u − F_u|ᵖ along each direction; a batch of laws meets its batch of sets of samples.

    F is exact for mixtures and for boxes; for any other density it is summed from a quadrature grid.
    """
    y = (x @ along.mT).mT
    batch = density.batch if isinstance(density, Mixture) else torch.Size()
    sets = torch.broadcast_shapes(y.shape[:-2], batch)
    pairs = zip(every_lines(density, along, nodes, sets), _listed(y, sets), strict=True)
    every = [lines.distance(each, p) for lines, each in pairs]
    return torch.stack(every).reshape(*sets, -1)


def every_lines(
    density: Density, along: Float[Tensor, "u d"], nodes: int, sets: torch.Size
) -> Iterator[Lines]:
    """The distribution functions of each law of a batch, expanded to `sets`."""
    if isinstance(density, NoisedBoxes):
        yield from (box_lines(law, along, nodes) for law in _singly(density, sets))
    elif isinstance(density, Mixture):
        parts = (_listed(part, sets) for part in _projected(density, along))
        yield from (_normal_sums(w, m, s, nodes) for w, m, s in zip(*parts, strict=True))
    else:
        lines = lines_of(density, along, nodes)
        yield from (lines for _ in range(sets.numel()))


def _listed(part: Tensor, sets: torch.Size) -> Tensor:
    """A batch (*sets, a, b) as a list (t, a, b)."""
    return part.expand(*sets, *part.shape[-2:]).reshape(-1, *part.shape[-2:])


def _singly(boxes: NoisedBoxes, sets: torch.Size) -> list[NoisedBoxes]:
    """The laws of a batch, one by one."""
    low, high = (_listed(corner, sets) for corner in (boxes.low, boxes.high))
    K = boxes.weights.shape[-1]
    weights, sigma = boxes.weights.expand(*sets, K).reshape(-1, K), boxes.sigma.expand(sets).flatten()
    return [NoisedBoxes(*each) for each in zip(weights, low, high, sigma, strict=True)]


def lines_of(density: Density, along: Float[Tensor, "u d"], nodes: int) -> Lines:
    """The distribution functions of one density along each direction."""
    if isinstance(density, NoisedBoxes) or (isinstance(density, Boxes) and density.dimension == 2):
        return box_lines(density, along, nodes)
    if isinstance(density, Mixture):
        return exact_lines(density, along, nodes)
    return _by_quadrature(density, along, nodes)


def box_lines(boxes: Boxes | NoisedBoxes, along: Float[Tensor, "u 2"], nodes: int) -> Lines:
    """Σ_k w_k Σ_±± ±± G(y − u·c_k ± a ± b)/4ab for boxes in the plane, a and b the half widths seen along u.

    G is the second integral of a step, max(y, 0)²/2, or with noise of Φ(y/σ). A side seen end-on cancels, so
    a and b are held above a thousandth of each other, which moves no mass farther than that.
    """
    require(boxes.dimension == 2, "boxes", "in the plane", f"dimension {boxes.dimension}")
    low, high, along = boxes.low.double(), boxes.high.double(), along.double()
    sigma = boxes.sigma.double() if isinstance(boxes, NoisedBoxes) else torch.zeros((), dtype=torch.float64)
    centres = along @ ((low + high) / 2).mT  # (u, K)
    a, b = (along[:, i : i + 1].abs() * (high - low)[:, i] / 2 for i in (0, 1))
    a, b = a.clamp(min=1e-3 * b), b.clamp(min=1e-3 * a)
    reach = a + b + REACH * sigma
    first, last = (centres - reach).amin(-1), (centres + reach).amax(-1)
    step = (last - first) / (nodes - 1)
    at = _nodes(first, step, nodes)[..., None] - centres[:, None]
    total = torch.zeros_like(at)
    for side, one in ((a, 1), (-a, -1)):
        for other, two in ((b, 1), (-b, -1)):
            total += one * two * _twice_integrated(at + (side + other)[:, None], sigma)
    share = (total / (4 * a * b)[:, None]).clamp(0, 1)
    return Lines(first, step, share @ boxes.weights.double())


def _twice_integrated(y: Tensor, sigma: Tensor) -> Tensor:
    """G with G'' = Φ(y/σ), which is a step for σ = 0."""
    if not sigma > 0:
        return y.clamp(min=0).square() / 2
    z = y / sigma
    bell = (-z.square() / 2).exp() / math.sqrt(2 * math.pi)
    return sigma.square() * ((z.square() + 1) * torch.special.ndtr(z) + z * bell) / 2


def exact_lines(mixture: Mixture, along: Float[Tensor, "u d"], nodes: int) -> Lines:
    """The distribution functions of one mixture along each direction."""
    return _normal_sums(*_projected(mixture, along), nodes)


def _projected(mixture: Mixture, along: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weights, means and standard deviations (..., u, K) of the mixtures on the lines."""
    means = (mixture.means.to(along.dtype) @ along.mT).mT
    variances = torch.einsum("ui,...kij,uj->...uk", along, mixture.covariances.to(along.dtype), along)
    return mixture.weights.to(along.dtype)[..., None, :].expand(means.shape), means, variances.sqrt()


def _nodes(low: Tensor, step: Tensor, count: int) -> Tensor:
    return low[:, None] + step[:, None] * torch.arange(count, dtype=low.dtype)


def _normal_sums(weights: Tensor, means: Tensor, sd: Tensor, nodes: int) -> Lines:
    """Σ_k w_k Φ((x − m_k)/s_k), all (u, K)."""
    low, high = (means - REACH * sd).amin(-1), (means + REACH * sd).amax(-1)
    step = (high - low) / (nodes - 1)
    at = _nodes(low, step, nodes)
    values = torch.zeros_like(at)
    block = max(1, CHUNK // (at.numel() * at.element_size()))
    for w, m, s in zip(*(part.split(block, dim=-1) for part in (weights, means, sd)), strict=True):
        z = (at[..., None] - m[:, None]) / s[:, None]
        values += (torch.special.ndtr(z) @ w[..., None])[..., 0]
    return Lines(low, step, values)


def _by_quadrature(density: Density, along: Tensor, nodes: int) -> Lines:
    """The mass of the quadrature nodes below each node of the line."""
    grid = Grid.covering(density, reach=REACH)
    mass = (density.log_prob(grid.nodes).exp() * grid.weights).to(along.dtype)
    y = (grid.nodes.to(along.dtype) @ along.mT).mT
    low, high = y.amin(-1), y.amax(-1)
    step = (high - low) / (nodes - 1)
    order = y.argsort(-1)
    below = torch.searchsorted(y.gather(-1, order), _nodes(low, step, nodes))
    total = torch.nn.functional.pad(mass[order].cumsum(-1), (1, 0))
    return Lines(low, step, total.gather(-1, below) / mass.sum())


def _tail(excess: Tensor, p: int) -> Tensor:
    """∫₀^∞ (share of samples farther than t)ᵖ dt for distances (u, n) ≥ 0."""
    if p == 1 or not bool((excess > 0).any()):
        return excess.mean(-1)
    n = excess.shape[-1]
    ordered = torch.nn.functional.pad(excess.sort(dim=-1, descending=True).values, (0, 1))
    share = (torch.arange(1, n + 1, dtype=excess.dtype) / n).pow(p)
    return (-ordered.diff(dim=-1) * share).sum(-1)
