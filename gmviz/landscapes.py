"""A divergence as a landscape over the two parameters of a family: heights, slopes, lowest points."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.divergences import Divergence, LogRatio
from gmviz.families import Family, Target
from gmviz.quadrature import Estimate

ROUNDING = 1e-15  # of a height: no step that promises less is worth taking
CHUNK = 2**19  # values of an intermediate
DRAWN = 3.0  # steps of a map's rule in those of a number's


@dataclass(frozen=True, eq=False)
class Line:
    """Points x (T, N) on the line, one row for each noise level σ (T,), a step h (T,) apart."""

    sigma: Float[Tensor, "t"]
    x: Float[Tensor, "t n"]
    step: Float[Tensor, "t"]

    @staticmethod
    def covering(family: Family, target: Target, sigma: Float[Tensor, "t"], coarser: float = 1.0) -> "Line":
        """Rows that hold and resolve the target and all members of the box; `coarser` multiplies the step."""
        require(bool((sigma >= 0).all()), "sigma", "at least 0", sigma.min().item())
        reach = torch.maximum(family.reach(sigma), 2.0 + 9.0 * target.noised_sd(sigma))
        step = coarser * torch.minimum(family.step(sigma), target.step(sigma))
        n = int((2 * reach / step).max().ceil()) | 1
        steps = torch.linspace(-1.0, 1.0, n, dtype=torch.float64)
        return Line(sigma, reach[:, None] * steps, 2 * reach / (n - 1))


@dataclass(frozen=True, eq=False)
class Landscape:
    """D(p_σ, q_θ,σ) as a function of θ for T noise levels at once."""

    family: Family
    target: Target
    divergence: Divergence
    line: Line

    @staticmethod
    def of(
        family: Family,
        target: Target,
        divergence: Divergence,
        sigma: Float[Tensor, "t"],
        coarser: float = 1.0,
    ) -> "Landscape":
        """On a line that covers the family."""
        return Landscape(family, target, divergence, Line.covering(family, target, sigma, coarser))

    def heights(self, theta: Float[Tensor, "t p 2"]) -> Float[Tensor, "t p"]:
        """The divergence at P parameters for each noise level; one row of θ may serve all levels."""
        line, dtype = self.line, theta.dtype
        sigma, x = line.sigma.to(dtype)[:, None], line.x.to(dtype)[:, None]
        log_p, score_p = self.target.law(sigma, x)
        log_q, score_q = self.family.law(theta, sigma, x)
        ratio = LogRatio(log_p, log_q, score_p[..., None], score_q[..., None])
        moments = self.divergence.moments(ratio).sum(-1) * line.step.to(dtype)[:, None]
        return self.divergence.combine(Estimate(moments, torch.zeros_like(moments))).value

    def slopes(self, theta: Float[Tensor, "t 2"]) -> tuple[Float[Tensor, "t"], Float[Tensor, "t 2"]]:
        """Height and gradient at one θ for each noise level."""
        with torch.enable_grad():
            theta = theta.detach().requires_grad_()
            height = self.heights(theta[:, None])[:, 0]
            (gradient,) = torch.autograd.grad(height.sum(), theta)
        return height.detach(), gradient

    def curvature(self, theta: Float[Tensor, "t 2"]) -> Float[Tensor, "t 2 2"]:
        """The Hessian at one θ for each noise level."""
        with torch.enable_grad():
            theta = theta.detach().requires_grad_()
            return _hessian(self.heights(theta[:, None]).sum(), theta)

    def information(self, theta: Float[Tensor, "t 2"]) -> Float[Tensor, "t 2 2"]:
        """E_q[∂ log q (∂ log q)ᵀ] of the noised member: the metric of the natural gradient."""
        line = self.line
        log_q, _ = self.family.law(theta, line.sigma, line.x)
        tangents = self.family.tangents(theta, line.sigma, line.x)
        return (log_q.exp()[:, None] * tangents) @ tangents.mT * line.step[:, None, None]

    def lowest(self, start: Float[Tensor, "t 2"], iterations: int = 40) -> Float[Tensor, "t 2"]:
        """The minimum that Newton's method reaches from θ, downhill on both axes of the Hessian.

        A step that does not lower the height is halved; θ stays inside the family.
        """
        theta = start.detach().clone()
        height, gradient = self.slopes(theta)
        scale = torch.ones_like(height)
        for _ in range(iterations):
            values, axes = torch.linalg.eigh(self.curvature(theta))
            safe = values.abs().clamp(min=1e-9)
            step = -(axes @ ((axes.mT @ gradient[..., None]) / safe[..., None]))[..., 0]
            trial = theta + scale[:, None] * step
            allowed = self.family.inside(trial)
            trial = torch.where(allowed[:, None], trial, theta)
            there, slope = self.slopes(trial)
            better = allowed & (there < height)
            theta = torch.where(better[:, None], trial, theta)
            gradient = torch.where(better[:, None], slope, gradient)
            height = torch.where(better, there, height)
            scale = torch.where(better, (2 * scale).clamp(max=1.0), scale / 2)
            if bool(((step * gradient).sum(-1).abs() < ROUNDING * (1 + height.abs())).all()):
                break
        return theta

    def condition(self, theta: Float[Tensor, "t 2"]) -> tuple[Float[Tensor, "t 2"], Float[Tensor, "t"]]:
        """The Hessian's eigenvalues at θ, rising, and their ratio; ∞ where the smaller is not positive."""
        values = torch.linalg.eigvalsh(self.curvature(theta))
        ratio = values[:, 1] / values[:, 0]
        return values, torch.where(values[:, 0] > 0, ratio, torch.full_like(ratio, torch.inf))


def height_map(
    family: Family,
    target: Target,
    divergence: Divergence,
    sigma: Float[Tensor, "t"],
    shape: tuple[int, int],
) -> Float[Tensor, "t h w"]:
    """Heights over the family's box in single precision, for drawing; the second parameter upwards."""
    rows, columns = shape
    a0, a1, b0, b1 = family.box
    b, a = torch.meshgrid(torch.linspace(b0, b1, rows), torch.linspace(a0, a1, columns), indexing="ij")
    theta = torch.stack([a, b], dim=-1).flatten(0, 1)[None]
    levels = []
    for level in sigma.split(1):  # each on only as many nodes as it needs
        landscape = Landscape.of(family, target, divergence, level, DRAWN)
        blocks = theta.split(max(1, CHUNK // landscape.line.x.numel()), dim=1)
        levels.append(torch.cat([landscape.heights(block) for block in blocks], dim=1))
    return torch.cat(levels).unflatten(-1, shape)


def _hessian(total: Tensor, theta: Float[Tensor, "t 2"]) -> Float[Tensor, "t 2 2"]:
    """Second derivatives of a sum of functions of one row of θ each."""
    (gradient,) = torch.autograd.grad(total, theta, create_graph=True)
    rows = [torch.autograd.grad(gradient[:, i].sum(), theta, retain_graph=True)[0] for i in (0, 1)]
    return torch.stack(rows, dim=-2)
