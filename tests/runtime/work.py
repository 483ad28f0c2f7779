"""Tiny jobs for the tests of the queue; workers import them by their path."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gmviz.runtime.jobs import Report


def squares(payload: dict[str, Any]) -> Iterator[Report]:
    """1, 4, 9, ... up to `n` terms; waits between two of them until the file `gate`, if any, is there."""
    reached = []
    for k in range(1, payload["n"] + 1):
        reached.append(k * k)
        yield Report(k, payload["n"], list(reached))
        while "gate" in payload and not Path(payload["gate"]).exists():
            time.sleep(0.005)
            yield Report(k, payload["n"])
    return reached


def surroundings(payload: list[float]) -> Iterator[Report]:
    """Where a job finds itself, and tensors of the numbers it is given."""
    print("a library that prints")
    import torch

    import __main__

    values = torch.tensor(payload, dtype=torch.float64)
    yield Report(1, 1, values)
    return {
        "threads": torch.get_num_threads(),
        "main": __main__.__file__,
        "pid": os.getpid(),
        "mean": values.mean(),
    }


def refuses(payload: None) -> Iterator[Report]:
    """A value out of range, after one step."""
    yield Report(1, 2, "one step")
    raise ValueError("sigma must be positive, got -1")


def mistaken(payload: None) -> Iterator[Report]:
    """A mistake in the code, after one step."""
    yield Report(1, 2, "one step")
    yield Report(2, None)  # type: ignore[arg-type]


def deaf(payload: None) -> Iterator[Report]:
    """Never listens again after its first step."""
    yield Report(1, 2, "one step")
    time.sleep(600)
    yield Report(2, 2)


def loaded(payload: list[str]) -> Iterator[Report]:
    """Which modules the worker has imported before its first job."""
    yield Report(1, 1)
    return [module in sys.modules for module in payload]
