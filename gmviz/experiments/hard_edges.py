"""The view of hard edges: a uniform square, and a normal that is to be fitted to it by its score.

Inside the square the score is 0, so ESM = ½E‖s‖² and ISM should equal it up to a constant. It does not:
integration by parts leaves the flow ∮ p s·n through the edge, which changes with the model.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.boxes import Boxes
from gmviz.densities import Density, GaussianMixture
from gmviz.experiments.scene import nearest
from gmviz.knobs import Option, check_knobs, choice, knob
from gmviz.models import ExactScore
from gmviz.objectives import ISM, Draw, boundary_term
from gmviz.objectives.objective import information, noised
from gmviz.quadrature import Grid

VARIANCES = torch.logspace(-0.4, 1.1, 31, dtype=torch.float64) / 3  # of the model; 1/3 among them
CLEAN, NOISED = Option("clean", "As they are"), Option("noised", "Noised by σ")
SQUARE = Boxes(
    torch.ones(1, dtype=torch.float64),
    -torch.ones(1, 2, dtype=torch.float64),
    torch.ones(1, 2, dtype=torch.float64),
)


@dataclass(frozen=True)
class Request:
    """Whether the edges are hard, and the noise if they are not."""

    edges: Option = choice(CLEAN, (CLEAN, NOISED), label="The edges")
    blur: float = knob(0.2, 0.05, 0.5, 0.05, label="Noise on the edges σ", unit="length")

    def __post_init__(self) -> None:
        check_knobs(self)

    @property
    def sigma(self) -> float:
        """The noise."""
        return self.blur if self.edges is NOISED else 0.0

    @property
    def law(self) -> Density:
        """The square, noised or not."""
        return noised(SQUARE, self.sigma)


@dataclass(frozen=True, eq=False)
class Edges:
    """ESM, ISM with the constant that should make it ESM, and ∮ p s·n, for every variance (T,)."""

    request: Request
    esm: Float[Tensor, "t"]
    ism: Float[Tensor, "t"]
    flow: Float[Tensor, "t"]

    def at(self, position: float) -> dict[str, float]:
        """The numbers at the variance closest to `position`, and the variance each loss chooses."""
        i = nearest(VARIANCES, position)
        return {
            "variance": float(VARIANCES[i]),
            "esm": float(self.esm[i]),
            "ism": float(self.ism[i]),
            "gap": float(self.ism[i] - self.esm[i]),
            "flow": float(self.flow[i]),
            "esm_choice": float(VARIANCES[self.esm.argmin()]),
            "ism_choice": float(VARIANCES[self.ism.argmin()]),
            "widest": float(VARIANCES[-1]),
        }

    def table(self) -> dict[str, list[float]]:
        """The three along the variance, by column."""
        columns = {"variance": VARIANCES, "ESM": self.esm, "ISM + constant": self.ism, "flow": self.flow}
        return {name: values.tolist() for name, values in columns.items()}


def model(variance: float) -> ExactScore:
    """N(0, v I) as a score network that has learnt it."""
    one = torch.ones(1, dtype=torch.float64)
    eye = torch.eye(2, dtype=torch.float64)
    return ExactScore(GaussianMixture(one, torch.zeros(1, 2, dtype=torch.float64), (variance * eye)[None]))


def run(request: Request) -> Edges:
    """Both losses by quadrature, and the flow by quadrature over the faces (0 once there are none)."""
    law, sharp = request.law, request.edges is CLEAN
    grid = Grid.covering(law, reach=7.0, comfortable=1)
    x = grid.nodes
    mass = law.log_prob(x).exp() * grid.weights
    score = torch.zeros_like(x) if sharp else law.score(x)
    still = Draw(torch.zeros_like(x), x.new_empty(0, *x.shape))
    constant = 0.0 if sharp else float(information(SQUARE, request.sigma).value)
    esm, ism, flow = [], [], []
    for variance in VARIANCES.tolist():
        q = model(variance)
        esm.append(mass @ (q.score(x) - score).square().sum(-1) / 2)
        ism.append(mass @ ISM(sigma=0.0).losses(q, x, still) + constant)
        flow.append(boundary_term(SQUARE, q) if sharp else x.new_zeros(()))
    return Edges(request, torch.stack(esm), torch.stack(ism), torch.stack(flow))
