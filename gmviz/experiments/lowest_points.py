"""The lowest points of all six landscapes over one family."""

import math
from dataclasses import dataclass, replace

from gmviz.experiments.landscapes import BALL, HEIGHTS, NODES, Height, Request, lowest_node
from gmviz.landscapes import Landscape, height_map


@dataclass(frozen=True)
class Fit:
    """One row of the table of all six: the lowest point, what is read there, the Hessian's eigenvalues."""

    kind: Height
    theta: tuple[float, float]
    height: float
    eigenvalues: tuple[float, float]

    @property
    def condition(self) -> float:
        """The ratio of the eigenvalues; ∞ where the smaller one is not positive."""
        soft, stiff = self.eigenvalues
        return stiff / soft if soft > 0 else math.inf


def fits(request: Request) -> tuple[Fit, ...]:
    """The lowest points of all six maps at the request's noise (its `noise`, also where σ is swept)."""
    still = replace(request, moves=BALL, evaluations=20)
    family = still.family.family(still)
    rows = []
    for kind in HEIGHTS:
        landscape = Landscape.of(family, still.target, kind.divergence, still.sigmas)
        drawn = height_map(family, still.target, kind.divergence, still.sigmas, NODES)
        theta = landscape.lowest(lowest_node(family, drawn))
        soft, stiff = landscape.condition(theta)[0][0].tolist()
        x, y = theta[0].tolist()
        rows.append(Fit(kind, (x, y), float(landscape.heights(theta[:, None])), (soft, stiff)))
    return tuple(rows)
