"""What is known of a job at one moment, and its speed."""

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

from gmviz.runtime.wire import Reached, State

RECENT = 20  # reports over which the speed is measured


@dataclass(frozen=True)
class Progress:
    """`done` of `total` steps in `seconds`; the speed in steps/s and the seconds left, None while unknown."""

    done: int = 0
    total: int = 0
    seconds: float = 0.0
    rate: float | None = None
    left: float | None = None


@dataclass(frozen=True)
class Snapshot:
    """What is known of a job at one moment. `error` is a sentence for the visitor."""

    state: State = State.WAITING
    progress: Progress = field(default_factory=Progress)
    partial: Any = None
    result: Any = None
    error: str = ""


class Pace:
    """Turns reports into progress; the speed is that of the last reports, as stages of a job differ."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, int]] = deque(maxlen=RECENT)

    def after(self, now: Snapshot, reached: Reached) -> Snapshot:
        """The snapshot that follows `now`: a report without a partial leaves the last one in its place."""
        report, seconds = reached.report, reached.seconds
        self._recent.append((seconds, report.done))
        then, before = self._recent[0]
        steps, time = report.done - before, seconds - then
        rate = steps / time if steps > 0 and time > 0 else None
        left = (report.total - report.done) / rate if rate else None
        progress = Progress(report.done, report.total, seconds, rate, left)
        return replace(
            now, progress=progress, partial=now.partial if report.partial is None else report.partial
        )
