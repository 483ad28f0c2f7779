"""A sweep of 41 separations in one batched call against a Python loop over the values.

Both measure the full set of divergences of two far modes in the plane on the same nodes, from the pair's
construction to the numbers; rounds alternate, so that a busy machine slows both.
Run: python -m benchmarks.sweep
"""

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from gmviz.divergences import DIVERGENCES, measure
from gmviz.pairs import far_modes
from gmviz.quadrature import Grid

SEPARATIONS = torch.linspace(2, 10, 41, dtype=torch.float64)
ROUNDS = 15


def at_once(grid: Grid) -> list[Tensor]:
    """All values of each divergence (T, ...) from one call."""
    pair = far_modes(SEPARATIONS, dimension=2)
    return [estimate.value for estimate in measure(pair.p, pair.q, DIVERGENCES, grid)]


def one_by_one(grid: Grid) -> list[Tensor]:
    """The same from one call per value."""
    pairs = [far_modes(D, dimension=2) for D in SEPARATIONS.tolist()]
    rows = [measure(pair.p, pair.q, DIVERGENCES, grid) for pair in pairs]
    return [torch.stack([estimate.value for estimate in column]) for column in zip(*rows, strict=True)]


def seconds(function: Callable[[Grid], list[Tensor]], grid: Grid) -> float:
    """Processor time of one call."""
    start = time.process_time()
    function(grid)
    return time.process_time() - start


def compare(name: str, grid: Grid) -> None:
    """Print the ratio loop/batch with its quartiles, and both medians."""
    for together, alone in zip(at_once(grid), one_by_one(grid), strict=True):
        torch.testing.assert_close(together, alone, rtol=1e-9, atol=1e-12)
    rounds = [(seconds(at_once, grid), seconds(one_by_one, grid)) for _ in range(ROUNDS)]
    low, median, high = statistics.quantiles([loop / batch for batch, loop in rounds], n=4)
    batch, loop = (1e3 * statistics.median(each) for each in zip(*rounds, strict=True))
    print(
        f"{name}, {len(grid.nodes):,} nodes: loop/batch {median:.2f} (quartiles {low:.2f} to {high:.2f}); "
        f"batch {batch:.0f} ms, loop {loop:.0f} ms"
    )


def main() -> None:
    """Compare on the pair's own grid, and on the coarsest the rule h ≤ sd/3 allows, within 6 sd."""
    torch.set_num_threads(1)
    pair = far_modes(SEPARATIONS, dimension=2)
    print(f"{len(SEPARATIONS)} values, {len(DIVERGENCES)} divergences, {ROUNDS} rounds, one thread")
    compare("own grid", Grid.covering(pair.p, pair.q))
    compare("coarse grid", Grid.covering(pair.p, pair.q, step=1 / 3, reach=6.0))


if __name__ == "__main__":
    main()
