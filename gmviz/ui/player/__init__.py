"""The component that plays an `Animation`: a canvas with its controls, drawn and timed in the browser."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from gmviz.checks import require
from gmviz.figures.animation import Animation, Handles
from gmviz.figures.packing import Json, framed

_FOLDER = Path(__file__).parent
_MODULES = (
    "unpack",
    "interpolate",
    "isolines",
    "ticks",
    "clock",
    "moves",
    "layout",
    "canvas",
    "elements",
    "frames",
    "pixels",
    "fields",
    "particles",
    "marks",
    "paint",
    "tracks",
    "probe",
    "handles",
    "exports",
    "view",
    "input",
    "player",
)


def script() -> str:
    """The player as one JavaScript module.

    Streamlit takes a component's JavaScript as one text, so the modules are put one after the other without
    their imports and exports (all but the default one): every name at the top of a module is therefore
    unique. Comments and indentation stay behind: the text travels with every new datum.
    """
    texts = [(_FOLDER / f"{module}.js").read_text(encoding="utf-8") for module in _MODULES]
    joined = re.sub(r'^import [^;]*? from "\./\w+\.js";\n', "", "\n".join(texts), flags=re.MULTILINE)
    joined = re.sub(r"^export (?!default)", "", joined, flags=re.MULTILINE)
    return re.sub(r"^ *((//|/\*\*|\*/|\* ).*)?\n|^ +", "", joined, flags=re.MULTILINE)


def style() -> str:
    """The player's style sheet."""
    return (_FOLDER / "player.css").read_text(encoding="utf-8")


_mount = st.components.v2.component("gmviz_player", css=style(), js=script())


@dataclass(frozen=True)
class Moved(Mapping[str, tuple[float, float]]):
    """Dragged handles by name: (x, y) in the panel's units.

    `at` is the swept value to which the places belong; `held` says that a finger still holds a handle, when
    a draft is enough.
    """

    positions: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    at: float = 0.0
    held: bool = False

    def __getitem__(self, name: str) -> tuple[float, float]:
        return self.positions[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.positions)

    def __len__(self) -> int:
        return len(self.positions)


def player(
    animation: Animation,
    *,
    key: str,
    at: float | None = None,
    veiled: bool = False,
    link: Mapping[str, str] | None = None,
    on_moved: Callable[[Moved], None] | None = None,
) -> None:
    """Show `animation`.

    The run plays once by itself and stops `at` a value of the axis (the poster if None); with the same
    `key` new data keeps its place. While `veiled`, the play-head waits at the start and numbers read "?";
    unveiled, the run plays. `link` holds every query field of the page, for "Copy link". `on_moved` is
    called with dragged handles before the next run's widgets are drawn, where a slider's session key may
    still be set.

    Raises ValueError if `at` is not finite.
    """
    require(at is None or math.isfinite(at), "at", "finite", at)
    seen = _message(st.session_state.get(key)).get("id")
    options: dict[str, Json] = {
        "at": at,
        "veiled": veiled,
        "link": None if link is None else dict(link),
        "seen": seen if isinstance(seen, str) else None,
    }
    _mount(
        data=framed(options, animation.packed),
        key=key,
        on_moved_change=partial(_tell, key, animation, on_moved),
    )


def _message(state: Any) -> Mapping[str, Any]:
    """The last {id, positions, at, held} that came from the browser, {} if none."""
    message = state.get("moved") if isinstance(state, Mapping) else getattr(state, "moved", None)
    return message if isinstance(message, Mapping) else {}


def _tell(key: str, animation: Animation, on_moved: Callable[[Moved], None] | None) -> None:
    if on_moved is None:
        return
    moved = dragged(animation, _message(st.session_state.get(key)))
    if moved:
        on_moved(moved)


def dragged(animation: Animation, message: Mapping[str, Any]) -> Moved:
    """The moves of a browser's message that name a handle and are finite, held within the handle's box."""
    arrived = message.get("positions")
    if not isinstance(arrived, Mapping):
        return Moved()
    positions = {}
    for name, box in _boxes(animation):
        place = arrived.get(name)
        if not isinstance(place, list | tuple) or len(place) != 2:
            continue
        x, y = (_number(end) for end in place)
        if x is None or y is None:
            continue
        x0, x1, y0, y1 = box
        positions[name] = (min(max(x, x0), x1), min(max(y, y0), y1))
    at = _number(message.get("at"))
    return Moved(
        positions, float(animation.axis.values[0]) if at is None else at, message.get("held") is True
    )


def _number(value: Any) -> float | None:
    """A finite number that a browser sent; None for anything else."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _boxes(animation: Animation) -> Iterator[tuple[str, tuple[float, float, float, float]]]:
    for panel in animation.panels:
        for layer in panel.layers:
            if isinstance(layer, Handles):
                for name in layer.names:
                    yield name, layer.box or panel.extent
