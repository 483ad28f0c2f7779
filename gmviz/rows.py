"""Stacked rows (..., (1 + m) n, f): n values above m tangents of each, in memory that is used again."""

import threading
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class Buffers(threading.local):
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


buffers = Buffers()


def product(rows: Tensor, matrix: Tensor) -> Tensor:
    """rows @ matrix in recycled memory."""
    out = buffers.take((*rows.shape[:-1], matrix.shape[-1]), rows)
    return torch.matmul(rows, matrix, out=out)


def tangents(rows: Tensor, m: int, n: int) -> Tensor:
    """The rows (..., (1 + m) n, f) below the first n, as (..., m, n, f)."""
    return rows.narrow(-2, n, m * n).view(*rows.shape[:-2], m, n, rows.shape[-1])
