"""How much the loss of one sample spreads, and how much the gradient that training follows does.

For a model with score s and Jacobian J, points x̃ = x + σz from p_σ with score t and Hessian H. Training feels
the gradient in the parameters; it is taken here along the simplest one, the scale θ of θs at θ = 1.
All are integrals over p_σ: what depends on z is integrated by parts, E[z|x̃] = −σt and
E[zzᵀ|x̃] = I + σ²(H + ttᵀ) (Tweedie; its second order is the Hessian's).
"""

from dataclasses import dataclass, replace
from functools import singledispatchmethod

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.densities import Density
from gmviz.models import Model, Need
from gmviz.objectives import DSM, ESM, ISM, SPHERE, SSM, SSMVR, AntitheticDSM, Objective, Probes
from gmviz.objectives.objective import noised
from gmviz.objectives.probes import GAUSSIAN, RADEMACHER
from gmviz.quadrature import Grid

SAMPLES = 8_000


@dataclass(frozen=True)
class Spread:
    """Standard deviations per sample: of the loss, and of its derivative in the scale of the score.

    The errors are 0 where the deviations are integrals, standard errors where they are sampled.
    """

    loss: float
    gradient: float
    loss_error: float = 0.0
    gradient_error: float = 0.0


class EstimatorNoise:
    """The spread of every estimator for one law, one noise level σ > 0 and one model, by quadrature."""

    def __init__(self, truth: Density, sigma: float, model: Model, reach: float = 7.0) -> None:
        require(sigma > 0, "sigma", "positive", sigma)
        self.truth, self.sigma, self.model = truth, sigma, model
        p = noised(truth, sigma)
        grid = Grid.covering(p, reach=reach, comfortable=1)
        log_p, self._t = p.value_and_score(grid.nodes)
        self._mass = grid.weights * log_p.exp()
        self._s, jacobian = model.jacobian(grid.nodes)
        self._sym = (jacobian + jacobian.mT) / 2
        self._trace = jacobian.diagonal(dim1=-2, dim2=-1).sum(-1)
        self._hessian = p.hessian(grid.nodes)
        self._square = self._s.square().sum(-1)

    @singledispatchmethod
    def spread(self, objective: Objective) -> Spread:
        """The spread of an objective with its own probes; from samples where no closed form is known."""
        return self.sampled(objective, SAMPLES, torch.Generator().manual_seed(0))

    @spread.register
    def _(self, objective: ESM) -> Spread:
        apart = self._s - self._t
        return Spread(self._sd(apart.square().sum(-1) / 2), self._sd((self._s * apart).sum(-1)))

    @spread.register
    def _(self, objective: ISM) -> Spread:
        return Spread(self._sd(self._square / 2 + self._trace), self._sd(self._square + self._trace))

    @spread.register
    def _(self, objective: SSM) -> Spread:
        outer = self._s.unsqueeze(-1) * self._s.unsqueeze(-2)
        return self._sliced(objective.probes, objective.slices, (self._sym + outer / 2, self._sym + outer))

    @spread.register
    def _(self, objective: SSMVR) -> Spread:
        return self._sliced(objective.probes, objective.slices, (self._sym, self._sym))

    @spread.register
    def _(self, objective: DSM) -> Spread:
        """With n = z/σ: L = ½|s|² + s·n + ½|n|² and L' = |s|² + s·n."""
        s, t, q = self._s, self._t, self._square
        d, variance = s.shape[-1], self.sigma**2
        cross = -(s * t).sum(-1)  # E[s·n|x̃]
        twice = q / variance + ((s.unsqueeze(-2) @ self._hessian).squeeze(-2) * s).sum(-1) + cross.square()
        size = self._hessian.diagonal(dim1=-2, dim2=-1).sum(-1) + t.square().sum(-1)
        length = d / variance + size  # E[|n|²|x̃]
        # E[s·n |n|²] by parts over z: (div s (|n|² + 2/σ²)) once for s and once for |n|².
        skew = self._trace * (length + 2 / variance)
        squares = q.square() / 4 + twice + q * cross + q * length / 2 + skew
        fourth = d * (d + 2) / (4 * variance**2)
        mean = self._mean(q / 2 + cross) + d / (2 * variance)
        slope = self._mean(q.square() + 2 * q * cross + twice) - self._mean(q + cross) ** 2
        return Spread((self._mean(squares) + fourth - mean**2) ** 0.5, slope**0.5)

    @spread.register
    def _(self, objective: AntitheticDSM) -> Spread:
        return self.sampled(objective, SAMPLES, torch.Generator().manual_seed(0))

    def sampled(self, objective: Objective, n: int, generator: torch.Generator) -> Spread:
        """The spread of any objective over n samples. Its loss is quadratic in θ: three values give L'."""
        tuned = replace(objective, sigma=self.sigma)
        x = self.truth.sample(n, generator)
        draw = tuned.draw(x, generator)
        none, up, down = (
            tuned.losses(Scaled(self.model, theta), x, draw, self.truth) for theta in (0.0, 1.0, -1.0)
        )
        (loss, error), (gradient, doubt) = map(_sample_sd, (up, 1.5 * up + 0.5 * down - 2 * none))
        return Spread(loss, gradient, error, doubt)

    def _sliced(self, probes: Probes, slices: int, matrices: tuple[Tensor, Tensor]) -> Spread:
        """ISM's spread, and beside it that of vᵀMv over the probes v, for the loss and for its derivative."""
        whole = self.spread(ISM(sigma=self.sigma))
        loss, gradient = (self._mean(probe_variance(probes, M)) / slices for M in matrices)
        return Spread((whole.loss**2 + loss) ** 0.5, (whole.gradient**2 + gradient) ** 0.5)

    def _mean(self, values: Float[Tensor, "n"]) -> float:
        return float(self._mass @ values)

    def _sd(self, values: Float[Tensor, "n"]) -> float:
        return max(self._mean((values - self._mean(values)).square()), 0.0) ** 0.5


def probe_variance(probes: Probes, matrix: Float[Tensor, "*n d d"]) -> Float[Tensor, "*n"]:
    """Var_v(vᵀMv) for a symmetric M; `ValueError` for probes without a closed form."""
    total, diagonal = matrix.square().sum((-2, -1)), matrix.diagonal(dim1=-2, dim2=-1)
    d = matrix.shape[-1]
    if probes is RADEMACHER:
        return 2 * (total - diagonal.square().sum(-1))
    if probes is GAUSSIAN:
        return 2 * total
    require(probes is SPHERE, "probes", "Rademacher, Gaussian or sphere", probes)
    return 2 * d / (d + 2) * (total - diagonal.sum(-1).square() / d)


def _sample_sd(values: Float[Tensor, "n"]) -> tuple[float, float]:
    """The standard deviation and its standard error, by the delta method."""
    centred = (values - values.mean()).square()
    variance = centred.mean()
    error = (centred.square().mean() - variance**2).clamp(min=0).sqrt() / len(values) ** 0.5
    return float(variance.sqrt()), float(error / (2 * variance.sqrt().clamp(min=1e-300)))


class Scaled(Model):
    """θs in the place of s, a field that need not be a gradient."""

    label = "scaled score"
    provides = frozenset({Need.SCORE})

    def __init__(self, model: Model, theta: float | Tensor) -> None:
        self._model, self._theta = model, theta

    @property
    def dimension(self) -> int:
        return self._model.dimension

    def jet(
        self, x: Float[Tensor, "... n d"], directions: Float[Tensor, "m ..."]
    ) -> tuple[Float[Tensor, "... n d"], Float[Tensor, "m ..."]]:
        """θs and θJv."""
        score, columns = self._model.jet(x, directions)
        return self._theta * score, self._theta * columns

    def score(self, x: Float[Tensor, "... n d"]) -> Float[Tensor, "... n d"]:
        """θs."""
        return self._theta * self._model.score(x)
