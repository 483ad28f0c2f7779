"""Random directions v with E v = 0 and E vvᵀ = I, so that E vᵀJv = tr J (Hutchinson 1990)."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Probes(ABC):
    """A law of directions of unit covariance in any dimension."""

    name: str
    label: str

    @abstractmethod
    def draw(
        self, shape: Sequence[int], generator: torch.Generator, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """Independent directions along the last axis of `shape`."""


@dataclass(frozen=True)
class Rademacher(Probes):
    """±1 in every coordinate. Var(vᵀJv) = 2 Σ_{i≠j} M_ij², M the symmetric part: 0 for diagonal J."""

    def draw(
        self, shape: Sequence[int], generator: torch.Generator, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        bits = torch.randint(2, tuple(shape), generator=generator, device=generator.device)
        return bits.to(dtype).mul_(2).sub_(1)


@dataclass(frozen=True)
class Gaussian(Probes):
    """N(0, I). Var(vᵀJv) = 2‖M‖²."""

    def draw(
        self, shape: Sequence[int], generator: torch.Generator, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        return torch.randn(tuple(shape), generator=generator, dtype=dtype, device=generator.device)


@dataclass(frozen=True)
class Sphere(Probes):
    """Uniform on the sphere of radius √d. Var(vᵀJv) = 2d/(d + 2) ‖M − (tr M/d) I‖²."""

    def draw(
        self, shape: Sequence[int], generator: torch.Generator, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        z = torch.randn(tuple(shape), generator=generator, dtype=dtype, device=generator.device)
        return z * (shape[-1] ** 0.5 / z.norm(dim=-1, keepdim=True))


RADEMACHER = Rademacher("rademacher", "Rademacher")
GAUSSIAN = Gaussian("gaussian", "Gaussian")
SPHERE = Sphere("sphere", "sphere")

PROBES = (RADEMACHER, GAUSSIAN, SPHERE)
