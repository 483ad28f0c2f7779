"""Marks that a panel of an animation can show: particles, points, draggable handles, lines, bars.

As for all layers, the first length of an array is T, the steps of the animation's axis, or 1 for what
stands still.
"""

from dataclasses import dataclass

import numpy as np

from gmviz.checks import require
from gmviz.figures.layers import Extent, Layer, both, ranged, shaped
from gmviz.figures.packing import Json, Store, quantised
from gmviz.figures.palette import CATEGORIES, INK, MUTED, Colour, Ramp


@dataclass(frozen=True, eq=False)
class Particles(Layer):
    """Particles `positions` (T|1, n, 2) in one colour, by category (n,) or by value (T|1, n) over a ramp.

    `categories` are indices into the palette's categories, named by `names`. `trail` is the number of past
    steps drawn behind each particle. A particle outside the panel is not drawn, and the panel says how many
    there are.
    """

    positions: np.ndarray
    colour: Colour = INK
    categories: np.ndarray | None = None
    names: tuple[str, ...] = ()
    values: np.ndarray | None = None
    ramp: Ramp | None = None
    limits: tuple[float, float] | None = None
    unit: str = ""
    trail: int = 0
    size: float = 1.6

    def __post_init__(self) -> None:
        shaped("Particles.positions", self.positions, (None, None, 2))
        require(self.trail >= 0, "Particles.trail", "0 or more steps", self.trail)
        require(
            np.isfinite(self.size) and 0 < self.size <= 20, "Particles.size", "in (0, 20] pixels", self.size
        )
        one = self.categories is None or self.values is None
        require(one, "Particles", "coloured by categories or by values", "both")
        n = self.positions.shape[1]
        if self.categories is not None:
            shaped("Particles.categories", self.categories, (n,))
            low, high = int(self.categories.min()), int(self.categories.max())
            holds = self.categories.dtype.kind in "iu" and low >= 0 and high < len(CATEGORIES)
            require(holds, "Particles.categories", f"integers in [0, {len(CATEGORIES)})", f"[{low}, {high}]")
        if self.values is not None:
            shaped("Particles.values", self.values, (None, n))
            arrived = len(self.values)
            require(arrived in (1, self.steps), "Particles.values", f"1 or {self.steps} steps long", arrived)
            require(self.ramp is not None, "Particles.ramp", "given with values", None)
            ranged("Particles.limits", self.limits or (0.0, 0.0))

    @property
    def steps(self) -> int:
        return len(self.positions)

    def header(self, store: Store, window: Extent) -> dict[str, Json]:
        entry: dict[str, Json] = {
            "kind": "particles",
            "label": self.label,
            "colour": both(self.colour),
            "size": self.size,
            "trail": self.trail,
            "window": [float(end) for end in window],
            "positions": store.add(_places(self.positions, window), "u2"),
        }
        if self.categories is not None:
            entry["categories"] = store.add(self.categories, "u1")
            entry["colours"] = [both(colour) for colour in CATEGORIES]
            entry["names"] = list(self.names)
        if self.values is not None and self.ramp is not None and self.limits is not None:
            low, high = self.limits
            entry |= {"low": float(low), "high": float(high), "unit": self.unit}
            entry |= {"below": bool((self.values < low).any()), "above": bool((self.values > high).any())}
            entry["values"] = store.add(quantised(self.values, low, high, 8), "u1")
            entry["ramp"] = {theme: store.add(self.ramp.table(theme), "u1") for theme in ("light", "dark")}
        return entry


def _places(positions: np.ndarray, window: Extent) -> np.ndarray:
    """Codes of positions (T, n, 2) over the window; a point outside it is absent in both coordinates."""
    x0, x1, y0, y1 = window
    low, high = np.array([x0, y0]), np.array([x1, y1])
    absent = np.asarray(((positions < low) | (positions > high)).any(-1))
    codes = np.empty(positions.shape, np.uint16)
    for axis in (0, 1):
        codes[..., axis] = quantised(positions[..., axis], low[axis], high[axis], 16, absent)
    return codes


@dataclass(frozen=True, eq=False)
class Points(Layer):
    """A few points `positions` (T|1, n, 2) of radius `size` pixels, with `labels` if there are n of them."""

    positions: np.ndarray
    colour: Colour = INK
    size: float = 5.0
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shaped("Points.positions", self.positions, (None, None, 2))
        require(np.isfinite(self.size) and 0 < self.size <= 40, "Points.size", "in (0, 40] pixels", self.size)
        n = self.positions.shape[1]
        require(len(self.labels) in (0, n), "Points.labels", f"none or {n}", len(self.labels))

    @property
    def steps(self) -> int:
        return len(self.positions)

    def header(self, store: Store, window: Extent) -> dict[str, Json]:
        return {
            "kind": "points",
            "label": self.label,
            "colour": both(self.colour),
            "size": self.size,
            "labels": list(self.labels),
            "positions": store.add(self.positions, "f4"),
        }


@dataclass(frozen=True, eq=False)
class Handles(Layer):
    """Points `positions` (T|1, k, 2) that a visitor drags within `box` (the panel's extent if None).

    `names` come back with the new places; each is also what a screen reader says.
    """

    positions: np.ndarray
    names: tuple[str, ...]
    colours: tuple[Colour, ...]
    box: Extent | None = None

    def __post_init__(self) -> None:
        shaped("Handles.positions", self.positions, (None, len(self.names), 2))
        require(bool(np.isfinite(self.positions).all()), "Handles.positions", "finite", "an infinite one")
        require(len(set(self.names)) == len(self.names), "Handles.names", "all different", self.names)
        require(len(self.colours) == len(self.names), "Handles.colours", "one per name", len(self.colours))
        if self.box is not None:
            ranged("Handles.box (x)", self.box[:2])
            ranged("Handles.box (y)", self.box[2:])

    @property
    def steps(self) -> int:
        return len(self.positions)

    def header(self, store: Store, window: Extent) -> dict[str, Json]:
        return {
            "kind": "handles",
            "label": self.label,
            "names": list(self.names),
            "colours": [both(colour) for colour in self.colours],
            "box": None if self.box is None else [float(end) for end in self.box],
            "positions": store.add(self.positions, "f4"),
        }


@dataclass(frozen=True, eq=False)
class Polyline(Layer):
    """A line through `points` (T|1, k, 2); it breaks at infinite points."""

    points: np.ndarray
    colour: Colour = INK
    dashed: bool = False
    width: float = 1.5

    def __post_init__(self) -> None:
        shaped("Polyline.points", self.points, (None, None, 2))

    @property
    def steps(self) -> int:
        return len(self.points)

    def header(self, store: Store, window: Extent) -> dict[str, Json]:
        return {
            "kind": "polyline",
            "label": self.label,
            "colour": both(self.colour),
            "dashed": self.dashed,
            "width": self.width,
            "points": store.add(self.points, "f4"),
        }


@dataclass(frozen=True, eq=False)
class Segments(Layer):
    """Separate segments `ends` (T|1, k, 2, 2): the second last index is the end, the last is x or y."""

    ends: np.ndarray
    colour: Colour = MUTED
    dashed: bool = False
    width: float = 1.0

    def __post_init__(self) -> None:
        shaped("Segments.ends", self.ends, (None, None, 2, 2))
        require(bool(np.isfinite(self.ends).all()), "Segments.ends", "finite", "an infinite one")

    @property
    def steps(self) -> int:
        return len(self.ends)

    def header(self, store: Store, window: Extent) -> dict[str, Json]:
        return {
            "kind": "segments",
            "label": self.label,
            "colour": both(self.colour),
            "dashed": self.dashed,
            "width": self.width,
            "ends": store.add(self.ends, "f4"),
        }


@dataclass(frozen=True, eq=False)
class Bars(Layer):
    """A histogram: bars of `heights` (T|1, m) between `edges` (T|1, m + 1)."""

    edges: np.ndarray
    heights: np.ndarray
    colour: Colour = MUTED

    def __post_init__(self) -> None:
        shaped("Bars.heights", self.heights, (None, None))
        shaped("Bars.edges", self.edges, (None, self.heights.shape[1] + 1))
        require(bool(np.isfinite(self.heights).all()), "Bars.heights", "finite", "an infinite one")
        rising = bool(np.isfinite(self.edges).all() and (np.diff(self.edges, axis=1) > 0).all())
        require(rising, "Bars.edges", "finite and increasing", "edges that are not")
        either = {len(self.edges), len(self.heights)} - {1}
        require(len(either) < 2, "Bars.edges", f"1 or {len(self.heights)} steps long", len(self.edges))

    @property
    def steps(self) -> int:
        return max(len(self.edges), len(self.heights))

    def header(self, store: Store, window: Extent) -> dict[str, Json]:
        return {
            "kind": "bars",
            "label": self.label,
            "colour": both(self.colour),
            "edges": store.add(self.edges, "f4"),
            "heights": store.add(self.heights, "f4"),
        }
