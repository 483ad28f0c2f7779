"""The bytes in which an animation travels to the player.

All numbers are little-endian. One message is

    [u32 n] [n bytes of UTF-8 JSON: the header, padded with spaces] [arrays, each starting at a multiple of 8]

The padding makes 4 + n a multiple of 8; an array's place is counted from byte 4 + n. The header names an
array by `{"at": place, "type": "u1" | "u2" | "i2" | "f4" | "f8", "shape": [...]}`. An array used twice is
sent once.

Codes. A value v over the range (low, high) travels as an unsigned integer of 8 or 16 bits; with M the
largest:

    0                   v < low  ("at most low")
    1 ... M - 2         v = low + (high - low) (code - 1) / (M - 3)
    M - 1               v > high ("at least high")
    M                   absent: masked, or a position outside the window

so that clipping is never mistaken for a value. The header of a coded array holds its `low` and `high`.
"""

import json
import struct
from collections.abc import Mapping, Sequence

import numpy as np

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

_TYPES = {"u1": np.uint8, "u2": np.uint16, "i2": np.int16, "f4": np.float32, "f8": np.float64}


def quantised(
    values: np.ndarray, low: float, high: float, bits: int = 16, absent: np.ndarray | None = None
) -> np.ndarray:
    """Codes of `values` over (low, high), as defined above; `absent` marks what is not there."""
    top = 2**bits - 1
    codes = np.clip(values, low, high)
    codes = np.rint((codes - low) * ((top - 3) / (high - low)) + 1).astype(f"u{bits // 8}")
    codes[values < low] = 0
    codes[values > high] = top - 1
    if absent is not None:
        codes[np.broadcast_to(absent, codes.shape)] = top
    return codes


class Store:
    """Collects arrays, each once, and the place where each of them will lie."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._known: dict[tuple[int, str], tuple[np.ndarray, dict[str, Json]]] = {}

    def add(self, array: np.ndarray, kind: str) -> dict[str, Json]:
        """The header's entry of `array`, stored as `kind`; the same array object is stored once."""
        known = self._known.get((id(array), kind))
        if known is not None:
            return known[1]
        data = np.ascontiguousarray(array, dtype=np.dtype(_TYPES[kind]).newbyteorder("<")).tobytes()
        entry: dict[str, Json] = {"at": self._size, "type": kind, "shape": list(array.shape)}
        padded = data + bytes(-len(data) % 8)
        self._parts.append(padded)
        self._size += len(padded)
        self._known[id(array), kind] = (array, entry)  # holding the array keeps its id from being given away
        return entry

    def message(self, header: Mapping[str, Json]) -> bytes:
        """The header and all stored arrays as one message."""
        return framed(header, b"".join(self._parts))


def framed(header: Mapping[str, Json], body: bytes) -> bytes:
    """`[u32 n][JSON header, padded][body]` with the body at a multiple of 8."""
    text = json.dumps(header, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    text += b" " * (-(4 + len(text)) % 8)
    return struct.pack("<I", len(text)) + text + body
