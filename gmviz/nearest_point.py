"""The nearest of some points for every node of a tensor grid: the Voronoi picture."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def nearest_point(
    points: Float[Tensor, "n 2"], xs: Float[Tensor, "W"], ys: Float[Tensor, "H"]
) -> tuple[Float[Tensor, "H W"], Int[Tensor, "H W"]]:
    """The squared distance to the nearest point, and its index (the lowest among equals)."""
    across = (xs[:, None] - points[:, 0]).square()
    up = (ys[:, None] - points[:, 1]).square()
    squared = across.new_empty(len(up), len(across))
    index = torch.empty(squared.shape, dtype=torch.long)
    apart = torch.empty_like(across)  # one for all rows: a new one per row would scatter the heap
    for row, *found in zip(up, squared, index, strict=True):
        torch.min(torch.add(across, row, out=apart), dim=-1, out=tuple(found))
    return squared, index
