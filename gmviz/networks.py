"""Small smooth networks for two-dimensional scores: a free field (score head) and a gradient (energy head).

Both see u = (x − c)/ℓ through fixed random Fourier features φ(u) = [u, sin uW, cos uW] (Rahimi & Recht 2007),
and both start near the score −u of the standard normal law, which also keeps the energy's integral finite.
A network is immutable; training makes another with `with_parameters`. Leading axes of the parameters are
independent networks (seeds), trained and evaluated together.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.activations import ACTIVATIONS, Activation, derivatives
from gmviz.checks import require
from gmviz.knobs import check_knobs, choice, knob
from gmviz.models import Model, Need
from gmviz.quadrature import Grid
from gmviz.stacked import Affine, Layers, stacked

N = TypeVar("N", bound="Network")


@dataclass(frozen=True, eq=False)
class Network(Model):
    """A network on u = (x − centre)/spread.

    parameters (*models, P), frequencies W (*models, d, F) with F = 0 for none, centre (d,), spread a length.
    """

    layers: Layers
    parameters: Float[Tensor, "*models P"]
    frequencies: Float[Tensor, "*models d F"]
    centre: Float[Tensor, "d"]
    spread: float

    @property
    def dimension(self) -> int:
        """d, of the points it is evaluated at."""
        return self.centre.shape[0]

    def with_parameters(self: N, parameters: Float[Tensor, "*models P"]) -> N:
        """The same network with other parameters."""
        return replace(self, parameters=parameters)

    def member(self: N, index: int) -> N:
        """One network of a batch."""
        return replace(self, parameters=self.parameters[index], frequencies=self.frequencies[index])

    def to(self: N, dtype: torch.dtype) -> N:
        """The same network in another precision."""
        return replace(
            self,
            parameters=self.parameters.to(dtype),
            frequencies=self.frequencies.to(dtype),
            centre=self.centre.to(dtype),
        )

    def _standardised(self, x: Tensor) -> Tensor:
        u = (x - self.centre) / self.spread
        models = self.parameters.shape[:-1]
        return u.expand(*models, *u.shape[-2:]) if models else u

    def _directions(self, u: Tensor, directions: Tensor) -> Tensor:
        """The directions of the caller, (m, ..., n, d), as tangents of u: (*models, m, n, d)."""
        v = (directions / self.spread).movedim(0, -3)
        return v.expand(*u.shape[:-2], *v.shape[-3:])


@dataclass(frozen=True, eq=False)
class ScoreNet(Network):
    """s(x) = (F(φ(u)) − u)/ℓ: a free vector field, not in general a gradient."""

    label = "score network"
    provides = frozenset({Need.SCORE})

    def jet(
        self, x: Float[Tensor, "... n d"], directions: Float[Tensor, "m ..."]
    ) -> tuple[Float[Tensor, "... n d"], Float[Tensor, "m ..."]]:
        """s(x) and J(x) v in one pass over stacked rows."""
        u = self._standardised(x)
        v = self._directions(u, directions)
        head = Affine(1 / self.spread, -1 / self.spread)
        score, columns = stacked(u, v, self.frequencies, self.parameters, self.layers, head)
        return score, columns.movedim(-3, 0)


@dataclass(frozen=True, eq=False)
class EnergyNet(Network):
    """log q(x) = F(φ(u)) − ½|u|² − log Z, F scalar: the score is a gradient, Z an integral over `grid`."""

    grid: Grid | None = None

    label = "energy network"
    provides = frozenset({Need.SCORE, Need.LOG_DENSITY})

    def potential(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n"]:
        """F(φ(u)) − ½|u|²."""
        u = self._standardised(x)
        none = u.new_empty(*u.shape[:-2], 0, *u.shape[-2:])
        value, _ = stacked(u, none, self.frequencies, self.parameters, self.layers)
        return value[..., 0] - 0.5 * u.square().sum(-1)

    def log_partition(self, grid: Grid) -> Float[Tensor, "*models"]:
        """log Z by quadrature, differentiable in the parameters."""
        nodes, weights = grid.nodes.to(self.centre), grid.weights.to(self.centre)
        return torch.logsumexp(self.potential(nodes) + weights.log(), dim=-1)

    def log_prob(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n"]:
        """log q(x), normalised on the network's own grid; points and nodes share one pass."""
        if self.grid is None:
            raise ValueError("grid must be a Grid where log_prob of an energy network is asked for, got None")
        nodes, weights = self.grid.nodes.to(x), self.grid.weights.to(x)
        nodes = nodes.expand(*x.shape[:-2], *nodes.shape)
        both = self.potential(torch.cat([x, nodes], dim=-2))
        at_points, at_nodes = both.split([x.shape[-2], nodes.shape[-2]], dim=-1)
        return at_points - torch.logsumexp(at_nodes + weights.log(), dim=-1, keepdim=True)

    def jet(
        self, x: Float[Tensor, "... n d"], directions: Float[Tensor, "m ..."]
    ) -> tuple[Float[Tensor, "... n d"], Float[Tensor, "m ..."]]:
        """∇log q and its Hessian along the directions: up through the layers and back down, with tangents.

        Up, h' = a(A h + b) and t' = a' ż, ż = A t; down, g = ∂F/∂h becomes Aᵀ(a' g), its tangent ġ becomes
        Aᵀ(a' ġ + a'' ż g).
        """
        u = self._standardised(x)
        v = self._directions(u, directions)
        m = v.shape[-3]
        phase, turn = u @ self.frequencies, v @ self.frequencies.unsqueeze(-3)
        wave = torch.sin(phase), torch.cos(phase)
        h = torch.cat([u, *wave], dim=-1)
        t = torch.cat([v, turn * wave[1].unsqueeze(-3), -turn * wave[0].unsqueeze(-3)], dim=-1)
        *hidden, (last, _) = self.layers.split(self.parameters)
        slopes, bends = [], []
        for matrix, bias in hidden:
            z = h @ matrix.mT + bias.unsqueeze(-2)
            h, slope, *curvature = derivatives(self.layers.activation, z, 2 if m else 1)
            slopes.append(slope)
            if m:
                tangent = _rowwise(t, matrix.mT)
                bends.append(curvature[0].unsqueeze(-3) * tangent)
                t = slope.unsqueeze(-3) * tangent
        g, drift = last.expand(h.shape), torch.zeros_like(t)
        for (matrix, _), slope in zip(reversed(hidden), reversed(slopes), strict=True):
            if m:
                drift = _rowwise(slope.unsqueeze(-3) * drift + bends.pop() * g.unsqueeze(-3), matrix)
            g = (slope * g) @ matrix
        score, columns = self._through_features(g, drift, *wave, turn)
        return (score - u) / self.spread, ((columns - v) / self.spread).movedim(-3, 0)

    def _through_features(
        self, g: Tensor, drift: Tensor, sine: Tensor, cosine: Tensor, turn: Tensor
    ) -> tuple[Tensor, Tensor]:
        """∇_u = g_u + (g_sin cos uW − g_cos sin uW) Wᵀ, and the tangent of that line."""
        sizes, back = [self.dimension, sine.shape[-1], sine.shape[-1]], self.frequencies.mT
        plain, at_sine, at_cosine = g.split(sizes, dim=-1)
        score = plain + (at_sine * cosine - at_cosine * sine) @ back
        if turn.shape[-3] == 0:
            return score, drift.narrow(-1, 0, self.dimension)
        t, t_sine, t_cosine = drift.split(sizes, dim=-1)
        across = (at_sine * sine + at_cosine * cosine).unsqueeze(-3)
        bent = t_sine * cosine.unsqueeze(-3) - t_cosine * sine.unsqueeze(-3) - across * turn
        return score, t + _rowwise(bent, back)


def _rowwise(tangents: Tensor, matrix: Tensor) -> Tensor:
    """(..., m, n, f) @ matrix in one product."""
    return (tangents.flatten(-3, -2) @ matrix).unflatten(-2, tangents.shape[-3:-1])


class Head(Enum):
    """What the last layer gives."""

    SCORE = "score"
    ENERGY = "energy"

    @property
    def provides(self) -> frozenset[Need]:
        """What a network with this head offers an objective."""
        return ScoreNet.provides if self is Head.SCORE else EnergyNet.provides


@dataclass(frozen=True)
class Architecture:
    """The shape of a network, as a visitor chooses it; `draw` makes one."""

    width: int = knob(64, 8, 256, 8, label="width")
    depth: int = knob(2, 1, 4, 1, label="hidden layers")
    activation: Activation = choice(ACTIVATIONS[0], ACTIVATIONS, label="activation")
    frequencies: int = knob(64, 0, 256, 16, label="Fourier features", help="0 leaves the plain coordinates")
    bandwidth: float = knob(
        2.0, 0.1, 10.0, 0.1, label="feature bandwidth", unit="1/length of standardised data"
    )

    def __post_init__(self) -> None:
        check_knobs(self)

    def draw(
        self,
        head: Head,
        centre: Float[Tensor, "d"],
        spread: float,
        generators: Sequence[torch.Generator],
        grid: Grid | None = None,
    ) -> ScoreNet | EnergyNet:
        """A network per generator, stacked along the first axis (one generator: no such axis).

        It takes centre's precision; `grid` is where an energy's partition function is summed. Raises
        `ValueError` without generators and for a spread that is not positive.
        """
        require(len(generators) > 0, "generators", "at least one", len(generators))
        require(math.isfinite(spread) and spread > 0, "spread", "a positive length", spread)
        if head is Head.SCORE:
            return ScoreNet(*self._draw(len(centre), len(centre), generators, centre.dtype), centre, spread)
        return EnergyNet(*self._draw(len(centre), 1, generators, centre.dtype), centre, spread, grid)

    def _draw(
        self, d: int, outputs: int, generators: Sequence[torch.Generator], dtype: torch.dtype
    ) -> tuple[Layers, Tensor, Tensor]:
        sizes = (d + 2 * self.frequencies, *[self.width] * self.depth, outputs)
        layers = Layers(sizes, self.activation)
        waves, parameters = [], []
        for generator in generators:
            wave = torch.empty(d, self.frequencies, dtype=dtype, device=generator.device)
            waves.append(self.bandwidth * wave.normal_(generator=generator))
            parameters.append(layers.draw(generator, dtype))
        if len(generators) == 1:
            return layers, parameters[0], waves[0]
        return layers, torch.stack(parameters), torch.stack(waves)
