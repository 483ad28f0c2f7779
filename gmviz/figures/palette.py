"""Every colour of the app, for its light and its dark theme.

p is blue, q is vermilion (Okabe and Ito's colour-vision-safe set, tuned per theme); KL is purple, Fisher is
green. Ramps are interpolated in OKLab (Ottosson 2020), so that equal steps of a value look equal.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8

Theme = Literal["light", "dark"]


@dataclass(frozen=True)
class Colour:
    """A named colour, "#rrggbb" in each theme."""

    name: str
    light: str
    dark: str


PAPER = Colour("paper", "#fbfaf6", "#14171c")
SURFACE = Colour("surface", "#f1efe7", "#1d2229")
FRAME = Colour("frame", "#d9d5c9", "#353b45")
MUTED = Colour("muted", "#6b6a63", "#9aa0a9")
INK = Colour("ink", "#22252b", "#e9e7e1")
P = Colour("p", "#0a63a5", "#6db3f2")
Q = Colour("q", "#c8500a", "#ff9a55")
KL = Colour("KL", "#7a3a9c", "#cf9bf0")
FISHER = Colour("Fisher", "#00795a", "#45cfa2")
CATEGORIES = (
    P,
    Q,
    FISHER,
    KL,
    Colour("sky", "#3aa0dc", "#9bd5ff"),
    Colour("amber", "#c98a00", "#f2c14e"),
    Colour("rose", "#bf5685", "#f29ac0"),
    MUTED,
)


@dataclass(frozen=True)
class Ramp:
    """A colour scale from `low` over (for a diverging ramp) paper to `high`."""

    name: str
    low: Colour
    high: Colour
    diverging: bool = False

    @cache  # noqa: B019  (ramps are module constants)
    def table(self, theme: Theme) -> UInt8[np.ndarray, "256 3"]:
        """256 sRGB colours from the lowest to the highest value."""
        low, high = (_oklab(getattr(colour, theme)) for colour in (self.low, self.high))
        u = np.linspace(0.0, 1.0, 256)[:, None]
        if not self.diverging:
            return _srgb(low + (high - low) * u)
        middle = _oklab(getattr(PAPER, theme))
        below, above = np.clip(1 - 2 * u, 0, 1), np.clip(2 * u - 1, 0, 1)
        return _srgb(middle + (low - middle) * below + (high - middle) * above)


LOG_RATIO = Ramp("log p/q", low=Q, high=P, diverging=True)
KL_INTEGRAND = Ramp("KL integrand", low=MUTED, high=KL, diverging=True)
FISHER_INTEGRAND = Ramp("Fisher integrand", low=PAPER, high=FISHER)
P_DENSITY = Ramp("p", low=PAPER, high=P)
Q_DENSITY = Ramp("q", low=PAPER, high=Q)
ANGLE = Ramp("angle", low=PAPER, high=INK)
ERROR = Ramp("error", low=PAPER, high=INK)

# Ottosson (2020), "A perceptual color space for image processing": linear sRGB -> LMS, cube root -> Lab.
_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def _oklab(colour: str) -> Float[np.ndarray, "3"]:
    encoded = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return _LAB @ np.cbrt(_LMS @ linear)


def _srgb(oklab: Float[np.ndarray, "n 3"]) -> UInt8[np.ndarray, "n 3"]:
    linear = np.linalg.solve(_LMS, np.linalg.solve(_LAB, oklab.T) ** 3).T.clip(0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(255 * encoded).astype(np.uint8)
