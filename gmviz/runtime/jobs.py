"""Long work in worker processes: one visible queue, progress, partial results, stop, and what a crash leaves.

A job is a generator function, named by its import path, and plain data for it. It yields `Report`s and
returns its result:

    def fit(payload: dict[str, str]) -> Iterator[Report]:
        request = decode(Request, payload)
        for step in ...:
            yield Report(step, steps, partial)
        return result

A page asks for it under a key that says everything the result depends on, and asks again in every rerun:

    job = jobs.submit(key, "gmviz.experiments.objectives:fit", payload, visitor)   # when Fit is pressed
    job = jobs.find(key, visitor)                # None: never asked for, or forgotten
    job.beat()                                   # this visitor still looks; 30 s without it and the job stops
    job.now                                      # one consistent view of all that follows
    job.state, job.place, job.progress           # place 1 is next in line, 0 is not waiting
    job.partial, job.result, job.error
    job.stop()                                   # keeps the partial

Visitors with one key share one job. To stop is to leave it: it goes on for the others, and stops when the
last one has left or is gone.
"""

from typing import Any

from gmviz.runtime.runner import Job, Runner
from gmviz.runtime.snapshot import Progress, Snapshot
from gmviz.runtime.wire import Report, State

__all__ = ["Job", "Progress", "Report", "Runner", "Snapshot", "State", "find", "start", "submit"]

SHARED = Runner()  # the one that all pages of a server share; nothing starts before the first job


def start() -> None:
    """`Runner.start` of the shared runner, for a server that warms up."""
    SHARED.start()


def submit(key: str, function: str, payload: Any, visitor: str = "") -> Job:
    """`Runner.submit` of the shared runner."""
    return SHARED.submit(key, function, payload, visitor)


def find(key: str, visitor: str = "") -> Job | None:
    """`Runner.find` of the shared runner."""
    return SHARED.find(key, visitor)
