"""A dense network and its directional derivatives in one forward pass, with a hand-written backward.

A layer acts on stacked rows: first the value h, then m tangents t = (∂h/∂x) v,

    z = A h + b,  ż = A t,  h' = a(z),  t' = a'(z) ż,

so that one product with A serves all 1 + m rows. The backward pass is the transpose of these lines. Automatic
differentiation would meet the tangents as a second graph to differentiate; here both are written out.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.activations import ACTIVATIONS as ACTIVATIONS
from gmviz.activations import Activation
from gmviz.checks import require


@dataclass(frozen=True)
class Layers:
    """Dense layers of the given sizes, whose P parameters are one flat vector.

    sizes: (inputs, width, ..., width, outputs); the activation follows every layer but the last.
    """

    sizes: tuple[int, ...]
    activation: Activation

    def __post_init__(self) -> None:
        sound = len(self.sizes) >= 2 and all(size >= 1 for size in self.sizes)
        require(sound, "sizes", "two or more positive integers", self.sizes)

    @property
    def count(self) -> int:
        """P, the number of parameters."""
        return sum(outputs * (inputs + 1) for inputs, outputs in pairwise(self.sizes))

    def split(self, parameters: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Views of the flat vector (..., P), by layer: A (..., outputs, inputs) and b (..., outputs)."""
        pieces, models = parameters.split_with_sizes(self._counts, dim=-1), parameters.shape[:-1]
        return [
            (matrix.view(*models, *shape), bias)
            for matrix, bias, shape in zip(pieces[::2], pieces[1::2], self._shapes, strict=True)
        ]

    @cached_property
    def _shapes(self) -> tuple[tuple[int, int], ...]:
        return tuple((outputs, inputs) for inputs, outputs in pairwise(self.sizes))

    @cached_property
    def _counts(self) -> list[int]:
        return [count for o, i in self._shapes for count in (o * i, o)]

    def draw(self, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Float[Tensor, "P"]:
        """First parameters: A ~ N(0, 1/inputs), b = 0."""
        parameters = torch.zeros(self.count, dtype=dtype, device=generator.device)
        for matrix, _ in self.split(parameters):
            matrix.normal_(generator=generator).div_(matrix.shape[-1] ** 0.5)
        return parameters


@dataclass(frozen=True)
class Affine:
    """What follows the last layer: y = k F + c u, with numbers k and c (0 unless F has the shape of u)."""

    k: float = 1.0
    c: float = 0.0


def stacked(
    u: Float[Tensor, "*models n d"],
    v: Float[Tensor, "*models m n d"],
    frequencies: Float[Tensor, "*models d F"],
    parameters: Float[Tensor, "*models P"],
    layers: Layers,
    head: Affine = Affine(),
) -> tuple[Float[Tensor, "*models n outputs"], Float[Tensor, "*models m n outputs"]]:
    """y(u) = k F(φ(u)) + c u and its derivatives along v, where φ(u) = [u, sin uW, cos uW].

    Leading axes are independent networks. The result can be differentiated once, in u, v and the parameters.
    """
    return _Stacked.apply(u, v, frequencies, parameters, layers, head)


class _Rows:
    """n values above m tangents of each: `flat` (..., (1 + m) n, f), and views of its parts (..., n, f)."""

    def __init__(self, flat: Tensor, m: int, kind: tuple[Any, ...] = ()) -> None:
        self.flat, self.kind = flat, kind
        self.value, *self.tangents = flat.unflatten(-2, (1 + m, -1)).unbind(-3)


class _Buffers(threading.local):
    """Rows of earlier steps, ready for the next one: fresh memory would cost as much as the arithmetic."""

    most = 2**26  # bytes kept

    def __init__(self) -> None:
        self.free: dict[Any, list[_Rows]] = {}
        self.held = 0

    def take(self, like: Tensor, m: int, n: int, width: int) -> _Rows:
        """Uninitialised rows for the models, precision and device of `like`."""
        models, inference = like.shape[:-2], torch.is_inference_mode_enabled()
        kind = (models, m, n, width, like.dtype, like.device, inference)
        shelf = self.free.get(kind)
        if not shelf:
            return _Rows(like.new_empty(*models, (1 + m) * n, width), m, kind)
        self.held -= shelf[-1].flat.nbytes
        return shelf.pop()

    def give(self, all_rows: Iterable[_Rows]) -> None:
        """Take rows back; nobody else may hold them any more."""
        for rows in all_rows:
            if self.held + rows.flat.nbytes > self.most:
                self.free.clear()
                self.held = 0
            self.free.setdefault(rows.kind, []).append(rows)
            self.held += rows.flat.nbytes


_buffers = _Buffers()


class _Stacked(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        u: Tensor,
        v: Tensor,
        frequencies: Tensor,
        parameters: Tensor,
        layers: Layers,
        head: Affine,
    ) -> tuple[Tensor, Tensor]:
        pieces = layers.split(parameters)
        m, n = v.shape[-3:-1]
        rows = _features(u, v, frequencies)
        entering, leaving = [rows], []
        for matrix, bias in pieces[:-1]:
            z = _product(rows.flat, matrix.mT, m, n)
            z.value.add_(bias.unsqueeze(-2))
            value, *slopes = layers.activation.derivatives(z.value, 2 if m else 1)
            rows = _buffers.take(z.flat, m, n, matrix.shape[-2])
            rows.value.copy_(value)
            for before, after in zip(z.tangents, rows.tangents, strict=True):
                torch.mul(before, slopes[0], out=after)
            entering.append(rows)
            leaving.append((z, slopes))
        value, columns = _last(rows, *pieces[-1], head, u, v)
        if any(ctx.needs_input_grad):
            ctx.save_for_backward(v, frequencies, parameters)
            ctx.layers, ctx.head, ctx.tape = layers, head, (pieces, entering, leaving)
        else:
            _buffers.give([*entering, *(z for z, _ in leaving)])
        return value, columns

    @staticmethod
    def backward(ctx: Any, g: Tensor, g_tangents: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError("a stacked network can be differentiated once: its Jacobian comes from jet")
        v, frequencies, parameters = ctx.saved_tensors
        (pieces, entering, leaving), ctx.tape = ctx.tape, None
        m, n = v.shape[-3:-1]
        gradient = torch.empty_like(parameters)
        slots = ctx.layers.split(gradient)
        at_output = (torch.cat([g, g_tangents.flatten(-3, -2)], dim=-2) if m else g) * ctx.head.k
        torch.matmul(at_output.mT, entering[-1].flat, out=slots[-1][0])
        torch.sum(at_output.narrow(-2, 0, n), -2, out=slots[-1][1])
        below, owned = at_output, []
        for index in reversed(range(len(leaving))):
            rows = _product(below, pieces[index + 1][0], m, n)
            _through_activation(rows, *leaving[index])
            # a product is many times slower with its narrow factor on the right, here the features
            slots[index][0].copy_((entering[index].flat.mT @ rows.flat).mT)
            torch.sum(rows.value, -2, out=slots[index][1])
            owned.append(rows)
            below = rows.flat
        at_inputs: tuple[Tensor | None, ...] = (None, None)
        if any(ctx.needs_input_grad[:2]):
            rows = _Rows(below @ pieces[0][0], m)
            at_u, at_v = _through_features(rows, entering[0].value, v, frequencies)
            c = ctx.head.c
            at_inputs = (at_u + c * g, at_v + c * g_tangents) if c else (at_u, at_v)
        _buffers.give([*owned, *entering, *(z for z, _ in leaving)])
        return *at_inputs, None, gradient, None, None


def _product(rows: Tensor, matrix: Tensor, m: int, n: int) -> _Rows:
    """rows @ matrix in recycled memory."""
    product = _buffers.take(rows, m, n, matrix.shape[-1])
    torch.matmul(rows, matrix, out=product.flat)
    return product


def _features(u: Tensor, v: Tensor, frequencies: Tensor) -> _Rows:
    """φ(u) = [u, sin uW, cos uW] and ∂φ v = [v, vW cos uW, −vW sin uW], in recycled memory."""
    (d, size), (m, n) = frequencies.shape[-2:], v.shape[-3:-1]
    rows = _buffers.take(u, m, n, d + 2 * size)
    plain, sine, cosine = rows.value.split_with_sizes([d, size, size], dim=-1)
    plain.copy_(u)
    phase = u @ frequencies
    torch.sin(phase, out=sine)
    torch.cos(phase, out=cosine)
    for direction, tangent in zip(v.unbind(-3), rows.tangents, strict=True):
        plain, along, against = tangent.split_with_sizes([d, size, size], dim=-1)
        plain.copy_(direction)
        turn = direction @ frequencies
        torch.mul(turn, cosine, out=along)
        torch.mul(turn.neg_(), sine, out=against)
    return rows


def _last(
    rows: _Rows, matrix: Tensor, bias: Tensor, head: Affine, u: Tensor, v: Tensor
) -> tuple[Tensor, Tensor]:
    """k (A h + b) + c u and k A t + c v, in memory of their own."""
    result = (rows.flat @ matrix.mT).unflatten(-2, (1 + len(rows.tangents), -1))
    value, columns = result.select(-3, 0), result.narrow(-3, 1, len(rows.tangents))
    value.add_(bias.unsqueeze(-2))
    if head != Affine():
        result.mul_(head.k)
        value.add_(u, alpha=head.c)
        columns.add_(v, alpha=head.c)
    return value, columns


def _through_activation(g: _Rows, z: _Rows, slopes: Sequence[Tensor]) -> None:
    """Turn g from [∂h', ∂t'] into [∂z, ∂ż] in place: ∂z = a' ∂h' + a'' Σ ż ∂t',  ∂ż = a' ∂t'."""
    g.value.mul_(slopes[0])
    for tangent, at_tangent in zip(z.tangents, g.tangents, strict=True):
        g.value.addcmul_(slopes[1] * tangent, at_tangent)
        at_tangent.mul_(slopes[0])


def _through_features(g: _Rows, features: Tensor, v: Tensor, frequencies: Tensor) -> tuple[Tensor, Tensor]:
    """∂u and ∂v from the gradient at the feature rows."""
    d, size = frequencies.shape[-2:]
    _, sine, cosine = features.split_with_sizes([d, size, size], dim=-1)
    plain, at_sine, at_cosine = g.value.split_with_sizes([d, size, size], dim=-1)
    phase = at_sine * cosine - at_cosine * sine
    at_v = torch.empty_like(v)
    for index, (direction, tangent) in enumerate(zip(v.unbind(-3), g.tangents, strict=True)):
        straight, at_sine, at_cosine = tangent.split_with_sizes([d, size, size], dim=-1)
        phase = phase - (at_sine * sine + at_cosine * cosine) * (direction @ frequencies)
        turn = at_sine * cosine - at_cosine * sine
        at_v.select(-3, index).copy_(straight + turn @ frequencies.mT)
    return plain + phase @ frequencies.mT, at_v
