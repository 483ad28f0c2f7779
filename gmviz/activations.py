"""Smooth activations and their derivatives, which score matching differentiates up to three times."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Activation(ABC):
    """A smooth function a of one variable, applied to every unit."""

    name: str

    @abstractmethod
    def derivatives(self, z: Tensor, order: int) -> tuple[Tensor, ...]:
        """a(z), a'(z), ... up to `order` (at most 3), each of the shape of z."""


@dataclass(frozen=True)
class SiLU(Activation):
    """a(z) = z σ(z), the logistic-weighted identity (Elfwing, Uchibe, Doya 2018)."""

    def derivatives(self, z: Tensor, order: int) -> tuple[Tensor, ...]:
        """a' = σ + a(1 − σ),  a'' = (1 − σ)(2a' − a),  a''' = (1 − σ)[2a'' − a' − σ(2a' − a)]."""
        gate = torch.sigmoid(z)
        value = z * gate
        if order == 0:
            return (value,)
        rest = 1 - gate
        slope = torch.addcmul(gate, value, rest)
        if order == 1:
            return value, slope
        inner = torch.lerp(value, slope, 2.0)  # 2a' − a
        curvature = inner * rest
        if order == 2:
            return value, slope, curvature
        return value, slope, curvature, (torch.lerp(slope, curvature, 2.0) - gate * inner) * rest


@dataclass(frozen=True)
class Tanh(Activation):
    """a(z) = tanh z."""

    def derivatives(self, z: Tensor, order: int) -> tuple[Tensor, ...]:
        """a' = 1 − a²,  a'' = −2aa',  a''' = −2(a'² + aa'')."""
        value = torch.tanh(z)
        if order == 0:
            return (value,)
        slope = 1 - value * value
        if order == 1:
            return value, slope
        curvature = -2 * value * slope
        if order == 2:
            return value, slope, curvature
        return value, slope, curvature, -2 * (slope * slope + value * curvature)


@dataclass(frozen=True)
class Softplus(Activation):
    """a(z) = log(1 + exp z)."""

    def derivatives(self, z: Tensor, order: int) -> tuple[Tensor, ...]:
        """a' = σ,  a'' = σ(1 − σ),  a''' = a''(1 − 2σ)."""
        value = torch.logaddexp(z, torch.zeros((), dtype=z.dtype, device=z.device))
        if order == 0:
            return (value,)
        slope = torch.sigmoid(z)
        if order == 1:
            return value, slope
        curvature = slope * (1 - slope)
        if order == 2:
            return value, slope, curvature
        return value, slope, curvature, curvature * (1 - 2 * slope)


ACTIVATIONS = (SiLU("SiLU"), Tanh("tanh"), Softplus("softplus"))


def derivatives(activation: Activation, z: Tensor, order: int) -> tuple[Tensor, ...]:
    """a, a', ... up to `order` (1 or 2), to differentiate once: one node of the graph instead of ten."""
    return _Derivatives.apply(z, activation, order)


class _Derivatives(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, activation: Activation, order: int) -> tuple[Tensor, ...]:
        ctx.save_for_backward(z)
        ctx.activation, ctx.order = activation, order
        return activation.derivatives(z, order)

    @staticmethod
    def backward(ctx: Any, *g: Tensor) -> tuple[Tensor, None, None]:
        if torch.is_grad_enabled():
            raise RuntimeError("the derivatives of an activation can be differentiated once")
        (z,) = ctx.saved_tensors
        _, *higher = ctx.activation.derivatives(z, ctx.order + 1)
        total = g[0] * higher[0]
        for each, slope in zip(g[1:], higher[1:], strict=True):
            total.addcmul_(each, slope)
        return total, None, None
