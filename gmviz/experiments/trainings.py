"""One fit of a network by an objective, as a request.

All trainings of one `Setting` see the same points and noise, and start from the same weights per head.
"""

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.datasets import DATASETS, Dataset
from gmviz.fitting import Fit, Fresh, Points, Recipe, Source
from gmviz.knobs import Knob, Option, check_knobs, choice, controls_of, knob
from gmviz.networks import Architecture, Head
from gmviz.objectives import DSM, OBJECTIVES, PROBES, RADEMACHER, Objective, Probes
from gmviz.objectives.objective import has_edges

SIDE = 33  # nodes of the drawn field along an axis
REACH = 3.0  # standard deviations shown around every centre
TABLE_SEED = 20_000  # added to the seed where a finite table is drawn, apart from the seeds of fits
P2 = next(data for data in DATASETS if data.name == "p2")


@dataclass(frozen=True)
class Supply:
    """How many points there are to learn from; None for fresh ones in every step."""

    name: str
    label: str
    count: int | None


FRESH = Supply("fresh", "fresh in every step", None)
MANY = Supply("2000", "2000, and no more", 2000)
SUPPLIES = (FRESH, MANY, Supply("200", "200, and no more", 200))

AS_NEEDED = Option("as-needed", "a score; an energy where log q is needed")
SCORES = Option("scores", "scores (free fields)")
ENERGIES = Option("energies", "energies (gradients)")


@dataclass(frozen=True)
class Setting:
    """What all models of one fit share."""

    data: Dataset = choice(P2, DATASETS, label="Data")
    sigma: float = knob(0.2, 0.0, 2.0, 0.01, label="Noise σ", unit="length", help="0 leaves the data clean")
    supply: Supply = choice(FRESH, SUPPLIES, label="Points to learn from")
    network: Option = choice(AS_NEEDED, (AS_NEEDED, SCORES, ENERGIES), label="The network gives")
    width: int = knob(64, 16, 128, 16, label="Width")
    depth: int = knob(2, 1, 3, 1, label="Hidden layers")
    frequencies: int = knob(64, 0, 128, 16, label="Fourier features")
    steps: int = knob(400, 50, 4000, 50, label="Training steps")
    batch: int = knob(512, 64, 2048, 64, label="Batch", unit="points")
    rate: float = knob(0.02, 0.001, 0.1, 0.001, label="Learning rate")
    probes: Probes = choice(RADEMACHER, PROBES, label="Probes of SSM")
    slices: int = knob(1, 1, 8, 1, label="Probes per point")
    epsilon: float = knob(0.05, 0.01, 0.5, 0.01, label="Step ε of FD", unit="length")
    seed: int = knob(0, 0, 999, 1, label="Seed")

    def __post_init__(self) -> None:
        check_knobs(self)

    def training(self, objective: Objective) -> "Training":
        """The fit of one objective in this setting."""
        shared = {each.name: getattr(self, each.name) for each in fields(Setting)}
        return Training(**shared, objective=objective)

    @property
    def recipe(self) -> Recipe:
        """Steps, batch and rate, and when to look."""
        return Recipe(steps=self.steps, batch=self.batch, rate=self.rate)


@dataclass(frozen=True)
class Training(Setting):
    """The fit of one objective in a setting."""

    objective: Objective = choice(DSM(), OBJECTIVES, label="Objective")

    @property
    def head(self) -> Head:
        """What the network gives; an objective that needs log q gets it unless scores are asked for."""
        if self.network is AS_NEEDED:
            score = self.objective.refusal(Head.SCORE.provides, self.data.density) is None
            return Head.SCORE if score else Head.ENERGY
        return Head.SCORE if self.network is SCORES else Head.ENERGY

    @property
    def refusal(self) -> str | None:
        """Why this cannot run, in one sentence; None if it can."""
        noise = next(control for each, control in controls_of(self.objective) if each.name == "sigma")
        if isinstance(noise, Knob) and not noise.admits(self.sigma):
            return f"{self.objective.label} needs noise: set σ to {noise.minimum:g} or more"
        if self.sigma == 0 and has_edges(self.data.density):
            return "these data have hard edges and no true score to compare with: set σ above 0"
        return self.tuned.refusal(self.head.provides, self.data.density)

    @property
    def tuned(self) -> Objective:
        """The objective at this noise, with the knobs of the setting that it has."""
        own = {each.name for each in fields(self.objective)}
        knobs = ("sigma", "slices", "epsilon", *(("probes",) if "epsilon" not in own else ()))
        return replace(self.objective, **{name: getattr(self, name) for name in knobs if name in own})

    @property
    def source(self) -> Source:
        """Where the points come from."""
        if self.supply.count is None:
            return Fresh(self.data.density)
        generator = torch.Generator().manual_seed(TABLE_SEED + self.seed)
        return Points(self.data.density.sample(self.supply.count, generator), self.data.density)

    @property
    def fit(self) -> Fit:
        """The fit itself; `ValueError` with the reason where it cannot run."""
        reason = self.refusal
        require(reason is None, "objective", "one that can run here", reason)
        architecture = Architecture(width=self.width, depth=self.depth, frequencies=self.frequencies)
        return Fit(self.tuned, self.head, architecture, self.recipe, (self.seed,))

    @property
    def square(self) -> "Square":
        """The part of the plane that is drawn."""
        return Square.around(self.data, self.sigma)


@dataclass(frozen=True)
class Square:
    """An extent (x0, x1, y0, y1) of equal sides with SIDE × SIDE nodes spread over it, both ends included."""

    extent: tuple[float, float, float, float]

    @staticmethod
    def around(data: Dataset, sigma: float) -> "Square":
        """The smallest square that shows every centre ± `REACH` standard deviations of the noised law."""
        law = data.density.noised(sigma) if sigma > 0 else data.density
        box = law.bounds(REACH)
        x, y = box.mean(dim=-1).tolist()
        half = float((box[:, 1] - box[:, 0]).max()) / 2
        return Square((x - half, x + half, y - half, y + half))

    @property
    def nodes(self) -> Float[Tensor, "n 2"]:
        """All nodes, row by row, upwards."""
        x0, x1, y0, y1 = self.extent
        xs = torch.linspace(x0, x1, SIDE, dtype=torch.float64)
        ys = torch.linspace(y0, y1, SIDE, dtype=torch.float64)
        return torch.stack(torch.meshgrid(xs, ys, indexing="xy"), dim=-1).flatten(0, 1)

    @property
    def cell(self) -> float:
        """The area that belongs to a node."""
        return ((self.extent[1] - self.extent[0]) / (SIDE - 1)) ** 2
