"""Denoising score matching: regress on the direction the noise came from."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.densities import Density
from gmviz.knobs import knob
from gmviz.models import Model, Need
from gmviz.objectives.objective import Draw, Objective, Work, at_several, information
from gmviz.quadrature import Estimate


@dataclass(frozen=True)
class DSM(Objective):
    """½‖s(x + σz) + z/σ‖²."""

    sigma: float = knob(0.2, 0.005, 5.0, 0.01, label="noise σ", unit="length")

    name = "dsm"
    label = "DSM"
    formula = r"\tfrac12\left\|s(x+\sigma z)+z/\sigma\right\|^2"
    reference = "Vincent (2011), A connection between score matching and denoising autoencoders"
    needs = frozenset({Need.SCORE})

    def losses(
        self, model: Model, x: Float[Tensor, "*models n d"], draw: Draw, truth: Density | None = None
    ) -> Float[Tensor, "*models n"]:
        return (model.score(self.noisy(x, draw)) + draw.noise / self.sigma).square().sum(-1) / 2

    def offset(self, truth: Density) -> Estimate:
        """−C_σ, C_σ = d/(2σ²) − ½ E‖∇log p_σ‖²: what even the true score leaves over."""
        half = information(truth, self.sigma)
        return Estimate(half.value - truth.dimension / (2 * self.sigma**2), half.error)

    def work(self, provides: frozenset[Need], dimension: int) -> Work:
        return Work(1, 0, int(Need.LOG_DENSITY in provides))


@dataclass(frozen=True)
class AntitheticDSM(DSM):
    """The mean of DSM over z and −z, whose variance has no 1/σ²: a difference quotient of s with step σ."""

    name = "dsm-antithetic"
    label = "DSM ±z"
    formula = r"\tfrac14\sum_{\pm}\left\|s(x\pm\sigma z)\pm z/\sigma\right\|^2"

    def losses(
        self, model: Model, x: Float[Tensor, "*models n d"], draw: Draw, truth: Density | None = None
    ) -> Float[Tensor, "*models n"]:
        noise = torch.stack([draw.noise, -draw.noise])
        scores = at_several(model.score, x + self.sigma * noise)
        return (scores + noise / self.sigma).square().sum(-1).mean(0) / 2

    def work(self, provides: frozenset[Need], dimension: int) -> Work:
        return Work(2, 0, int(Need.LOG_DENSITY in provides))
