"""Fields that a panel of an animation can show: maps, iso-lines, arrows.

Every layer holds numpy arrays whose first length is T, the steps of the animation's axis, or 1 for what
stands still; NaN is refused. Rows count upwards: `values[t, i, j]` belongs to the i-th y and the j-th x of
nodes spread evenly over the panel's extent, both ends included.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from gmviz.checks import require
from gmviz.figures.packing import Json, Store, quantised
from gmviz.figures.palette import INK, MUTED, Colour, Ramp

Extent = tuple[float, float, float, float]  # x0, x1, y0, y1


def both(colour: Colour) -> dict[str, Json]:
    """A colour in both themes, for a header."""
    return {"light": colour.light, "dark": colour.dark}


def shaped(name: str, array: np.ndarray, shape: tuple[int | None, ...], numbers: bool = True) -> None:
    """Refuse `array` unless it has `shape` (None: any length but 0) and, if it holds numbers, no NaN."""
    wanted = tuple("n" if length is None else length for length in shape)
    require(isinstance(array, np.ndarray), name, "a numpy array", type(array).__name__)
    fits = array.ndim == len(shape) and all(
        have > 0 if want is None else have == want for have, want in zip(array.shape, shape, strict=True)
    )
    require(fits, name, f"of shape {wanted}".replace("'", ""), f"shape {array.shape}")
    if numbers and array.dtype.kind == "f":
        require(not np.isnan(array).any(), name, "free of NaN", f"{int(np.isnan(array).sum())} NaN")


def ranged(name: str, limits: tuple[float, float]) -> None:
    """Refuse limits that are not finite and increasing."""
    holds = len(limits) == 2 and bool(np.isfinite(limits).all()) and limits[0] < limits[1]
    require(holds, name, "finite (low, high) with low < high", limits)


@dataclass(frozen=True, eq=False, kw_only=True)
class Layer(ABC):
    """Something drawn in a panel; `label` names it in the legend (none if empty)."""

    label: str = ""

    @property
    @abstractmethod
    def steps(self) -> int:
        """T, or 1 for what stands still."""

    @abstractmethod
    def header(self, store: Store, window: Extent) -> dict[str, Json]:
        """The layer's entry in the header; `window` is the plane over which positions are coded."""


@dataclass(frozen=True, eq=False)
class Heatmap(Layer):
    """A map of `values` (T|1, H, W) in the colours of `ramp` over the printed `limits`.

    Values beyond the limits (infinite ones too) take the end's colour and are read off as "at most" or "at
    least". What `mask` (T|1, H, W) marks True is not drawn, and NaN is allowed there only. `symbol` names the
    value in the probe's read-out. 8 `bits` halve the size of a map from which nobody reads three digits.
    With `powers` the values are log₁₀ of a quantity: its ends and its read-out say the quantity itself.
    """

    values: np.ndarray
    ramp: Ramp
    limits: tuple[float, float]
    unit: str = ""
    symbol: str = ""
    mask: np.ndarray | None = None
    bits: int = 16
    powers: bool = False

    def __post_init__(self) -> None:
        shaped("Heatmap.values", self.values, (None, None, None), numbers=False)
        require(min(self.values.shape[1:]) > 1, "Heatmap.values", "at least 2 x 2 nodes", self.values.shape)
        ranged("Heatmap.limits", self.limits)
        require(self.bits in (8, 16), "Heatmap.bits", "8 or 16", self.bits)
        missing = np.isnan(self.values)
        if self.mask is not None:
            steps = self.mask.shape[0] if self.mask.ndim else 0
            shaped("Heatmap.mask", self.mask, (None, *self.values.shape[1:]))
            require(self.mask.dtype == bool, "Heatmap.mask", "boolean", self.mask.dtype)
            require(steps in (1, self.steps), "Heatmap.mask", f"1 or {self.steps} steps long", steps)
            missing &= ~self.mask
        require(
            not missing.any(), "Heatmap.values", "free of NaN outside its mask", f"{int(missing.sum())} NaN"
        )

    @property
    def steps(self) -> int:
        return len(self.values)

    def header(self, store: Store, window: Extent) -> dict[str, Json]:
        low, high = self.limits
        values = self.values if self.mask is None else np.where(self.mask, low, self.values)
        return {
            "kind": "heatmap",
            "label": self.label,
            "symbol": self.symbol,
            "unit": self.unit,
            "low": float(low),
            "high": float(high),
            "powers": self.powers,
            "below": bool((values < low).any()),
            "above": bool((values > high).any()),
            "values": store.add(quantised(values, low, high, self.bits, self.mask), f"u{self.bits // 8}"),
            "ramp": {theme: store.add(self.ramp.table(theme), "u1") for theme in ("light", "dark")},
        }


@dataclass(frozen=True, eq=False)
class Contours(Layer):
    """The iso-lines of `values` (T|1, H, W) at `levels`, found in the browser by marching squares.

    A smooth function (log p rather than p) keeps its lines true on a coarser grid; -inf lies below every
    level.
    """

    values: np.ndarray
    levels: tuple[float, ...]
    colour: Colour = INK
    dashed: bool = False
    width: float = 1.5

    def __post_init__(self) -> None:
        shaped("Contours.values", self.values, (None, None, None))
        require(min(self.values.shape[1:]) > 1, "Contours.values", "at least 2 x 2 nodes", self.values.shape)
        require(len(self.levels) > 0, "Contours.levels", "at least one number", self.levels)
        require(bool(np.isfinite(self.levels).all()), "Contours.levels", "finite", self.levels)

    @property
    def steps(self) -> int:
        return len(self.values)

    def header(self, store: Store, window: Extent) -> dict[str, Json]:
        low, high = self._range()
        return {
            "kind": "contours",
            "label": self.label,
            "colour": both(self.colour),
            "dashed": self.dashed,
            "width": self.width,
            "low": low,
            "high": high,
            "levels": sorted(float(level) for level in self.levels),
            "values": store.add(quantised(self.values, low, high), "u2"),
        }

    def _range(self) -> tuple[float, float]:
        """The range coded: four times the levels' span on either side, but no more than the values have."""
        finite = self.values[np.isfinite(self.values)]
        lowest, highest = min(self.levels), max(self.levels)
        spread = float(np.ptp(finite)) if finite.size else 0.0
        reach = 4 * (highest - lowest) or spread or 1.0
        low, high = float(lowest - reach), float(highest + reach)
        if spread > 0:
            low, high = (
                max(low, min(float(finite.min()), lowest)),
                min(high, max(float(finite.max()), highest)),
            )
        return (low, high) if low < high else (low - 1, high + 1)


@dataclass(frozen=True, eq=False)
class Arrows(Layer):
    """Arrows `vectors` (T|1, h, w, 2) at the centres of h x w equal cells of the extent.

    `scale` is the length, in the panel's units, of the arrow of a unit vector.
    """

    vectors: np.ndarray
    colour: Colour = MUTED
    scale: float = 1.0

    def __post_init__(self) -> None:
        shaped("Arrows.vectors", self.vectors, (None, None, None, 2))
        require(bool(np.isfinite(self.vectors).all()), "Arrows.vectors", "finite", "an infinite component")
        require(np.isfinite(self.scale) and self.scale > 0, "Arrows.scale", "positive", self.scale)

    @property
    def steps(self) -> int:
        return len(self.vectors)

    def header(self, store: Store, window: Extent) -> dict[str, Json]:
        largest = max(float(np.abs(self.vectors).max()), 1e-30)
        return {
            "kind": "arrows",
            "label": self.label,
            "colour": both(self.colour),
            "unit": self.scale * largest / 32767,
            "vectors": store.add(np.rint(self.vectors * (32767 / largest)), "i2"),
        }
