"""A score looked up instead of computed: for a long chain at one noise level in the plane.

A network costs the same at every step of a chain, though it is always the same field. Its values at nodes²
points of a grid, interpolated linearly in each coordinate, cost as much as nodes²/particles steps.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import grid_sample

from gmviz.checks import require
from gmviz.score_models import ScoreModel

BLOCK = 16384  # points per call of the model while the table is filled
FIRST, MOST = 257, 2049  # nodes along each side


@dataclass(frozen=True, eq=False)
class ScoreTable(ScoreModel):
    """The score of `model` at (α, σ), bilinear between nodes (2, rows, columns) that fill `extent` (2, 2).

    `extent` holds the ends of each axis, lengths. Points outside and other noise levels ask the model itself.
    `error` is the root mean square of the error at the centres of the cells over that of the score there.
    """

    model: ScoreModel
    alpha: float
    sigma: float
    extent: Float[Tensor, "2 2"]
    values: Float[Tensor, "2 rows columns"]
    error: float

    @property
    def dimension(self) -> int:
        return 2

    def score(self, x: Float[Tensor, "n d"], alpha: float, sigma: float) -> Float[Tensor, "n d"]:
        if (alpha, sigma) != (self.alpha, self.sigma):
            return self.model.score(x, alpha, sigma)
        offset, slope = self._to_place
        place = torch.addcmul(offset, x.to(offset), slope)
        score = _between(self.values, place).to(x)
        # One comparison for all points is much cheaper than one for each.
        if not place.abs().max().item() <= 1:
            outside = ~(place.abs() <= 1).all(-1)
            score[outside] = self.model.score(x[outside], alpha, sigma)
        return score

    @cached_property
    def _to_place(self) -> tuple[Tensor, Tensor]:
        """Offset and slope of the map from the extent to −1 … 1."""
        low, high = self.extent.unbind(-1)
        return ((low + high) / (low - high)).to(self.values), (2 / (high - low)).to(self.values)

    @staticmethod
    def of(
        model: ScoreModel,
        alpha: float,
        sigma: float,
        extent: Float[Tensor, "2 2"],
        tolerance: float = 1e-4,
    ) -> "ScoreTable":
        """A table, of 257² nodes or more, whose `error` is at most `tolerance`.

        Raises `ValueError` if the model is not in the plane, the extent empty, or 2049² nodes too few.
        """
        table = _refined(model, alpha, sigma, extent, tolerance, most=MOST)
        if table is None:
            raise ValueError(f"tolerance must be one that {MOST}² nodes reach, got {tolerance:g}")
        return table


def tabulated(
    model: ScoreModel, alpha: float, sigma: float, extent: Float[Tensor, "2 2"], evaluations: int
) -> ScoreModel:
    """A table where `evaluations` (particles · steps) pay for its nodes and their check, else the model."""
    most = int((evaluations / 2) ** 0.5)
    return _refined(model, alpha, sigma, extent, 1e-4, most=min(most, MOST)) or model


def _refined(
    model: ScoreModel, alpha: float, sigma: float, extent: Tensor, tolerance: float, most: int
) -> ScoreTable | None:
    """Tables of ever more nodes until one is good enough; None if that takes more than `most` a side."""
    require(model.dimension == 2, "model", "one in the plane", f"dimension {model.dimension}")
    wide = bool(extent.isfinite().all()) and bool((extent[:, 0] < extent[:, 1]).all())
    require(wide, "extent", "finite and not empty", extent.tolist())
    nodes = FIRST
    while nodes <= most:
        values = _filled(model, alpha, sigma, _axes(extent, nodes))
        x, y = ((axis[1:] + axis[:-1]) / 2 for axis in _axes(extent, nodes))
        exact = _filled(model, alpha, sigma, (x, y))
        middle = (values[:, 1:] + values[:, :-1]) / 2
        wrong = (middle[..., 1:] + middle[..., :-1]) / 2 - exact
        error = (wrong.square().mean() / exact.square().mean()).sqrt().item()
        if error <= tolerance:
            return ScoreTable(model, alpha, sigma, extent, values, error)
        # The error falls with the square of the spacing; jump to where it should be small enough.
        nodes = max(int(1.1 * nodes), int(1.05 * nodes * (error / tolerance) ** 0.5))
    return None


def _axes(extent: Tensor, nodes: int) -> tuple[Tensor, Tensor]:
    """The nodes' coordinates x (columns) and y (rows)."""
    share = torch.linspace(0, 1, nodes, dtype=extent.dtype)
    x, y = (low + share * (high - low) for low, high in extent)
    return x, y


def _filled(model: ScoreModel, alpha: float, sigma: float, axes: tuple[Tensor, Tensor]) -> Tensor:
    """The score (2, rows, columns) at the product of the axes."""
    x, y = axes
    points = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).flatten(0, 1)
    with torch.no_grad():
        scores = torch.cat([model.score(block, alpha, sigma) for block in points.split(BLOCK)])
    return scores.mT.reshape(2, len(y), len(x)).contiguous()


def _between(values: Tensor, place: Tensor) -> Tensor:
    """Bilinear interpolation (n, 2) at places (n, 2) in −1 … 1."""
    found = grid_sample(
        values[None], place[None, None], mode="bilinear", padding_mode="border", align_corners=True
    )
    return found[0, :, 0].mT.contiguous()
