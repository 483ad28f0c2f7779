"""Correctors: Langevin steps at one noise level, with a step chosen from the level or from the score."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from gmviz.knobs import check_knobs, knob
from gmviz.samplers.base import Level, State, turned
from gmviz.score_models import ScoreModel


@dataclass(frozen=True)
class Corrector(ABC):
    """x ← x + h s + √(2h) z at one level; `a` = (α_t/α_s)² of the predictor's step (1 on VE, 1 − β on VP)."""

    signal_to_noise: float = knob(0.22, 0.001, 2.0, 0.01, label="signal to noise", log=True)

    label: ClassVar[str]
    name: ClassVar[str]

    def __post_init__(self) -> None:
        check_knobs(self)

    @abstractmethod
    def step_size(
        self, score: Float[Tensor, "n d"], z: Float[Tensor, "n d"], level: Level, a: float
    ) -> Float[Tensor, ""] | float:
        """h, a length squared."""

    def step(self, model: ScoreModel, state: State, level: Level, a: float, z: Float[Tensor, "n d"]) -> State:
        """One corrector step: one evaluation; what the predictor remembers is left alone."""
        score = model.score(state.x, level.alpha, level.sigma)
        h = self.step_size(score, z, level, a)
        mean = state.x + h * score
        return State(mean + (2 * h) ** 0.5 * z, state.memory, state.evaluations + 1, mean)

    def gentler(self) -> "Corrector | None":
        """Half the step h."""
        return turned(self, "signal_to_noise", 0.5**0.5)


@dataclass(frozen=True)
class LangevinCorrector(Corrector):
    """h = 2a (r ‖z‖/‖s‖)², the norms averaged over the particles (Song et al. 2021, algorithms 4 and 5).

    The r = 0.16 of that paper is for images. In the plane ‖z‖ averages only 1.25; on mixtures the
    sliced Wasserstein distance after 50 steps was least between r = 0.16 and 0.22, after 20 steps around 0.3
    (`benchmarks/samplers.py`, VE and VP).
    """

    label = "Langevin, step from the score"
    name = "langevin"

    def step_size(
        self, score: Float[Tensor, "n d"], z: Float[Tensor, "n d"], level: Level, a: float
    ) -> Float[Tensor, ""] | float:
        return 2 * a * (self.signal_to_noise * z.norm(dim=-1).mean() / score.norm(dim=-1).mean()).square()


@dataclass(frozen=True)
class AnnealedCorrector(Corrector):
    """h = 2a (r σ)², the step of annealed Langevin (Song et al. 2021, appendix G)."""

    label = "Langevin, step from σ"
    name = "annealed"

    def step_size(
        self, score: Float[Tensor, "n d"], z: Float[Tensor, "n d"], level: Level, a: float
    ) -> Float[Tensor, ""] | float:
        return 2 * a * (self.signal_to_noise * level.sigma) ** 2


CORRECTORS: tuple[Corrector, ...] = (LangevinCorrector(), AnnealedCorrector())
