"""Pairs of mixtures with handles: the two densities that the comparing pages move.

A preset is drawn at separation D = 8; any other D scales its means by D/8. Width scales the standard
deviations of q, rotation turns q about the origin, noise is added to both, and the first and the last centre
of each density may be shifted.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.densities import GaussianMixture

Matrix = tuple[tuple[float, float], tuple[float, float]]
SHIFTS = ("p_first_x", "p_first_y", "p_last_x", "p_last_y", "q_first_x", "q_first_y", "q_last_x", "q_last_y")
REFERENCE_SEPARATION = 8.0


@dataclass(frozen=True)
class Blobs:
    """Weights (K,), means (K, 2) and covariances (K, 2, 2) as plain numbers."""

    weights: tuple[float, ...]
    means: tuple[tuple[float, float], ...]
    covariances: tuple[Matrix, ...]

    def mixture(
        self,
        scale: Float[Tensor, "t"],
        weight: Float[Tensor, "t"] | None,
        width: Float[Tensor, "t"],
        rotation: Float[Tensor, "t"],
        shifts: Float[Tensor, "t 2 2"],
    ) -> GaussianMixture:
        """The mixtures for t settings; `weight` replaces the first weight, the others share what is left."""
        base = torch.tensor(self.weights, dtype=torch.float64)
        means = torch.tensor(self.means, dtype=torch.float64)
        covariances = torch.tensor(self.covariances, dtype=torch.float64)
        if weight is None:
            weights = base.expand(len(scale), -1)
        else:
            rest = base[1:] / base[1:].sum() * (1 - weight)[:, None]
            weights = torch.cat([weight[:, None], rest], dim=-1)
        cos, sin = torch.cos(rotation), torch.sin(rotation)
        turn = torch.stack([cos, -sin, sin, cos], dim=-1).reshape(-1, 1, 2, 2)
        centres = (turn @ means[..., None])[..., 0] * scale[:, None, None]
        centres[:, 0] += shifts[:, 0]
        centres[:, -1] += shifts[:, 1]
        spread = turn @ covariances @ turn.mT * (width**2)[:, None, None, None]
        return GaussianMixture(weights, centres, spread)


@dataclass(frozen=True)
class Preset:
    """A named pair: `starts` show it as it is meant; `weighted` says whether weights are its controls."""

    name: str
    label: str
    p: Blobs
    q: Blobs
    weighted: bool
    starts: tuple[tuple[str, float], ...]

    @property
    def centred(self) -> bool:
        """Whether all means are the origin, so that there is nothing to separate."""
        return not any(any(mean) for mean in (*self.p.means, *self.q.means))

    def densities(
        self, settings: Mapping[str, Float[Tensor, "t"]]
    ) -> tuple[GaussianMixture, GaussianMixture]:
        """p and q for t settings of separation, weights, width, rotation (degrees), noise and shifts."""
        one, none = torch.ones_like(settings["separation"]), torch.zeros_like(settings["separation"])
        scale = settings["separation"] / REFERENCE_SEPARATION
        shifts = torch.stack([settings[name] for name in SHIFTS], dim=-1).reshape(-1, 2, 2, 2)
        p = self.p.mixture(scale, settings["weight_p"] if self.weighted else None, one, none, shifts[:, 0])
        turn = torch.deg2rad(settings["rotation"])
        weight_q = settings["weight_q"] if self.weighted else None
        q = self.q.mixture(scale, weight_q, settings["width"], turn, shifts[:, 1])
        return p.diffused(1.0, settings["noise"]), q.diffused(1.0, settings["noise"])

    def named(self) -> tuple[GaussianMixture, GaussianMixture]:
        """p and q as the preset is meant, at separation 8."""
        still = dict.fromkeys(("rotation", "noise", *SHIFTS), 0.0) | {"separation": REFERENCE_SEPARATION}
        settings = still | {"weight_p": 0.5, "weight_q": 0.5, "width": 1.0} | dict(self.starts)
        row = {name: torch.tensor([value], dtype=torch.float64) for name, value in settings.items()}
        p, q = self.densities(row)
        return _first(p), _first(q)


def _first(batch: GaussianMixture) -> GaussianMixture:
    return GaussianMixture(batch.weights[0], batch.means[0], batch.covariances[0])


def _round(variance: float) -> Matrix:
    return ((variance, 0.0), (0.0, variance))


def _comb(sd: float) -> Blobs:
    teeth = tuple((0.8 * k, 0.0) for k in range(-4, 5))
    return Blobs((1 / 9,) * 9, teeth, (((sd**2, 0.0), (0.0, 1.0)),) * 9)


_FAR = ((-4.0, 0.0), (4.0, 0.0))
FAR = Preset(
    name="far",
    label="Two far modes",
    p=Blobs((0.8, 0.2), _FAR, (_round(1.0),) * 2),
    q=Blobs((0.2, 0.8), _FAR, (_round(1.0),) * 2),
    weighted=True,
    starts=(("weight_p", 0.8), ("weight_q", 0.2), ("width", 1.0)),
)
COMB = Preset(
    name="comb",
    label="Nine-tooth comb",
    p=_comb(0.3),
    q=_comb(0.45),
    weighted=False,
    starts=(("width", 1.0),),
)
BLOBS = Preset(
    name="blobs",
    label="Three blobs against two",
    p=Blobs(
        (0.5, 0.3, 0.2),
        ((-1.5, 0.0), (1.5, 0.5), (0.0, 2.0)),
        (((0.5, 0.2), (0.2, 0.4)), _round(0.36), ((0.3, -0.1), (-0.1, 0.6))),
    ),
    q=Blobs(
        (0.6, 0.4),
        ((-1.0, 0.3), (1.2, 0.8)),
        (((0.8, 0.0), (0.0, 0.6)), ((0.5, 0.1), (0.1, 0.7))),
    ),
    weighted=True,
    starts=(("weight_p", 0.5), ("weight_q", 0.6), ("width", 1.0)),
)
CIGAR = Preset(
    name="cigar",
    label="Two long Gaussians",
    p=Blobs((1.0,), ((0.0, 0.0),), (((4.0, 0.0), (0.0, 0.25)),)),
    q=Blobs((1.0,), ((0.0, 0.0),), (((4.0, 0.0), (0.0, 0.25)),)),
    weighted=False,
    starts=(("width", 1.0), ("rotation", 30.0)),
)
PRESETS = (FAR, COMB, BLOBS, CIGAR)
