"""Random Fourier features (Rahimi & Recht 2007), their tangents, and the first layer that acts on them.

φ(u) = [u, sin uW, cos uW] and ∂φ v = [v, vW cos uW, −vW sin uW]. Directions v (..., m, n, d) make m more
rows; directions that are the same for all points, (..., m, 1, d), make none: with A = [A_u, A_s, A_c] acting
on φ, A ∂φ v = A_u v + [0, −A_c vW, A_s vW] φ, another matrix on the rows that are there already.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from gmviz.rows import buffers, product, tangents


def shared(v: Tensor, n: int) -> bool:
    """Whether there are directions, the same for all of the n points."""
    return v.shape[-3] > 0 and v.shape[-2] == 1 < n


def features(u: Tensor, v: Tensor, frequencies: Tensor) -> Tensor:
    """φ(u) above ∂φ v; φ(u) alone for shared directions. In recycled memory."""
    (d, size), (m, n) = frequencies.shape[-2:], (v.shape[-3], u.shape[-2])
    m = 0 if shared(v, n) else m
    rows = buffers.take((*u.shape[:-2], (1 + m) * n, d + 2 * size), u)
    plain, sine, cosine = rows.narrow(-2, 0, n).split_with_sizes([d, size, size], dim=-1)
    plain.copy_(u)
    phase = u @ frequencies
    torch.sin(phase, out=sine)
    torch.cos(phase, out=cosine)
    if m:
        plain, along, against = tangents(rows, m, n).split_with_sizes([d, size, size], dim=-1)
        plain.copy_(v)
        turn = v @ frequencies.unsqueeze(-3)
        torch.mul(turn, cosine.unsqueeze(-3), out=along)
        torch.mul(turn.neg_(), sine.unsqueeze(-3), out=against)
    return rows


def first_layer(rows: Tensor, v: Tensor, frequencies: Tensor, matrix: Tensor) -> Tensor:
    """A φ above A ∂φ v, in recycled memory."""
    n, m = rows.shape[-2], v.shape[-3]
    if not shared(v, n):
        return product(rows, matrix.mT)
    z = buffers.take((*rows.shape[:-2], (1 + m) * n, matrix.shape[-2]), rows)
    torch.matmul(rows, matrix.mT, out=z.narrow(-2, 0, n))
    d, size = frequencies.shape[-2:]
    straight, at_sine, at_cosine = matrix.split_with_sizes([d, size, size], dim=-1)
    for index, along, turn in _each(v, frequencies):
        turned = torch.cat([torch.zeros_like(straight), -at_cosine * turn, at_sine * turn], dim=-1)
        block = torch.matmul(rows, turned.mT, out=z.narrow(-2, (1 + index) * n, n))
        block.add_(along @ straight.mT)
    return z


def first_layer_gradient(g: Tensor, rows: Tensor, v: Tensor, frequencies: Tensor) -> Tensor:
    """∂A (..., outputs, features) from the gradient at both kinds of rows that `first_layer` gives."""
    n = rows.shape[-2]
    if not shared(v, n):
        return (rows.mT @ g).mT
    d, size = frequencies.shape[-2:]
    total = (rows.mT @ g.narrow(-2, 0, n)).mT
    straight, at_sine, at_cosine = total.split_with_sizes([d, size, size], dim=-1)
    for index, along, turn in _each(v, frequencies):
        part = g.narrow(-2, (1 + index) * n, n)
        _, sine, cosine = (rows.mT @ part).mT.split_with_sizes([d, size, size], dim=-1)
        straight.add_(part.sum(-2).unsqueeze(-1) * along)
        at_sine.addcmul_(cosine, turn)
        at_cosine.addcmul_(sine, turn, value=-1)
    return total


def _each(v: Tensor, frequencies: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Of every shared direction the index, v (..., 1, d) and vW (..., 1, F)."""
    turns = v @ frequencies.unsqueeze(-3)
    yield from zip(range(v.shape[-3]), v.unbind(-3), turns.unbind(-3), strict=True)


def through_features(g: Tensor, rows: Tensor, v: Tensor, frequencies: Tensor) -> tuple[Tensor, Tensor]:
    """∂u and ∂v from the gradient at the rows of φ and ∂φ v, and the rows that `features` gave."""
    (d, size), (m, n) = frequencies.shape[-2:], (v.shape[-3], g.shape[-2] // (1 + v.shape[-3]))
    _, sine, cosine = rows.narrow(-2, 0, n).split_with_sizes([d, size, size], dim=-1)
    back = frequencies.mT
    plain, at_sine, at_cosine = g.narrow(-2, 0, n).split_with_sizes([d, size, size], dim=-1)
    phase = at_sine * cosine - at_cosine * sine
    sine, cosine, up = sine.unsqueeze(-3), cosine.unsqueeze(-3), back.unsqueeze(-3)
    straight, at_sine, at_cosine = tangents(g, m, n).split_with_sizes([d, size, size], dim=-1)
    turn = v @ frequencies.unsqueeze(-3)
    phase = phase - ((at_sine * sine + at_cosine * cosine) * turn).sum(-3)
    at_v = straight + (at_sine * cosine - at_cosine * sine) @ up
    return plain + phase @ back, at_v.sum_to_size(v.shape)
