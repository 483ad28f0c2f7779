"""What crosses between the server and a worker process.

Orders go down as lines of JSON: what a visitor asked for stays plain text until the worker reads it. Answers
come up as pickles behind their length; they come from a process that the server started, over its own pipe.
"""

import json
import pickle
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, BinaryIO

from gmviz.checks import require

LENGTH = struct.Struct(">Q")


class State(StrEnum):
    """Where a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def active(self) -> bool:
        """Whether the job still waits or runs."""
        return self in (State.WAITING, State.RUNNING)


@dataclass(frozen=True)
class Report:
    """What a job yields: `done` of `total` steps, and all that is reached so far (None: nothing new).

    A later partial replaces an earlier one, so it holds everything a page shows, with tensors on the CPU.
    """

    done: int
    total: int
    partial: Any = None

    def __post_init__(self) -> None:
        require(0 <= self.done <= self.total, "done", f"from 0 to {self.total}", self.done)


@dataclass(frozen=True)
class Started:
    """The worker has read the order."""


@dataclass(frozen=True)
class Reached:
    """A report, `seconds` after the start of the job."""

    report: Report
    seconds: float


@dataclass(frozen=True)
class Ended:
    """The job is over: its return value, or the error in words."""

    state: State
    result: Any = None
    error: str = ""


Answer = Started | Reached | Ended


def task(function: str, payload: Any) -> str:
    """`module:function` on plain data, as text; `TypeError` for data that JSON does not know."""
    return json.dumps({"function": function, "payload": payload})


def work_order(number: int, task: str) -> bytes:
    """The order to do a task under a number."""
    return f'{{"number": {number}, "task": {task}}}\n'.encode()


def stop_order(number: int) -> bytes:
    """The order to stop the task of that number."""
    return f'{{"stop": {number}}}\n'.encode()


def write_answer(stream: BinaryIO, answer: Answer) -> None:
    """One answer, written whole and flushed."""
    frame = pickle.dumps(answer, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(LENGTH.pack(len(frame)) + frame)
    stream.flush()


def read_answer(stream: BinaryIO) -> Answer | None:
    """The next answer; None when the stream has ended, in the middle of a frame too."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    frame = stream.read(length)
    return pickle.loads(frame) if len(frame) == length else None
