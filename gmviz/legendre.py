"""A smooth function of one variable from its values at Gauss-Legendre nodes: between them, and its area."""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require


@dataclass(frozen=True, eq=False)
class LegendreSeries:
    """The polynomial of degree n − 1 through n values at the Gauss-Legendre nodes of [low, high].

    It converges as fast as the rule itself; so does its integral from `low` to any x, not only to `high`.
    """

    values: Float[Tensor, "n"]
    low: float
    high: float

    def __post_init__(self) -> None:
        require(self.low < self.high, "low", f"below high = {self.high:g}", self.low)
        require(bool(self.values.isfinite().all()), "values", "finite", self.values.tolist())

    @staticmethod
    def nodes(n: int, low: float, high: float) -> Float[Tensor, "n"]:
        """Where the function is to be evaluated."""
        return low + (high - low) / 2 * (1 + torch.from_numpy(_rule(n)[0]))

    @cached_property
    def _series(self) -> np.polynomial.legendre.Legendre:
        _, to_coefficients = _rule(len(self.values))
        coefficients = self.values.double().numpy() @ to_coefficients
        return np.polynomial.legendre.Legendre(coefficients, domain=[self.low, self.high])

    def __call__(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The value at x in [low, high]; `ValueError` outside."""
        return torch.as_tensor(self._series(self._inside(x).numpy()))

    def integral(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """∫ from low to x, for x in [low, high]; `ValueError` outside."""
        return torch.as_tensor(self._series.integ(lbnd=self.low)(self._inside(x).numpy()))

    def _inside(self, x: Tensor) -> Tensor:
        slack = 1e-9 * (self.high - self.low)
        inside = bool(((x >= self.low - slack) & (x <= self.high + slack)).all())
        require(inside, "x", f"in [{self.low:g}, {self.high:g}]", (x.min().item(), x.max().item()))
        return x.double().clamp(self.low, self.high)


@cache
def _rule(n: int) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n n"]]:
    """The nodes on [−1, 1], and the matrix from values to coefficients c_j = (2j + 1)/2 ∫ f P_j."""
    x, w = np.polynomial.legendre.leggauss(n)
    return x, w[:, None] * np.polynomial.legendre.legvander(x, n - 1) * (np.arange(n) + 0.5)
