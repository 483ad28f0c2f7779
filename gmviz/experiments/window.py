"""The part of the plane that a page draws: a box of one aspect around the densities, and its nodes."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.densities import Density

ROWS, COLUMNS = 73, 97
REACH = 3.2  # standard deviations shown around every centre


@dataclass(frozen=True, eq=False)
class Window:
    """An extent (x0, x1, y0, y1) with ys (H,) × xs (W,) nodes spread evenly over it, both ends included."""

    extent: tuple[float, float, float, float]

    @staticmethod
    def around(
        *densities: Density, reach: float = REACH, points: Float[Tensor, "n 2"] | None = None
    ) -> "Window":
        """The smallest box of the nodes' aspect that shows every centre ± `reach` sd, and the `points`."""
        boxes = [density.bounds(reach) for density in densities]
        if points is not None:
            boxes.append(torch.stack([points.amin(0) - 0.5, points.amax(0) + 0.5], dim=-1))
        edges = torch.stack(boxes)
        low, high = edges[..., 0].amin(0).tolist(), edges[..., 1].amax(0).tolist()
        aspect = (COLUMNS - 1) / (ROWS - 1)
        half = max(high[1] - low[1], (high[0] - low[0]) / aspect) / 2
        x, y = (low[0] + high[0]) / 2, (low[1] + high[1]) / 2
        return Window((x - half * aspect, x + half * aspect, y - half, y + half))

    @property
    def xs(self) -> Float[Tensor, "W"]:
        """The nodes' x, from left to right."""
        return torch.linspace(self.extent[0], self.extent[1], COLUMNS, dtype=torch.float64)

    @property
    def ys(self) -> Float[Tensor, "H"]:
        """The nodes' y, upwards."""
        return torch.linspace(self.extent[2], self.extent[3], ROWS, dtype=torch.float64)

    @property
    def nodes(self) -> Float[Tensor, "n 2"]:
        """All nodes, row by row."""
        return torch.stack(torch.meshgrid(self.xs, self.ys, indexing="xy"), dim=-1).flatten(0, 1)

    @staticmethod
    def map(values: Float[Tensor, "... n"]) -> Float[Tensor, "... H W"]:
        """Values at the nodes as maps."""
        return values.unflatten(-1, (ROWS, COLUMNS))
