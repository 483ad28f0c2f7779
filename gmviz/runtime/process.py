"""A worker process as the server holds it: its two pipes, its life and its end."""

import logging
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import BinaryIO, cast

from gmviz.runtime.wire import Answer, Started, read_answer

COMMAND = (sys.executable, "-P", "-m", "gmviz.runtime.worker")
ENDING = 5.0  # seconds that a process whose pipe is closed has to end
STARTS = 2  # processes that are tried for one job before it fails

# What a pickle raises whose class this process does not know, or whose memory it does not have.
UNREADABLE = (
    *(pickle.UnpicklingError, AttributeError, ImportError, EOFError),
    *(TypeError, ValueError, RuntimeError, MemoryError),
)

log = logging.getLogger(__name__)


class Process:
    """A running `gmviz.runtime.worker` that has imported `modules`; `OSError` where none can be started."""

    def __init__(self, modules: Sequence[str]) -> None:
        # It finds the modules that this process finds; torch and what it rests on use one thread there.
        paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
        surroundings = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self._popen = subprocess.Popen(
            [*COMMAND, *modules], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=surroundings
        )
        self._orders = cast(BinaryIO, self._popen.stdin)
        self._answers = cast(BinaryIO, self._popen.stdout)
        self._writing = threading.Lock()

    @property
    def pid(self) -> int:
        """The number the system knows it by."""
        return self._popen.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._popen.poll() is None

    def send(self, order: bytes) -> None:
        """Send an order; a process that is gone is noticed by `answer`."""
        with self._writing:
            try:
                self._orders.write(order)
                self._orders.flush()
            except OSError:
                log.debug("worker %d is gone", self.pid)

    def answer(self) -> Answer | None:
        """The next answer; None, and the process is over, when it is gone or says what cannot be read."""
        try:
            answer = read_answer(self._answers)
        except UNREADABLE as error:
            log.warning("worker %d sent an answer that cannot be read: %s", self.pid, error)
            answer = None
            self.kill()
        if answer is None:
            try:
                self._popen.wait(timeout=ENDING)  # it ends by itself, and its exit code says how
            except subprocess.TimeoutExpired:
                self.kill()
        return answer

    def kill(self) -> None:
        """End it at once."""
        self._popen.kill()
        self._popen.wait()

    @property
    def fate(self) -> str:
        """How it ended, in words."""
        code = self._popen.poll()
        if code is None:
            return "still runs"
        return f"was killed (signal {-code})" if code < 0 else f"ended with exit code {code}"


class Hand:
    """A worker that outlives its processes: where one is gone, another is started."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = modules
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._open = True

    def ready(self) -> Process | None:
        """The living process; None where none can be started, or after `close`."""
        with self._lock:
            if self._open and (self._process is None or not self._process.alive):
                try:
                    self._process = Process(self._modules)
                except OSError as error:
                    log.warning("no worker process can be started: %s", error)
                    self._process = None
            return self._process if self._open else None

    def begin(self, order: bytes, chosen: Callable[[Process], None]) -> Process | None:
        """The process that has started on the order, made known to `chosen` before; None when none does."""
        for _ in range(STARTS):
            process = self.ready()
            if process is not None:
                chosen(process)
                process.send(order)
                # One that was gone before it read the order has done nothing yet, so another may.
                if isinstance(process.answer(), Started):
                    return process
        return None

    def close(self) -> None:
        """End the process; no other follows."""
        with self._lock:
            self._open = False
            if self._process is not None:
                self._process.kill()
