"""Balls rolling down a landscape: gradient descent and natural gradient, with a step that adapts."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.landscapes import Landscape

FIRST = 0.05  # of the box: the first step
ENOUGH = 1e-4  # of the predicted fall must be had (Armijo 1966)


@dataclass(frozen=True)
class Method(ABC):
    """Where a ball goes from a slope."""

    name: ClassVar[str]
    label: ClassVar[str]

    @abstractmethod
    def direction(
        self, landscape: Landscape, theta: Float[Tensor, "t 2"], gradient: Float[Tensor, "t 2"]
    ) -> Float[Tensor, "t 2"]:
        """The direction of the next step."""


@dataclass(frozen=True)
class GradientDescent(Method):
    """Straight down in the coordinates of the map."""

    name = "gradient"
    label = "Gradient descent"

    def direction(
        self, landscape: Landscape, theta: Float[Tensor, "t 2"], gradient: Float[Tensor, "t 2"]
    ) -> Float[Tensor, "t 2"]:
        return -gradient


@dataclass(frozen=True)
class NaturalGradient(Method):
    """Down in the metric of the family's information matrix, whatever the coordinates (Amari 1998)."""

    name = "natural"
    label = "Natural gradient"

    def direction(
        self, landscape: Landscape, theta: Float[Tensor, "t 2"], gradient: Float[Tensor, "t 2"]
    ) -> Float[Tensor, "t 2"]:
        return -torch.linalg.solve(landscape.information(theta), gradient)


GRADIENT = GradientDescent()
NATURAL = NaturalGradient()
METHODS: tuple[Method, ...] = (GRADIENT, NATURAL)


@dataclass(frozen=True, eq=False)
class Path:
    """Where the balls were after each evaluation: θ (K + 1, T, 2) and their heights (K + 1, T)."""

    theta: Float[Tensor, "k t 2"]
    heights: Float[Tensor, "k t"]


def descend(
    landscape: Landscape, start: Float[Tensor, "t 2"], evaluations: int, method: Method = GRADIENT
) -> Path:
    """Roll one ball per noise level from `start`; every evaluation of height and slope counts as one step.

    A trial that lowers the height enough is taken and the step doubled, else the ball waits and the step is
    quartered. Raises `ValueError` for a start outside the family.
    """
    require(bool(landscape.family.inside(start).all()), "start", "inside the family", start.tolist())
    theta = start.detach().clone()
    height, gradient = landscape.slopes(theta)
    direction = method.direction(landscape, theta, gradient)
    low, high = landscape.family.corners()
    rate = FIRST * (high - low).norm() / direction.norm(dim=-1).clamp(min=1e-12)
    thetas, heights = [theta], [height]
    for _ in range(evaluations):
        trial = theta + rate[:, None] * direction
        allowed = landscape.family.inside(trial)
        there, slope = landscape.slopes(torch.where(allowed[:, None], trial, theta))
        fall = ENOUGH * rate * (direction * gradient).sum(-1)
        taken = allowed & (there <= height + fall) & (there < height)
        theta = torch.where(taken[:, None], trial, theta)
        height = torch.where(taken, there, height)
        gradient = torch.where(taken[:, None], slope, gradient)
        rate = torch.where(taken, 2 * rate, rate / 4)
        direction = method.direction(landscape, theta, gradient)
        thetas.append(theta)
        heights.append(height)
    return Path(torch.stack(thetas), torch.stack(heights))
