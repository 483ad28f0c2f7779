"""Maps of the plane with several outputs: how noise on the input shows in the output.

For f: R^d → R^m and e ~ N(0, ε²I), tr Cov f(x+e)/E‖e‖² → ΣJ_ij²/d as ε → 0: the squared Frobenius norm of the
Jacobian over d, at every ε only if f is affine.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.quadrature import gauss_hermite

HERMITE = 40  # nodes per axis


@dataclass(frozen=True)
class PlaneMap:
    """x → A x, through tanh in each coordinate if `bent`."""

    name: str
    label: str
    matrix: tuple[tuple[float, float], tuple[float, float]]
    bent: bool

    def __call__(self, x: Float[Tensor, "... 2"]) -> Float[Tensor, "... 2"]:
        y = x @ torch.tensor(self.matrix, dtype=x.dtype).mT
        return y.tanh() if self.bent else y

    def jacobian(self, x: Float[Tensor, "2"]) -> Float[Tensor, "2 2"]:
        """J_ij = ∂f_i/∂x_j."""
        A = torch.tensor(self.matrix, dtype=x.dtype)
        return (1 - (A @ x).tanh().square())[:, None] * A if self.bent else A

    def response(self, x: Float[Tensor, "2"], epsilon: float) -> Float[Tensor, ""]:
        """tr Cov f(x+e)/E‖e‖² by Gauss-Hermite, ε > 0."""
        require(epsilon > 0, "epsilon", "a positive length", epsilon)
        z, w = gauss_hermite(HERMITE, 2)
        values = self(x + epsilon * z)
        return (values - w @ values).square().sum(-1) @ w / (2 * epsilon**2)


LINEAR = PlaneMap("linear", "Linear", ((1.2, 0.6), (-0.4, 0.9)), bent=False)
TANH = PlaneMap("tanh", "tanh", ((1.2, 0.6), (-0.4, 0.9)), bent=True)
