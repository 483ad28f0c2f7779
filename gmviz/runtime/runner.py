"""One queue before the worker processes: who waits, who shares, who is gone, and what a crash leaves."""

import itertools
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from gmviz.checks import require
from gmviz.runtime import wire
from gmviz.runtime.process import Hand, Process
from gmviz.runtime.snapshot import Pace, Progress, Snapshot
from gmviz.runtime.wire import Ended, Reached, State, stop_order, work_order

KEPT = 16  # finished jobs that are remembered
TICK = 0.2  # seconds between two looks at heartbeats

log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Work:
    """The one computation that visitors of a key share; the runner's lock guards it."""

    key: str
    number: int
    task: str
    now: Snapshot = field(default_factory=Snapshot)
    pace: Pace = field(default_factory=Pace)
    visitors: dict[str, float] = field(default_factory=dict)  # when each was last there
    left: dict[str, Snapshot] = field(default_factory=dict)  # what those saw who stopped it for themselves
    process: Process | None = None
    stopping: float | None = None  # since when

    @property
    def shareable(self) -> bool:
        """Whether one who asks for the key now gets this work."""
        return self.now.state is State.DONE or (self.now.state.active and self.stopping is None)


@dataclass(frozen=True)
class Job:
    """One visitor's hold on the work of a key."""

    _runner: "Runner"
    _work: _Work
    visitor: str

    @property
    def key(self) -> str:
        """What the job was asked for under."""
        return self._work.key

    @property
    def now(self) -> Snapshot:
        """State, progress, partial, result and error, all of the same moment."""
        return self._work.left.get(self.visitor) or self._work.now

    @property
    def state(self) -> State:
        """Waiting, running, done, stopped or failed."""
        return self.now.state

    @property
    def progress(self) -> Progress:
        """Steps done, speed and time left."""
        return self.now.progress

    @property
    def partial(self) -> Any:
        """What is reached so far; it stays after a stop or a failure."""
        return self.now.partial

    @property
    def result(self) -> Any:
        """What the job returned; None until it is done."""
        return self.now.result

    @property
    def error(self) -> str:
        """Why the job failed, in words; empty unless it did."""
        return self.now.error

    @property
    def place(self) -> int:
        """Place in the queue: 1 is next, 0 is not waiting."""
        return self._runner.place(self._work) if self.state is State.WAITING else 0

    def beat(self) -> None:
        """Say that this visitor is still there."""
        self._runner.beat(self._work, self.visitor)

    def stop(self) -> None:
        """Leave the job; without other visitors it stops and keeps its partial."""
        self._runner.leave(self._work, self.visitor)

    def wait(self, holds: Callable[[Snapshot], bool] | None = None, timeout: float = 60.0) -> Snapshot:
        """The first snapshot for which `holds` (by default: no longer active), or the one at the timeout."""
        return self._runner.wait(self, holds or (lambda now: not now.state.active), timeout)


class Runner:
    """Worker processes behind one queue, first come first served. `close` ends them.

    A job whose visitors have been gone for `patience` seconds stops. A job told to stop that has not ended
    after `grace` seconds is ended with its process. Workers import the modules `preload` when they start.
    Threads may call everything here at any time.
    """

    def __init__(
        self,
        workers: int = 2,
        patience: float = 30.0,
        grace: float = 5.0,
        preload: Sequence[str] = ("gmviz.fitting",),
    ) -> None:
        require(workers >= 1, "workers", "at least 1", workers)
        self.patience, self.grace = patience, grace
        self._change = threading.Condition()
        self._works: OrderedDict[str, _Work] = OrderedDict()
        self._line: list[_Work] = []
        self._running: list[_Work] = []
        self._hands = [Hand(preload) for _ in range(workers)]
        self._numbers = itertools.count(1)
        self._open, self._threads = True, False

    def start(self) -> None:
        """Start the worker processes now and not at the first job, which then need not wait for them."""
        with self._change:
            require(self._open, "runner", "open", "a closed one")
            if not self._threads:
                self._threads = True
                for hand in self._hands:
                    threading.Thread(target=self._serve, args=(hand,), daemon=True).start()
                threading.Thread(target=self._watch, daemon=True).start()

    def submit(self, key: str, function: str, payload: Any, visitor: str = "") -> Job:
        """The job of this key: one that waits, runs or is done, otherwise a new one at the end of the queue.

        function: `"module:name"` of a generator function. payload: None, numbers, strings, lists and
        dictionaries with string keys; `TypeError` for anything else. `ValueError` for a key that stands for
        other work.
        """
        task = wire.task(function, payload)
        self.start()
        with self._change:
            work = self._works.get(key)
            if work is None or not work.shareable:
                work = self._works[key] = _Work(key, next(self._numbers), task)
                self._works.move_to_end(key)
                self._line.append(work)
                self._forget()
            require(work.task == task, "key", "a name of one function with one payload", key)
            work.left.pop(visitor, None)
            work.visitors[visitor] = time.monotonic()
            self._change.notify_all()
            return Job(self, work, visitor)

    def find(self, key: str, visitor: str = "") -> Job | None:
        """The job of this key, in whatever state; None when there is none or it is forgotten."""
        with self._change:
            work = self._works.get(key)
            return None if work is None else Job(self, work, visitor)

    def place(self, work: _Work) -> int:
        """Place in the queue: 1 is next, 0 is not waiting."""
        with self._change:
            return self._line.index(work) + 1 if work in self._line else 0

    def beat(self, work: _Work, visitor: str) -> None:
        """The visitor is there, unless it has left."""
        with self._change:
            if work.now.state.active and visitor not in work.left:
                work.visitors[visitor] = time.monotonic()

    def leave(self, work: _Work, visitor: str) -> None:
        """The visitor has seen enough; without others the work stops."""
        with self._change:
            work.visitors.pop(visitor, None)
            if work.visitors and work.now.state.active:
                work.left[visitor] = replace(work.now, state=State.STOPPED)
                self._change.notify_all()
            else:
                self._stop(work)

    def wait(self, job: Job, holds: Callable[[Snapshot], bool], timeout: float) -> Snapshot:
        """The first snapshot of the job for which `holds`, or the one at the timeout."""
        with self._change:
            self._change.wait_for(lambda: holds(job.now), timeout)
            return job.now

    def close(self) -> None:
        """End all workers at once; unfinished jobs end as stopped."""
        with self._change:
            self._open = False
            for work in [*self._line, *self._running]:
                self._stop(work)
        for hand in self._hands:
            hand.close()

    def _forget(self) -> None:
        over = [key for key, work in self._works.items() if not work.now.state.active]
        for key in over[: max(0, len(over) - KEPT)]:
            del self._works[key]

    def _stop(self, work: _Work) -> None:
        if work in self._line:
            self._line.remove(work)
            work.now = replace(work.now, state=State.STOPPED)
        elif work in self._running and work.stopping is None:
            work.stopping = time.monotonic()
            if work.process is not None:
                work.process.send(stop_order(work.number))
        self._change.notify_all()

    def _watch(self) -> None:
        """Stop what nobody looks at; end a process that does not listen."""
        with self._change:
            while self._open:
                now = time.monotonic()
                for work in [*self._line, *self._running]:
                    if work.stopping is not None:
                        if now - work.stopping > self.grace and work.process is not None:
                            work.process.kill()
                        continue
                    there = {who: at for who, at in work.visitors.items() if now - at <= self.patience}
                    work.visitors = there
                    if not there:
                        self._stop(work)
                self._change.wait(TICK if self._line or self._running else None)

    def _serve(self, hand: Hand) -> None:
        """The life of one worker."""
        while self._open:
            hand.ready()
            work = self._next()
            if work is not None:
                ended = self._perform(hand, work)
                with self._change:
                    self._running.remove(work)
                    work.process = None
                    work.now = replace(work.now, state=ended.state, result=ended.result, error=ended.error)
                    self._change.notify_all()

    def _next(self) -> _Work | None:
        with self._change:
            self._change.wait_for(lambda: self._line or not self._open)
            if not self._open:
                return None
            work = self._line.pop(0)
            work.now = replace(work.now, state=State.RUNNING)
            self._running.append(work)
            self._change.notify_all()
            return work

    def _perform(self, hand: Hand, work: _Work) -> Ended:
        process = hand.begin(work_order(work.number, work.task), partial(self._chosen, work))
        while process is not None and (answer := process.answer()) is not None:
            if isinstance(answer, Ended):
                return answer
            if isinstance(answer, Reached):
                with self._change:
                    work.now = work.pace.after(work.now, answer)
                    self._change.notify_all()
        if work.stopping is not None:
            return Ended(State.STOPPED)
        error = "No worker process starts; the server's log says why."
        if process is not None:
            step = work.now.progress
            error = f"The worker process {process.fate} at step {step.done} of {step.total}. Start it again."
        log.warning("%s: %s", work.key, error)
        return Ended(State.FAILED, error=error)

    def _chosen(self, work: _Work, process: Process) -> None:
        with self._change:
            work.process = process
            if work.stopping is not None:
                process.send(stop_order(work.number))
