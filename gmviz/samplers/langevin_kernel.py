"""Unadjusted Langevin on the line without any sampling: its transition kernel on a grid of points."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.densities import Density


@dataclass(frozen=True)
class LangevinKernel:
    """ρ'(x') = ∫ N(x'; x + h s(x), 2h) ρ(x) dx on equidistant nodes: T (m, m), whose columns sum to 1.

    Laws are probabilities of the nodes (m,). What would leave the box is spread over what stays inside.
    """

    nodes: Float[Tensor, "m"]
    matrix: Float[Tensor, "m m"]

    @staticmethod
    def of(density: Density, step_size: float, spacing: float = 0.02, reach: float = 6.0) -> "LangevinKernel":
        """The kernel of step h for a density on the line, over its centres ± `reach` standard deviations.

        Raises `ValueError` unless the spacing resolves the kernel, spacing ≤ √(2h).
        """
        require(density.dimension == 1, "density", "on the line, d = 1", f"d = {density.dimension}")
        require(step_size > 0, "step_size", "positive", step_size)
        require(0 < spacing <= (2 * step_size) ** 0.5, "spacing", "positive and at most √(2h)", spacing)
        low, high = density.bounds(reach)[0].tolist()
        nodes = torch.arange(low, high + spacing / 2, spacing, dtype=torch.float64)
        mean = nodes + step_size * density.score(nodes[:, None])[:, 0]
        # The trapezoid rule on a smooth kernel: its error is far below rounding at spacing = √(2h)/10.
        exponent = -(nodes[:, None] - mean).square() / (4 * step_size)
        return LangevinKernel(nodes, exponent.softmax(0))

    def law_of(self, density: Density) -> Float[Tensor, "m"]:
        """A density as probabilities of the nodes."""
        p = density.log_prob(self.nodes[:, None]).exp()
        return p / p.sum()

    def after(self, law: Float[Tensor, "m"], steps: int) -> Float[Tensor, "m"]:
        """The law after some steps, Tⁿρ, by repeated squaring."""
        require(steps >= 0, "steps", "at least 0", steps)
        power = self.matrix
        while steps:
            if steps & 1:
                law = power @ law
            steps >>= 1
            power = power @ power if steps else power
        return law

    def relaxation_time(self) -> float:
        """Steps in which what is left of the slowest error falls by e: −1/log|λ₂|."""
        size = torch.linalg.eigvals(self.matrix).abs().sort(descending=True).values
        return -1 / size[1].log().item()

    def kl(self, law: Float[Tensor, "m"], density: Density) -> float:
        """KL(ρ|p) in nats, both as probabilities of the nodes."""
        p = self.law_of(density)
        return torch.special.xlogy(law, law / p.clamp(min=torch.finfo(p.dtype).tiny)).sum().item()
