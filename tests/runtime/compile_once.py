"""Compiles a small function in a process of its own and prints what came of it."""

import json
import logging
import sys

import torch

from gmviz.runtime.compiling import compiled


def wave(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """A sum of waves."""
    return torch.nn.functional.silu(x @ w).sin().sum(-1)


def main() -> None:
    """One line of JSON: the largest differences, the log lines, hits and misses of the compiler's cache."""
    torch.set_num_threads(1)
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("gmviz").addHandler(handler)
    generator = torch.Generator().manual_seed(0)
    x, w = torch.randn(64, 8, generator=generator), torch.randn(8, 8, generator=generator)
    fast, other = compiled(wave, x.device), compiled(torch.sin, x.device)
    values = [fast(x, w), fast(x, w)]
    if lines:
        other(x)
    from torch._dynamo.utils import counters

    found = {
        "apart": [(value - wave(x, w)).abs().max().item() for value in values],
        "lines": lines,
        "hit": counters["inductor"]["fxgraph_cache_hit"],
        "miss": counters["inductor"]["fxgraph_cache_miss"],
        "wrapped": fast is not wave,
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
