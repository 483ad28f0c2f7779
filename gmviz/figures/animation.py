"""What the player plays: panels of layers and curves over one swept axis."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from gmviz.checks import require
from gmviz.figures.layers import Arrows, Contours, Extent, Heatmap, Layer, both, ranged, shaped
from gmviz.figures.marks import Bars, Handles, Particles, Points, Polyline, Segments
from gmviz.figures.packing import Json, Store
from gmviz.figures.palette import FRAME, INK, MUTED, PAPER, SURFACE, Colour

__all__ = [
    "DEFAULT_BUDGET",
    "LARGEST",
    "Animation",
    "Arrows",
    "Axis",
    "Bars",
    "Contours",
    "Extent",
    "Handles",
    "Heatmap",
    "Layer",
    "Panel",
    "Particles",
    "Points",
    "Polyline",
    "Segments",
    "Track",
    "pack",
]

DEFAULT_BUDGET = 2 * 2**20  # bytes
LARGEST = 8 * 2**20  # bytes


@dataclass(frozen=True, eq=False)
class Axis:
    """The swept quantity: `label symbol = value unit` is what the scrub bar says.

    `values` (T,) rise or fall strictly; on a `log` axis they are positive. The run plays at an even pace of
    steps.
    """

    label: str
    unit: str
    values: np.ndarray
    symbol: str = ""
    log: bool = False

    def __post_init__(self) -> None:
        shaped("Axis.values", self.values, (None,))
        change = np.diff(self.values)
        strict = bool(np.isfinite(self.values).all() and ((change > 0).all() or (change < 0).all()))
        require(strict, "Axis.values", "finite and strictly rising or falling", self.values)
        positive = not self.log or bool((self.values > 0).all())
        require(positive, "Axis.values", "positive on a log axis", float(self.values.min()))


@dataclass(frozen=True, eq=False)
class Panel:
    """Layers over one extent (x0, x1, y0, y1), drawn in their order.

    A plane has `equal` scales on both axes; a chart (histogram, curves) has not.
    """

    title: str
    extent: Extent
    layers: tuple[Layer, ...]
    subtitle: str = ""
    x_label: str = ""
    y_label: str = ""
    equal: bool = True

    def __post_init__(self) -> None:
        require(len(self.extent) == 4, "Panel.extent", "(x0, x1, y0, y1)", self.extent)
        ranged("Panel.extent (x)", self.extent[:2])
        ranged("Panel.extent (y)", self.extent[2:])


@dataclass(frozen=True, eq=False)
class Track:
    """A curve over the axis, `values` (T,), whose number at the play-head is shown large.

    `error` (T,) is the number's own error, if known. +inf is a legal value (the curve breaks there). A
    track without `numeral` is a reference line (a limit, a null): drawn and labelled, not counted among the
    numbers.
    """

    label: str
    symbol: str
    values: np.ndarray
    colour: Colour
    mark: Literal["round", "diamond"] = "round"
    unit: str = ""
    dashed: bool = False
    error: np.ndarray | None = None
    numeral: bool = True

    def __post_init__(self) -> None:
        shaped("Track.values", self.values, (None,))
        require(self.mark in ("round", "diamond"), "Track.mark", "round or diamond", self.mark)
        if self.error is not None:
            shaped("Track.error", self.error, self.values.shape)
            require(bool((self.error >= 0).all()), "Track.error", "at least 0", float(self.error.min()))


@dataclass(frozen=True, eq=False)
class Animation:
    """Panels and tracks over one axis, packed to bytes and measured on construction.

    The run of `seconds` stops on the `poster`, an index of the axis. `formula` is a line of text in which
    `{0}`, `{1}` stand for the numerals of the tracks. Tracks in different units need `log_tracks`: a log
    axis with labelled lines. An animation of more than `budget` bytes is refused; no budget exceeds 8 MB.
    """

    axis: Axis
    panels: tuple[Panel, ...]
    tracks: tuple[Track, ...] = ()
    poster: int = -1
    log_tracks: bool = False
    formula: str = ""
    seconds: float = 6.0
    budget: int = DEFAULT_BUDGET

    def __post_init__(self) -> None:
        count = len(self.axis.values)
        require(1 <= len(self.panels) <= 4, "Animation.panels", "1 to 4 panels", len(self.panels))
        require(len(self.tracks) <= 6, "Animation.tracks", "at most 6 tracks", len(self.tracks))
        require(-count <= self.poster < count, "Animation.poster", f"an index of {count} steps", self.poster)
        require(0.5 <= self.seconds <= 120, "Animation.seconds", "in [0.5, 120]", self.seconds)
        require(0 < self.budget <= LARGEST, "Animation.budget", f"in (0, {LARGEST}] bytes", self.budget)
        for panel in self.panels:
            for layer in panel.layers:
                name = f"{type(layer).__name__} in panel {panel.title!r}"
                require(layer.steps in (1, count), name, f"1 or {count} steps long", layer.steps)
        for track in self.tracks:
            arrived = len(track.values)
            require(arrived == count, f"Track {track.label!r}", f"{count} steps long", arrived)
        units = {track.unit for track in self.tracks}
        one = len(units) < 2 or self.log_tracks
        require(one, "Animation.log_tracks", "True for tracks in different units", sorted(units))
        names = [name for layer in self._layers() if isinstance(layer, Handles) for name in layer.names]
        require(len(set(names)) == len(names), "Handles.names", "different in all layers", names)
        self._measure()

    @property
    def nbytes(self) -> int:
        """Size of the packed animation."""
        return len(self.packed)

    @cached_property
    def packed(self) -> bytes:
        """The animation as bytes, in the format of `gmviz.figures.packing`."""
        store = Store()
        layers = list(self._layers())
        place = {id(layer): index for index, layer in enumerate(layers)}
        header: dict[str, Json] = {
            "axis": {
                "label": self.axis.label,
                "symbol": self.axis.symbol,
                "unit": self.axis.unit,
                "log": self.axis.log,
                "values": store.add(self.axis.values, "f8"),
            },
            "poster": self.poster % len(self.axis.values),
            "seconds": self.seconds,
            "formula": self.formula,
            "theme": {colour.name: both(colour) for colour in (PAPER, SURFACE, FRAME, MUTED, INK)},
            "log_tracks": self.log_tracks,
            "tracks": [_track_header(track, store) for track in self.tracks],
            "layers": [layer.header(store, self._window(layer)) for layer in layers],
            "panels": [
                _panel_header(panel, [place[id(layer)] for layer in panel.layers]) for panel in self.panels
            ],
        }
        return store.message(header)

    def _layers(self) -> Iterable[Layer]:
        """Every layer once, whichever panels share it."""
        return {id(layer): layer for panel in self.panels for layer in panel.layers}.values()

    def _window(self, layer: Layer) -> Extent:
        """The extents that show the layer, a quarter wider: a particle is followed over the edge."""
        extents = np.array(
            [panel.extent for panel in self.panels if any(layer is each for each in panel.layers)]
        )
        x0, x1 = extents[:, 0].min(), extents[:, 1].max()
        y0, y1 = extents[:, 2].min(), extents[:, 3].max()
        wide, high = 0.25 * (x1 - x0), 0.25 * (y1 - y0)
        return (float(x0 - wide), float(x1 + wide), float(y0 - high), float(y1 + high))

    def _measure(self) -> None:
        """Refuse what is larger than its budget, and name what weighs most."""
        if self.nbytes <= self.budget:
            return
        weight = []
        for layer in self._layers():
            alone = Store()
            layer.header(alone, self._window(layer))
            weight.append((len(alone.message({})), f"{type(layer).__name__} {layer.label!r}".strip()))
        size, heaviest = max(weight)
        allowed = (
            f"at most {self.budget / 2**20:.1f} MB (take fewer steps than {len(self.axis.values)}, a coarser "
            f"grid, fewer particles, 8 bits for a map, or a larger budget up to {LARGEST // 2**20} MB)"
        )
        arrived = f"{self.nbytes / 2**20:.1f} MB, of which {heaviest} takes {size / 2**20:.1f} MB"
        require(False, "the packed animation", allowed, arrived)


def _panel_header(panel: Panel, layers: list[int]) -> dict[str, Json]:
    return {
        "title": panel.title,
        "subtitle": panel.subtitle,
        "extent": [float(end) for end in panel.extent],
        "x_label": panel.x_label,
        "y_label": panel.y_label,
        "equal": panel.equal,
        "layers": layers,
    }


def _track_header(track: Track, store: Store) -> dict[str, Json]:
    return {
        "label": track.label,
        "symbol": track.symbol,
        "unit": track.unit,
        "colour": both(track.colour),
        "mark": track.mark,
        "dashed": track.dashed,
        "numeral": track.numeral,
        "values": store.add(track.values, "f8"),
        "error": None if track.error is None else store.add(track.error, "f8"),
    }


def pack(animation: Animation) -> bytes:
    """The animation as the bytes the player reads; see `gmviz.figures.packing` for the format."""
    return animation.packed
