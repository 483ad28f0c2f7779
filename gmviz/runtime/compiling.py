"""Compiled functions, where that pays: the only file that knows the compiler.

On a GPU a compiled step saves its many small launches. On a CPU compiling costs ten seconds and more against
fits that take one, so there it is done only on request: `GMVIZ_COMPILE=1` asks for it anywhere, `0` forbids
it. What is compiled is kept between runs, in `compiled` beside the stored models: code that is run again
later, so that directory belongs to its user alone.
"""

import logging
import os
from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec, TypeVar

import torch

from gmviz.checks import require
from gmviz.runtime import places

VARIABLE = "GMVIZ_COMPILE"
CACHE = "TORCHINDUCTOR_CACHE_DIR"  # the compiler's own name for its directory

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger(__name__)


def wanted(device: torch.device) -> bool:
    """Whether functions on this device are compiled; `ValueError` for another `GMVIZ_COMPILE` than 0 or 1."""
    chosen = os.environ.get(VARIABLE, "")
    require(chosen in ("", "0", "1"), VARIABLE, "0, 1 or unset", repr(chosen))
    return chosen == "1" if chosen else device.type == "cuda"


def compiled(function: Callable[P, R], device: torch.device) -> Callable[P, R]:
    """`function`, which has no side effects, compiled if that is `wanted` on the device; else itself.

    The numbers are the same up to rounding. Where compiling fails, one log line says so and from then on
    every function of this process runs as it is written.
    """
    if not wanted(device):
        return function
    return _compiler().compile(function)


class Compiler:
    """The compiler until it first fails."""

    def __init__(self) -> None:
        self._works = True

    def compile(self, function: Callable[P, R]) -> Callable[P, R]:
        """`function` compiled at its first call, or as it is written where that cannot be."""
        try:
            fast = torch.compile(function)
        except (RuntimeError, OSError, ImportError) as error:
            self._give_up(error)
            return function

        @wraps(function)
        def either(*args: P.args, **kwargs: P.kwargs) -> R:
            if not self._works:
                return function(*args, **kwargs)
            try:
                return fast(*args, **kwargs)
            except (RuntimeError, OSError, ImportError) as error:
                result = function(*args, **kwargs)  # an error of the function itself is raised here
                self._give_up(error)
                return result

        return either

    def _give_up(self, error: Exception) -> None:
        if self._works:
            self._works = False
            reason = str(error).partition("\n")[0]
            log.warning("running without a compiler: %s: %s", type(error).__name__, reason)


@cache
def _compiler() -> Compiler:
    """The compiler of this process, its directory set unless the user has set one."""
    if CACHE not in os.environ:
        directory = places.folder() / "compiled"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not os.access(directory, os.W_OK):
                raise PermissionError(f"{directory} is read-only")
            os.environ[CACHE] = str(directory.resolve())
        except OSError as error:
            log.warning("what is compiled is not kept: %s", error)
    return Compiler()
