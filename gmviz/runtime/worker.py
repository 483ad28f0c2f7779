"""The process that does long work, one job at a time: `python -m gmviz.runtime.worker MODULE ...`.

It is an interpreter of its own, because a web server may have replaced `__main__` by the app, which a spawned
process pool would then run again. It imports the modules it is given before the first job. It ends when the
pipe to its parent closes, whatever it is doing.
"""

import importlib
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from queue import SimpleQueue
from typing import Any, BinaryIO

from gmviz.runtime.wire import Answer, Ended, Reached, Report, Started, State, write_answer

PERIOD = 0.1  # seconds between two reports that are sent
NICE = 5  # pages are answered before fits advance

# What a computation may raise for the numbers it was given. Anything else is a mistake in the code: it ends
# the process with its traceback, and the parent makes a failed job of it.
EXPECTED = (ValueError, ArithmeticError, RuntimeError, MemoryError, OSError)

log = logging.getLogger(__name__)


class Orders:
    """The orders that arrive, read by a thread so that a stop is heard while a job runs."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._work: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._stopped = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self._stream:
            order = json.loads(line)
            if "stop" in order:
                self._stopped = order["stop"]
            else:
                self._work.put(order)
        os._exit(0)  # the parent is gone: nobody waits for what is being computed

    def next(self) -> dict[str, Any]:
        """The next job; waits for it."""
        return self._work.get()

    def stopped(self, number: int) -> bool:
        """Whether that job is to stop."""
        return self._stopped == number


class Outbox:
    """Sends the reports of one job, at most one per `PERIOD`; what is held back goes with the next."""

    def __init__(self, send: Callable[[Answer], None]) -> None:
        self._send = send
        self._began = time.monotonic()
        self._last = -PERIOD
        self._held: Report | None = None

    def put(self, report: Report) -> None:
        """Send the report now or with the next one."""
        if report.partial is None and self._held is not None:
            report = replace(report, partial=self._held.partial)
        self._held = report
        if self._seconds - self._last >= PERIOD:
            self.flush()

    def flush(self) -> None:
        """Send what is held back."""
        if self._held is not None:
            self._last = self._seconds
            self._send(Reached(self._held, self._last))
            self._held = None

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._began


def perform(task: dict[str, Any], stopped: Callable[[], bool], outbox: Outbox) -> Ended:
    """Run one job until it returns, is stopped between two reports, or raises."""
    try:
        steps = resolve(task["function"])(task["payload"])
        while not stopped():
            outbox.put(next(steps))
        steps.close()
        return Ended(State.STOPPED)
    except StopIteration as end:
        return Ended(State.DONE, result=end.value)
    except EXPECTED as error:
        log.warning("%s: %s", task["function"], error, exc_info=not isinstance(error, ValueError))
        words = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        return Ended(State.FAILED, error=words)
    finally:
        outbox.flush()


def resolve(function: str) -> Callable[[Any], Generator[Report, None, Any]]:
    """The generator function that `module:function` names."""
    module, _, name = function.partition(":")
    return getattr(importlib.import_module(module), name)


def main() -> None:
    """Answer orders until the parent is gone."""
    # What a library prints must not fall between the frames, so stdout becomes stderr.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is the parent's to answer
    if hasattr(os, "nice"):
        os.nice(NICE)
    # A stream of its own: at its end an interpreter waits for whoever reads the standard one.
    orders = Orders(os.fdopen(os.dup(0), "rb"))
    for module in sys.argv[1:]:  # after the thread has begun to read, so that no order waits in the pipe
        importlib.import_module(module)

    def send(answer: Answer) -> None:
        write_answer(answers, answer)

    while True:
        order = orders.next()
        send(Started())
        send(perform(order["task"], partial(orders.stopped, order["number"]), Outbox(send)))


if __name__ == "__main__":
    main()
