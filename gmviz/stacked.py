"""A dense network and its directional derivatives in one forward pass, with a hand-written backward.

A layer acts on stacked rows: first the value h, then m tangents t = (∂h/∂x) v,

    z = A h + b,  ż = A t,  h' = a(z),  t' = a'(z) ż,

so that one product with A serves all 1 + m rows. The backward pass is the transpose of these lines. Automatic
differentiation would meet the tangents as a second graph to differentiate; here both are written out.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require


@dataclass(frozen=True)
class Activation(ABC):
    """A smooth function a of one variable, applied to every unit; ISM needs a', its training a''."""

    name: str

    @abstractmethod
    def derivatives(self, z: Tensor, order: int) -> tuple[Tensor, ...]:
        """a(z), a'(z), ... up to `order` (at most 2), each of the shape of z."""


@dataclass(frozen=True)
class SiLU(Activation):
    """a(z) = z σ(z), the logistic-weighted identity (Elfwing, Uchibe, Doya 2018)."""

    def derivatives(self, z: Tensor, order: int) -> tuple[Tensor, ...]:
        """a' = σ + a (1 − σ),  a'' = (1 − σ)(2a' − a)."""
        gate = torch.sigmoid(z)
        value = z * gate
        if order == 0:
            return (value,)
        rest = 1 - gate
        slope = torch.addcmul(gate, value, rest)
        if order == 1:
            return value, slope
        return value, slope, torch.lerp(value, slope, 2.0) * rest  # value + 2(slope − value) = 2a' − a


@dataclass(frozen=True)
class Tanh(Activation):
    """a(z) = tanh z."""

    def derivatives(self, z: Tensor, order: int) -> tuple[Tensor, ...]:
        """a' = 1 − a²,  a'' = −2 a a'."""
        value = torch.tanh(z)
        if order == 0:
            return (value,)
        slope = 1 - value * value
        return (value, slope) if order == 1 else (value, slope, -2 * value * slope)


@dataclass(frozen=True)
class Softplus(Activation):
    """a(z) = log(1 + exp z)."""

    def derivatives(self, z: Tensor, order: int) -> tuple[Tensor, ...]:
        """a' = σ(z),  a'' = σ (1 − σ)."""
        value = torch.logaddexp(z, torch.zeros((), dtype=z.dtype, device=z.device))
        if order == 0:
            return (value,)
        slope = torch.sigmoid(z)
        return (value, slope) if order == 1 else (value, slope, slope * (1 - slope))


ACTIVATIONS = (SiLU("SiLU"), Tanh("tanh"), Softplus("softplus"))


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


class _Buffers(threading.local):
    """Memory of earlier steps, ready for the next one: fresh pages would cost as much as the arithmetic."""

    most = 2**26

    def __init__(self) -> None:
        self.free: dict[tuple[Any, ...], list[Tensor]] = {}
        self.held = 0

    def take(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """Uninitialised memory of this shape."""
        shelf = self.free.get((tuple(shape), like.dtype, like.device))
        if not shelf:
            return like.new_empty(shape)
        self.held -= shelf[-1].nbytes
        return shelf.pop()

    def give(self, *tensors: Tensor) -> None:
        """Take memory back; nobody else may hold it any more."""
        for tensor in tensors:
            if self.held + tensor.nbytes > self.most:
                self.free.clear()
                self.held = 0
            self.free.setdefault((tuple(tensor.shape), tensor.dtype, tensor.device), []).append(tensor)
            self.held += tensor.nbytes


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
        *hidden, (matrix, bias) = layers.split(parameters)
        m, n = v.shape[-3:-1]
        rows = _features(u, v, frequencies)
        entering, leaving = [rows], []
        for weight, shift in hidden:
            z = _product(rows, weight.mT)
            value = z.narrow(-2, 0, n).add_(shift.unsqueeze(-2))
            value, *slopes = layers.activation.derivatives(value, 2 if m else 1)
            rows = _buffers.take(z.shape, z)
            rows.narrow(-2, 0, n).copy_(value)
            if m:
                torch.mul(_tangents(z, m, n), slopes[0].unsqueeze(-3), out=_tangents(rows, m, n))
            entering.append(rows)
            leaving.append((z, slopes))
        result = rows @ matrix.mT
        result.narrow(-2, 0, n).add_(bias.unsqueeze(-2))
        if head.k != 1.0:
            result.mul_(head.k)
        value, columns = result.narrow(-2, 0, n), _tangents(result, m, n)
        if head.c != 0.0:
            value.add_(u, alpha=head.c)
            columns.add_(v, alpha=head.c)
        if any(ctx.needs_input_grad):
            ctx.save_for_backward(v, frequencies, parameters)
            ctx.layers, ctx.head, ctx.tape = layers, head, (entering, leaving)
        else:
            _buffers.give(*entering, *(z for z, _ in leaving))
        return value, columns

    @staticmethod
    def backward(ctx: Any, g: Tensor, g_tangents: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError("a stacked network can be differentiated once: its Jacobian comes from jet")
        v, frequencies, parameters = ctx.saved_tensors
        (entering, leaving), ctx.tape = ctx.tape, None
        m, n = v.shape[-3:-1]
        layers, gradient = ctx.layers.split(parameters), torch.empty_like(parameters)
        slots = ctx.layers.split(gradient)
        straight = (g, g_tangents)
        g = torch.cat([g, g_tangents.flatten(-3, -2)], dim=-2) if m else g
        if ctx.head.k != 1.0:
            g = g * ctx.head.k
        owned: list[Tensor] = []
        for index in reversed(range(len(layers))):
            # a product is many times slower with its narrow factor on the right
            narrow = index == len(layers) - 1
            slots[index][0].copy_(g.mT @ entering[index] if narrow else (entering[index].mT @ g).mT)
            torch.sum(g.narrow(-2, 0, n), -2, out=slots[index][1])
            if index > 0:
                g = _product(g, layers[index][0])
                _through_activation(g, m, n, *leaving[index - 1])
                owned.append(g)
        at_inputs: tuple[Tensor | None, ...] = (None, None)
        if any(ctx.needs_input_grad[:2]):
            at_inputs = _through_features(g @ layers[0][0], entering[0], v, frequencies)
            if ctx.head.c != 0.0:
                both = zip(at_inputs, straight, strict=True)
                at_inputs = tuple(found.add_(g, alpha=ctx.head.c) for found, g in both)
        _buffers.give(*owned, *entering, *(z for z, _ in leaving))
        return *at_inputs, None, gradient, None, None


def _product(rows: Tensor, matrix: Tensor) -> Tensor:
    """rows @ matrix in recycled memory."""
    out = _buffers.take((*rows.shape[:-1], matrix.shape[-1]), rows)
    return torch.matmul(rows, matrix, out=out)


def _tangents(rows: Tensor, m: int, n: int) -> Tensor:
    """The rows (..., (1 + m) n, f) below the first n, as (..., m, n, f)."""
    return rows.narrow(-2, n, m * n).view(*rows.shape[:-2], m, n, rows.shape[-1])


def _features(u: Tensor, v: Tensor, frequencies: Tensor) -> Tensor:
    """The rows φ(u) = [u, sin uW, cos uW] and ∂φ v = [v, vW cos uW, −vW sin uW], in recycled memory."""
    (d, size), (m, n) = frequencies.shape[-2:], v.shape[-3:-1]
    rows = _buffers.take((*u.shape[:-2], (1 + m) * n, d + 2 * size), u)
    plain, sine, cosine = rows.narrow(-2, 0, n).split_with_sizes([d, size, size], dim=-1)
    plain.copy_(u)
    phase = u @ frequencies
    torch.sin(phase, out=sine)
    torch.cos(phase, out=cosine)
    if m:
        plain, along, against = _tangents(rows, m, n).split_with_sizes([d, size, size], dim=-1)
        plain.copy_(v)
        turn = v @ frequencies.unsqueeze(-3)
        torch.mul(turn, cosine.unsqueeze(-3), out=along)
        torch.mul(turn.neg_(), sine.unsqueeze(-3), out=against)
    return rows


def _through_activation(g: Tensor, m: int, n: int, z: Tensor, slopes: Sequence[Tensor]) -> None:
    """Turn g from [∂h', ∂t'] into [∂z, ∂ż] in place: ∂z = a' ∂h' + a'' Σ ż ∂t',  ∂ż = a' ∂t'."""
    value = g.narrow(-2, 0, n).mul_(slopes[0])
    if m:
        tangents = _tangents(g, m, n)
        (first, *others), (at_first, *at_others) = _tangents(z, m, n).unbind(-3), tangents.unbind(-3)
        bend = first * at_first
        for other, at_other in zip(others, at_others, strict=True):
            bend.addcmul_(other, at_other)
        value.addcmul_(slopes[1], bend)
        tangents.mul_(slopes[0].unsqueeze(-3))


def _through_features(g: Tensor, rows: Tensor, v: Tensor, frequencies: Tensor) -> tuple[Tensor, Tensor]:
    """∂u and ∂v from the gradient at the feature rows."""
    (d, size), (m, n) = frequencies.shape[-2:], v.shape[-3:-1]
    _, sine, cosine = rows.narrow(-2, 0, n).split_with_sizes([d, size, size], dim=-1)
    back = frequencies.mT
    plain, at_sine, at_cosine = g.narrow(-2, 0, n).split_with_sizes([d, size, size], dim=-1)
    phase = at_sine * cosine - at_cosine * sine
    sine, cosine, up = sine.unsqueeze(-3), cosine.unsqueeze(-3), back.unsqueeze(-3)
    straight, at_sine, at_cosine = _tangents(g, m, n).split_with_sizes([d, size, size], dim=-1)
    turn = v @ frequencies.unsqueeze(-3)
    phase = phase - ((at_sine * sine + at_cosine * cosine) * turn).sum(-3)
    return plain + phase @ back, straight + (at_sine * cosine - at_cosine * sine) @ up
