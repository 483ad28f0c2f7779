"""A walk along a road: particles on the page's clock, and what is measured on the way."""

from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gmviz.boxes import Boxes
from gmviz.datasets import Dataset
from gmviz.densities import Density, Mixture
from gmviz.experiments.roads import BY_NOISE, Road
from gmviz.metrics import total_variance
from gmviz.projections import Lines, directions, every_lines, lines_of
from gmviz.samplers import Sampler, Stop

FRAMES = 50
SPENT = torch.linspace(0, 1, FRAMES + 1, dtype=torch.float64)  # the shared clock: share of evaluations spent
NOISES = torch.logspace(1.3, -1.3, FRAMES + 1, dtype=torch.float64)  # the other one: noise level σ/α
KEPT = 4 * FRAMES  # states kept of a long run, of which the clock shows some
DIRECTIONS, NODES = 16, 128  # of the sliced distance along the way: right to half a percent
SHARP = 1e-3  # noise under which boxes are told apart


@dataclass(frozen=True, eq=False)
class Walk:
    """The particles of a road on the page's clock: (T, n, 2) with noise level and evaluations spent (T,).

    `total` is what a whole run costs; `stopped` says why one ended early, its last state is then held.
    """

    request: Road
    sampler: Sampler
    states: Float[Tensor, "T n 2"]
    alphas: Float[Tensor, "T"]
    sigmas: Float[Tensor, "T"]
    evaluations: Int[Tensor, "T"]
    total: int
    stopped: Stop | None

    @property
    def levels(self) -> list[tuple[float, float]]:
        """(α, σ) at every frame."""
        return list(zip(self.alphas.tolist(), self.sigmas.tolist(), strict=True))

    @property
    def final(self) -> Float[Tensor, "n 2"]:
        """The last state."""
        return self.states[-1]


def walk(road: Road) -> Walk:
    """Move the particles and read them off at the ticks of the clock."""
    sampler = road.built()
    film = sampler.run(
        road.model(), road.start_points(road.n, road.seed), torch.Generator().manual_seed(road.seed), KEPT
    )
    spent = film.evaluations
    total = sampler.cost or int(spent[-1])
    if road.clock is BY_NOISE:
        # The last state whose noise is still at least the clock's: noise falls along every schedule.
        reached = (film.sigmas / film.alphas)[None] >= NOISES[:, None] * (1 - 1e-9)
    else:
        reached = spent[None].double() <= SPENT[:, None] * total + 1e-9
    shown = (reached.sum(-1) - 1).clamp(min=0)
    return Walk(
        request=road,
        sampler=sampler,
        states=film.states[shown],
        alphas=film.alphas[shown],
        sigmas=film.sigmas[shown],
        evaluations=spent[shown],
        total=total,
        stopped=film.stopped,
    )


def law_at(density: Density, alpha: float | Tensor, sigma: float | Tensor) -> Mixture:
    """The law of αx₀ + σz, for a batch of levels if they are one; boxes are never quite sharp."""
    if isinstance(density, Boxes):
        sigma = torch.as_tensor(sigma, dtype=torch.float64).clamp(min=SHARP)
    law = density.diffused(alpha, sigma)
    if not isinstance(law, Mixture):
        raise TypeError(f"no components in {type(law).__name__}")
    return law


def class_shares(
    data: Dataset, x: Float[Tensor, "... n 2"], alpha: float | Tensor, sigma: float | Tensor
) -> Float[Tensor, "... n C"]:
    """The probability of each class of the data given x = αx₀ + σz, to single precision."""
    law = cast(Mixture, law_at(data.density, alpha, sigma).to(torch.float32))
    responsibilities = law.responsibilities(x.float())
    return (responsibilities @ torch.nn.functional.one_hot(data.classes).float()).to(x.dtype)


@dataclass(frozen=True, eq=False)
class Way:
    """What is measured at every tick (T,): distances of the n particles, their spread, the shares of classes.

    `to_goal` is SW₁ to p, a length. `to_road` is SW₁ to p_t over what n perfect samples read on average,
    √(2/πn) mean_u ∫ √(F(1 − F)). `classes` (T, C) are the shares of the data's classes given x_t under p_t,
    whose expectation is the true share at every t. `spread` is tr Cov(x_t), `exact_spread` that of p_t.
    """

    request: Road
    to_goal: Float[Tensor, "T"]
    to_road: Float[Tensor, "T"]
    goal_null: float
    classes: Float[Tensor, "T C"]
    spread: Float[Tensor, "T"]
    exact_spread: Float[Tensor, "T"]


def measured(walk: Walk) -> Way:
    """The measurements along a walk."""
    data, along = walk.request.data, directions(2, DIRECTIONS)
    p, (ticks, n) = data.density, walk.states.shape[:2]
    goal = lines_of(p, along, NODES)
    if len(set(walk.levels)) == 1:  # one law for all ticks
        roads = [lines_of(law_at(p, *walk.levels[0]), along, NODES)] * ticks
    else:
        law = law_at(p, walk.alphas, walk.sigmas)
        roads = list(every_lines(law, along, NODES, torch.Size([ticks])))
    to_goal, to_road = [], []
    for x, road in zip(walk.states, roads, strict=True):
        y = along @ x.mT
        to_goal.append(goal.distance(y, 1).mean())
        to_road.append(road.distance(y, 1).mean() / null_mean(road, n))
    trace = p.covariance().diagonal().sum()
    return Way(
        request=walk.request,
        to_goal=torch.stack(to_goal),
        to_road=torch.stack(to_road),
        goal_null=null_mean(goal, n),
        classes=class_shares(data, walk.states, walk.alphas, walk.sigmas).mean(-2),
        spread=total_variance(walk.states),
        exact_spread=walk.alphas.square() * trace + 2 * walk.sigmas.square(),
    )


def distance_to_goal(density: Density, x: Float[Tensor, "n 2"]) -> float:
    """SW₁ of particles to p, as it is measured along the way."""
    along = directions(2, DIRECTIONS)
    return float(lines_of(density, along, NODES).distance(along @ x.mT, 1).mean())


def null_mean(lines: Lines, n: int) -> float:
    """What n perfect samples read as SW₁ on average: E|F̂ − F| = √(2F(1 − F)/πn) for many samples."""
    spread = (lines.values * (1 - lines.values)).clamp(min=0).sqrt().sum(-1) * lines.step
    return float((2 / (torch.pi * n)) ** 0.5 * spread.mean())
