"""Where the app keeps what it need not compute again."""

import os
import sys
from pathlib import Path

VARIABLE = "GMVIZ_STORE"
DEFAULTS = Path(__file__).resolve().parents[1] / "defaults"  # shipped with the package, only read


def folder() -> Path:
    """The directory that `GMVIZ_STORE` names, by default `gmviz` among the user's caches."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        caches = os.environ.get("LOCALAPPDATA")
    elif sys.platform == "darwin":
        caches = str(_home() / "Library" / "Caches")
    else:
        caches = os.environ.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else _home() / ".cache") / "gmviz"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        return Path(
            "/nonexistent"
        )  # the home of users without one: nothing is kept there, and the app goes on
