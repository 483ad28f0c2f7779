"""The map of the local variance: one evaluation and a blur, against 64 noise draws at every node.

Both give Var f(x+e)/E‖e‖² of f = log p/q on 73 × 97 nodes; truth is a Gauss-Hermite sum at every 16th node.
The blur evaluates f once for all ε, which is what the page needs: the last line.
"""

import math

import torch

from benchmarks._timing import alternated, told
from gmviz.experiments.window import Window
from gmviz.local_variance import response
from gmviz.pairs import P2, Q2
from gmviz.variance_map import variance_map

EPSILON = 0.2
DRAWS = 64
STEP = 0.05


def main() -> None:
    """Print the ratio of CPU times and both errors."""
    torch.set_num_threads(1)
    window = Window.around(P2, Q2)
    generator = torch.Generator().manual_seed(0)
    exact = response(P2, Q2, window.nodes[::16], EPSILON, nodes=60).local_variance

    def draws() -> torch.Tensor:
        z = torch.randn(DRAWS, len(window.nodes), 2, dtype=torch.float64, generator=generator)
        x = (window.nodes + EPSILON * z).flatten(0, 1)
        f = (P2.log_prob(x) - Q2.log_prob(x)).unflatten(0, (DRAWS, -1))
        return f.var(0) / (2 * EPSILON**2)

    def blur() -> torch.Tensor:
        one = torch.tensor([EPSILON], dtype=torch.float64)
        return variance_map(P2, Q2, window.xs, window.ys, one, STEP).local_variance[0].flatten()

    def error(values: torch.Tensor) -> float:
        return float(((values[::16] - exact) / exact).abs().median())

    print(told(f"{DRAWS} draws per node / blur, one ε", alternated(draws, blur)))
    print(f"median relative error: {error(draws()):.1%} with draws, {error(blur()):.1e} with the blur")
    epsilons = torch.logspace(math.log10(0.5), math.log10(STEP), 41, dtype=torch.float64)

    def all_draws() -> None:
        for _ in epsilons:
            draws()

    def all_blurs() -> None:
        variance_map(P2, Q2, window.xs, window.ys, epsilons, STEP)

    print(told("the same for 41 values of ε", alternated(all_draws, all_blurs, rounds=3)))
