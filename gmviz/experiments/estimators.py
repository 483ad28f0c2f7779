"""The view of the estimators' noise: the spread per sample of every loss and of its gradient, against σ."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.datasets import DATASETS, Dataset
from gmviz.densities import Density, GaussianMixture
from gmviz.estimator_noise import EstimatorNoise
from gmviz.experiments.scene import nearest
from gmviz.experiments.trainings import P2
from gmviz.knobs import Option, check_knobs, choice, knob
from gmviz.models import ExactScore
from gmviz.objectives import (
    DSM,
    ESM,
    ISM,
    PROBES,
    RADEMACHER,
    SSM,
    SSMVR,
    AntitheticDSM,
    Objective,
    Probes,
    Sliced,
)
from gmviz.objectives.objective import has_edges, noised
from gmviz.pairs import Q2

SIGMAS = torch.logspace(0.30103, -1.69897, 25, dtype=torch.float64)  # 2 to 0.02, 0.2 among them
SHORTEST = 0.1  # where the data have edges, whose noised grids grow like 1/σ²
ESTIMATORS: tuple[Objective, ...] = (DSM(), AntitheticDSM(), ISM(), SSMVR(), SSM(), ESM())

OTHER = Option("other", "Q2, another mixture")
NORMAL = Option("normal", "the normal of the data's moments")
TRUTH = Option("truth", "the truth itself")
JUDGED = (OTHER, NORMAL, TRUTH)


@dataclass(frozen=True)
class Request:
    """The data, the model that the losses are taken of, and the probes of the sliced ones."""

    data: Dataset = choice(P2, DATASETS, label="Data")
    judged: Option = choice(OTHER, JUDGED, label="The model", help="whose losses are taken, at every noise")
    probes: Probes = choice(RADEMACHER, PROBES, label="Probes of SSM")
    slices: int = knob(1, 1, 8, 1, label="Probes per point")

    def __post_init__(self) -> None:
        check_knobs(self)


@dataclass(frozen=True, eq=False)
class Noise:
    """Standard deviations per sample of each estimator (E, T) along σ (T,): of its loss, of its gradient."""

    request: Request
    estimators: tuple[Objective, ...]
    sigmas: Float[Tensor, "t"]
    loss: Float[Tensor, "e t"]
    gradient: Float[Tensor, "e t"]
    loss_error: Float[Tensor, "e t"]

    def at(self, position: float) -> dict[str, float]:
        """The deviations at the σ closest to `position`, and those at the widest noise as `…_wide`."""
        i = nearest(self.sigmas, position)
        numbers: dict[str, float] = {}
        for row, each in enumerate(self.estimators):
            name = each.name.replace("-", "_")
            numbers |= {
                f"{name}_loss": float(self.loss[row, i]),
                f"{name}_gradient": float(self.gradient[row, i]),
                f"{name}_loss_wide": float(self.loss[row, 0]),
                f"{name}_gradient_wide": float(self.gradient[row, 0]),
            }
        return numbers

    def table(self) -> dict[str, list[float]]:
        """Every deviation along σ, by column."""
        columns = {"σ": self.sigmas}
        for row, each in enumerate(self.estimators):
            columns |= {f"{each.label} loss": self.loss[row], f"{each.label} gradient": self.gradient[row]}
        return {name: values.tolist() for name, values in columns.items()}


def run(request: Request) -> Noise:
    """The spread of every estimator at every noise level."""
    truth = request.data.density
    sigmas = SIGMAS[SIGMAS >= SHORTEST] if has_edges(truth) else SIGMAS
    estimators = tuple(_tuned(each, request) for each in ESTIMATORS)
    rows = []
    for sigma in sigmas.tolist():
        at_sigma = EstimatorNoise(truth, sigma, ExactScore(_model(truth, sigma, request.judged)))
        rows.append([at_sigma.spread(replace(each, sigma=sigma)) for each in estimators])
    loss, gradient, error = (
        torch.tensor([[getattr(each, name) for each in row] for row in rows], dtype=torch.float64).mT
        for name in ("loss", "gradient", "loss_error")
    )
    return Noise(request, estimators, sigmas, loss, gradient, error)


def _tuned(objective: Objective, request: Request) -> Objective:
    """The objective with the chosen probes, if it has any."""
    if isinstance(objective, Sliced):
        return replace(objective, probes=request.probes, slices=request.slices)
    return objective


def _model(truth: Density, sigma: float, judged: Option) -> Density:
    """The model q_σ that the losses are taken of."""
    if judged is TRUTH:
        return noised(truth, sigma)
    if judged is OTHER:
        return Q2.noised(sigma)
    one = torch.ones(1, dtype=torch.float64)
    normal = GaussianMixture(one, truth.mean().unsqueeze(0), truth.covariance().unsqueeze(0))
    return normal.noised(sigma)
