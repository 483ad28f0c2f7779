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
    rows = [(across + row).min(-1) for row in up]
    return torch.stack([row.values for row in rows]), torch.stack([row.indices for row in rows])
