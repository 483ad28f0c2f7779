"""Curves drawn with a Gaussian pen: a chain of components whose covariances follow the tangent."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

OVERLAP = 0.6  # sd along the curve over the spacing: the density ripples by 2 exp(−2π² 0.6²) = 0.2 %
FINE = 1025  # points of a polyline


class Components(NamedTuple):
    """Terms w_k N(m_k, C_k) of a mixture, their weights not yet of sum 1."""

    weights: Float[Tensor, "K"]
    means: Float[Tensor, "K 2"]
    covariances: Float[Tensor, "K 2 2"]


def parameter(start: float, stop: float) -> Float[Tensor, "m"]:
    """The values of a curve's parameter at which its polyline is taken."""
    return torch.linspace(start, stop, FINE, dtype=torch.float64)


def polar(radius: Tensor, angle: Tensor) -> Float[Tensor, "m 2"]:
    """The points (r cos φ, r sin φ)."""
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=-1)


def arc(
    start: float, stop: float, centre: Sequence[float] = (0.0, 0.0), radii: Sequence[float] = (1.0, 1.0)
) -> Float[Tensor, "m 2"]:
    """The arc of the ellipse with these half-axes, between two angles in degrees."""
    phi = parameter(math.radians(start), math.radians(stop))
    circle = polar(torch.ones_like(phi), phi)
    return torch.tensor(centre, dtype=torch.float64) + torch.tensor(radii, dtype=torch.float64) * circle


def line(start: Sequence[float], stop: Sequence[float]) -> Float[Tensor, "m 2"]:
    """The straight line between two points."""
    ends = torch.tensor([start, stop], dtype=torch.float64)
    return torch.lerp(ends[0], ends[1], parameter(0, 1)[:, None])


def chain(
    curve: Float[Tensor, "m 2"],
    spacing: float,
    width: float | Float[Tensor, "m"],
    density: Float[Tensor, "m"] | None = None,
) -> Components:
    """Components in the middle of equal pieces of a polyline, about `spacing` long.

    `width` is the sd across the curve; `density` the mass per length, 1 if not given; both may vary along
    the polyline. The weights are masses.
    """
    length = torch.cat([curve.new_zeros(1), curve.diff(dim=0).norm(dim=-1).cumsum(0)])
    K = max(1, round(length[-1].item() / spacing))
    step = length[-1] / K
    middles = step * (torch.arange(K, dtype=torch.float64) + 0.5)
    tangent = torch.gradient(curve, dim=0)[0]
    along = _at(middles, length, tangent / tangent.norm(dim=-1, keepdim=True))
    along = along / along.norm(dim=-1, keepdim=True)
    across = torch.stack([-along[:, 1], along[:, 0]], dim=-1)
    sd = _at(middles, length, torch.as_tensor(width, dtype=torch.float64).expand(len(curve))[:, None])
    mass = step * (
        torch.ones(K, dtype=torch.float64)
        if density is None
        else _at(middles, length, density[:, None])[:, 0]
    )
    axes = torch.stack([OVERLAP * step * along, sd * across], dim=-1)
    return Components(mass, _at(middles, length, curve), axes @ axes.mT)


def joined(*parts: Components) -> Components:
    """All components of several chains."""
    return Components(*(torch.cat(column) for column in zip(*parts, strict=True)))


def moved(parts: Components, by: Sequence[float]) -> Components:
    """The same components elsewhere."""
    return parts._replace(means=parts.means + torch.tensor(by, dtype=torch.float64))


def _at(s: Float[Tensor, "K"], length: Float[Tensor, "m"], values: Float[Tensor, "m c"]) -> Tensor:
    """Linear interpolation of values given at `length`, at s inside its range."""
    right = torch.searchsorted(length, s).clamp(1, len(length) - 1)
    share = ((s - length[right - 1]) / (length[right] - length[right - 1]))[:, None]
    return torch.lerp(values[right - 1], values[right], share)
