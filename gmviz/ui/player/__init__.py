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
    """The handles dragged since the last run, by name: (x, y) in the panel's units. Empty if none was."""

    positions: Mapping[str, tuple[float, float]] = field(default_factory=dict)

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
) -> Moved:
    """Show `animation` and give back the handles dragged since the last run.

    The run plays once by itself and stops `at` a value of the axis (the poster if None); with the same
    `key` new data keeps its place. While `veiled`, the play-head waits at the start and numbers read "?";
    unveiled, the run plays. `link` holds every query field of the page, for "Copy link". `on_moved` is
    called before the next run's widgets are drawn, where a slider's session key may still be set.

    Raises ValueError if `at` is not finite.
    """
    require(at is None or math.isfinite(at), "at", "finite", at)
    state = st.session_state.get(key)
    message = _message(state)
    options: dict[str, Json] = {
        "at": at,
        "veiled": veiled,
        "link": None if link is None else dict(link),
        "seen": message.get("id") if isinstance(message.get("id"), str) else None,
    }
    _mount(
        data=framed(options, animation.packed),
        key=key,
        on_moved_change=partial(_tell, key, animation, on_moved),
    )
    return _fresh(key, animation, message)


def _message(state: Any) -> Mapping[str, Any]:
    """The last {id, positions} that came from the browser, {} if none."""
    message = state.get("moved") if isinstance(state, Mapping) else getattr(state, "moved", None)
    return message if isinstance(message, Mapping) else {}


def _tell(key: str, animation: Animation, on_moved: Callable[[Moved], None] | None) -> None:
    if on_moved is None:
        return
    moved = dragged(animation, _message(st.session_state.get(key)))
    if moved:
        on_moved(moved)


def _fresh(key: str, animation: Animation, message: Mapping[str, Any]) -> Moved:
    """What `message` moved, the first time it is seen."""
    last = f"{key} moved"
    if not message or st.session_state.get(last) == message.get("id"):
        return Moved()
    st.session_state[last] = message.get("id")
    return dragged(animation, message)


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
        if not all(isinstance(end, int | float) and math.isfinite(end) for end in place):
            continue
        x0, x1, y0, y1 = box
        positions[name] = (min(max(float(place[0]), x0), x1), min(max(float(place[1]), y0), y1))
    return Moved(positions)


def _boxes(animation: Animation) -> Iterator[tuple[str, tuple[float, float, float, float]]]:
    for panel in animation.panels:
        for layer in panel.layers:
            if isinstance(layer, Handles):
                for name in layer.names:
                    yield name, layer.box or panel.extent
