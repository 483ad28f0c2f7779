"""Integrals over R^d on a tensor grid that report their own error.

Smooth integrands: the trapezoid rule, which converges like exp(−2πy/h) for an integrand analytic in a strip
of half-width y (Trefethen & Weideman 2014). Where a density jumps: Gauss-Legendre panels between the jumps.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require

CHUNK = 64 * 2**20  # bytes of the largest intermediate
MOST_NODES = 5_000_000
COMFORTABLE_NODES = 25_000
COARSEST, FINEST = 1 / 3, 1 / 12  # steps in units of the smallest standard deviation
PANEL = 15  # nodes of a Gauss-Legendre panel
STEPS_PER_PANEL = 9


@runtime_checkable
class Extended(Protocol):
    """Anything that says where it lives, how fine it is, and where it jumps."""

    @property
    def dimension(self) -> int: ...
    def bounds(self, reach: float = ...) -> Tensor: ...
    def resolution(self) -> Tensor: ...
    def edges(self) -> tuple[Tensor, ...]: ...


@dataclass(frozen=True)
class Estimate:
    """An integral and a bound of its quadrature error, both (...). +∞ is a legal value, of error 0."""

    value: Float[Tensor, "..."]
    error: Float[Tensor, "..."]

    @staticmethod
    def joined(parts: Sequence["Estimate"]) -> "Estimate":
        """The parts (T_i, ...) of a sweep as one (T, ...): each may have had a grid of its own."""
        return Estimate(torch.cat([each.value for each in parts]), torch.cat([each.error for each in parts]))


@dataclass(frozen=True)
class Sums:
    """Σ w f, its alternating companions Σ e_S f along the last axis, and Σ w |f|; sums of blocks add up."""

    signed: Float[Tensor, "... c"]
    absolute: Float[Tensor, "..."]

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(self.signed + other.signed, self.absolute + other.absolute)

    def estimate(self) -> Estimate:
        """The integral; raises `ValueError` if the integrand was NaN somewhere."""
        value, companions = self.signed[..., 0], self.signed[..., 1:]
        require(not value.isnan().any(), "values", "free of NaN", "NaN")
        rounding = 8 * torch.finfo(value.dtype).eps * self.absolute
        error = companions.abs().sum(-1) + rounding
        return Estimate(value, error.where(value.isfinite(), torch.zeros(())))


@dataclass(frozen=True)
class Axis:
    """A rule on a line: nodes x (m,), weights w (m,) > 0 and alternating companions e (m,) of the same size.

    Σ e f is what the rule would err by with every second node only, so it dwarfs the error of Σ w f.
    """

    nodes: Float[Tensor, "m"]
    weights: Float[Tensor, "m"]
    companions: Float[Tensor, "m"]

    @staticmethod
    def trapezoid(low: float, high: float, step: float) -> "Axis":
        """Equidistant nodes from `low` to `high` at most `step` apart; e_i = (−1)^i w_i.

        The number of nodes is odd: with an even one, companions of symmetric integrands would cancel.
        """
        nodes = torch.linspace(low, high, 2 * math.ceil((high - low) / (2 * step)) + 1, dtype=torch.float64)
        weights = torch.full_like(nodes, (high - low) / (len(nodes) - 1))
        weights[[0, -1]] /= 2
        signs = torch.ones_like(nodes)
        signs[1::2] = -1
        return Axis(nodes, weights, signs * weights)

    @staticmethod
    def panels(low: float, high: float, step: float, edges: Float[Tensor, "k"]) -> "Axis":
        """Gauss-Legendre panels that end at the edges; e_i = w_i P_{n−1}(x_i), the last Legendre mode."""
        inner = sorted({float(edge) for edge in edges if low < edge < high})
        x, w = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(PANEL))
        last = torch.from_numpy(np.polynomial.legendre.Legendre.basis(PANEL - 1)(x.numpy()))
        parts = []
        for left, right in itertools.pairwise([low, *inner, high]):
            count = math.ceil((right - left) / (STEPS_PER_PANEL * step))
            for a, b in itertools.pairwise(np.linspace(left, right, count + 1).tolist()):
                half = (b - a) / 2
                parts.append((a + half * (1 + x), half * w, half * w * last))
        return Axis(*(torch.cat(each) for each in zip(*parts, strict=True)))


@dataclass(frozen=True)
class Grid:
    """Nodes (N, d) and rules (1 + c, N): the weights of the integral, then those of its error.

    There is one companion for each non-empty set S of axes, the tensor product of e on S and w elsewhere.
    (Comparing only the two checkerboards would not do: it is blind to a ridge that varies along one axis.)
    """

    nodes: Float[Tensor, "N d"]
    rules: Float[Tensor, "c N"]

    @staticmethod
    def of(axes: tuple[Axis, ...]) -> "Grid":
        """The tensor product of one rule per axis."""
        count = math.prod(len(axis.nodes) for axis in axes)
        _check_count(count)
        nodes = torch.cartesian_prod(*(axis.nodes for axis in axes)).reshape(count, len(axes))
        choices = itertools.product(*((axis.weights, axis.companions) for axis in axes))
        rules = [reduce(lambda a, b: torch.outer(a, b).flatten(), choice) for choice in choices]
        return Grid(nodes, torch.stack(rules))

    @staticmethod
    def covering(
        *densities: Extended,
        step: float | None = None,
        reach: float = 10.0,
        comfortable: int = COMFORTABLE_NODES,
    ) -> "Grid":
        """The grid on which the densities, whole batches included, can be integrated.

        Its box holds every centre ± `reach` standard deviations. Along each axis its step, unless given as
        a length for all, is at most a third of the finest scale there, and finer, down to a twelfth, while
        the nodes stay as few as is `comfortable`.
        Raises `ValueError` for densities of unequal dimension, a step or reach that is not positive, and
        grids of more than `MOST_NODES` nodes.
        """
        require(len(densities) > 0, "densities", "at least one", "none")
        dimensions = {density.dimension for density in densities}
        require(len(dimensions) == 1, "densities", "of one dimension", sorted(dimensions))
        require(math.isfinite(reach) and reach > 0, "reach", "positive, in standard deviations", reach)
        boxes = torch.stack([density.bounds(reach).double() for density in densities])
        low, high = boxes[..., 0].amin(0), boxes[..., 1].amax(0)
        if step is None:
            finest = torch.stack([density.resolution() for density in densities]).amin(0)
            steps = _comfortable_steps(high - low, finest, comfortable)
        else:
            require(math.isfinite(step) and step > 0, "step", "a positive length", step)
            steps = torch.full_like(low, step)
        _check_count(((high - low) / steps).prod().item())
        jumps = [
            torch.cat([each.double() for each in axis])
            for axis in zip(*(density.edges() for density in densities), strict=True)
        ]
        return Grid.of(
            tuple(
                Axis.panels(a, b, h, edges) if len(edges) else Axis.trapezoid(a, b, h)
                for a, b, h, edges in zip(low.tolist(), high.tolist(), steps.tolist(), jumps, strict=True)
            )
        )

    @property
    def weights(self) -> Float[Tensor, "N"]:
        """w > 0, of sum the volume of the box."""
        return self.rules[0]

    def sums(self, values: Float[Tensor, "... N"]) -> Sums:
        """The weighted sums of an integrand's values at the nodes."""
        require(
            values.shape[-1] == len(self.nodes), "values", f"(..., {len(self.nodes)})", tuple(values.shape)
        )
        values = values.to(self.rules.dtype)
        return Sums(torch.nn.functional.linear(values, self.rules), values.abs() @ self.weights)

    def integrate(self, values: Float[Tensor, "... N"]) -> Estimate:
        """∫ f for the values of f at the nodes, with its error; raises `ValueError` for NaN."""
        return self.sums(values).estimate()

    def blocks(self, bytes_per_node: int, most: int = CHUNK) -> Iterator["Grid"]:
        """The grid in pieces whose intermediates stay under `most` bytes; sums over the pieces add up."""
        size = max(1, most // bytes_per_node)
        for nodes, rules in zip(self.nodes.split(size), self.rules.split(size, dim=-1), strict=True):
            yield Grid(nodes, rules)

    def integral(self, function: Callable[[Tensor], Tensor], bytes_per_node: int = 64) -> Estimate:
        """∫ f for a function of points (n, d) → (..., n), evaluated in blocks."""
        parts = (block.sums(function(block.nodes)) for block in self.blocks(bytes_per_node))
        return reduce(Sums.__add__, parts).estimate()


def gauss_legendre(n: int, low: float, high: float) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"]]:
    """Nodes and weights of the n-point Gauss-Legendre rule on [low, high]."""
    x, w = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(n))
    half = (high - low) / 2
    return low + half * (1 + x), half * w


@cache
def gauss_hermite(n: int, dimension: int) -> tuple[Float[Tensor, "m d"], Float[Tensor, "m"]]:
    """Nodes z (n^d, d) and weights of sum 1 of the n-point rule per axis for E f(z), z ~ N(0, I)."""
    z, w = (torch.from_numpy(part) for part in np.polynomial.hermite_e.hermegauss(n))
    nodes = torch.cartesian_prod(*(z,) * dimension).reshape(n**dimension, dimension)
    weights = reduce(lambda a, b: torch.outer(a, b).flatten(), (w / w.sum(),) * dimension)
    return nodes, weights


def _comfortable_steps(
    lengths: Float[Tensor, "d"], finest: Float[Tensor, "d"], nodes: int
) -> Float[Tensor, "d"]:
    """The steps, in proportion to the finest scales, that spend `nodes`; kept between sd/12 and sd/3."""
    spent = ((lengths / finest).prod().item() / nodes) ** (1 / len(lengths))
    return finest * min(max(spent, FINEST), COARSEST)


def _check_count(count: float) -> None:
    require(
        count <= MOST_NODES, "step", f"so coarse that {MOST_NODES:,} nodes are enough", f"{count:,.0f} nodes"
    )
