"""Two alternatives measured in turn, so that a busy machine slows both."""

import statistics
import time
from collections.abc import Callable


def alternated(
    slow: Callable[[], object], fast: Callable[[], object], rounds: int = 9
) -> list[tuple[float, float]]:
    """Processor seconds of both in each round; the order changes every round, the first is not counted."""
    pairs = []
    for i in range(rounds + 1):
        taken = {}
        for function in (slow, fast) if i % 2 else (fast, slow):
            start = time.process_time()
            function()
            taken[function] = time.process_time() - start
        pairs.append((taken[slow], taken[fast]))
    return pairs[1:]


def told(what: str, pairs: list[tuple[float, float]]) -> str:
    """The median ratio with its quartiles, and both medians, in a line."""
    low, median, high = statistics.quantiles([slow / fast for slow, fast in pairs], n=4)
    slow, fast = (1e3 * statistics.median(column) for column in zip(*pairs, strict=True))
    return f"{what}: {median:.1f}× ({low:.1f} to {high:.1f}); {slow:.0f} ms, {fast:.1f} ms"
