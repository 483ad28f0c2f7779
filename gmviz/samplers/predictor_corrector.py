"""Predictor-corrector: any step down the schedule, then Langevin steps where it lands."""

from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.knobs import knob
from gmviz.samplers.base import Level, Sampler, State
from gmviz.samplers.correctors import Corrector, LangevinCorrector
from gmviz.samplers.reverse import ReverseDiffusion
from gmviz.samplers.scheduled import EndsOnMean, Scheduled
from gmviz.schedules import VE
from gmviz.score_models import ScoreModel


@dataclass(frozen=True)
class Hold(EndsOnMean):
    """The predictor that does nothing: with a corrector this is annealed Langevin, "corrector only"."""

    label = "no predictor"
    name = "hold"
    reference = "Song et al. 2021, appendix G"
    draws = 0
    calls = 0

    def step(
        self, model: ScoreModel, state: State, t: float, s: float, z: Float[Tensor, "draws n d"]
    ) -> State:
        return replace(state, mean=state.x)


@dataclass(frozen=True)
class PredictorCorrector(Sampler):
    """`corrections` corrector steps after each predictor step (Song et al. 2021, algorithm 1).

    Schedule, grid and steps are the predictor's; with `corrections` = 0 it is the predictor alone.
    """

    predictor: Scheduled = ReverseDiffusion(schedule=VE(0.01, 20.0))
    corrector: Corrector = LangevinCorrector()
    corrections: int = knob(1, 0, 100, 1, label="corrector steps")

    label = "predictor-corrector"
    name = "predictor_corrector"
    reference = "Song et al. 2021, algorithm 1"

    @property
    def draws(self) -> int:
        """The predictor's draws, then one for each correction."""
        return self.predictor.draws + self.corrections

    def times(self) -> Float[Tensor, "T"]:
        return self.predictor.times()

    def level(self, t: float) -> Level:
        return self.predictor.level(t)

    @property
    def last_level(self) -> Level:
        return self.predictor.last_level

    def step(
        self, model: ScoreModel, state: State, t: float, s: float, z: Float[Tensor, "draws n d"]
    ) -> State:
        first = self.predictor.draws
        state = self.predictor.step(model, state, t, s, z[:first])
        now, then = self.level(t), self.level(s)
        a = (now.alpha / then.alpha) ** 2
        for draw in z[first:]:
            state = self.corrector.step(model, state, then, a, draw)
        return state

    def finish(self, model: ScoreModel, state: State) -> State:
        return self.predictor.finish(model, state)

    @property
    def cost(self) -> int | None:
        if self.predictor.cost is None:
            return None
        return self.predictor.cost + self.corrections * (len(self.times()) - 1)

    def within(self, budget: int) -> "PredictorCorrector":
        # A predictor that ends clean has one node, and one evaluation, more than it has transitions.
        extra = self.predictor.steps - (len(self.times()) - 1)
        each = self.predictor.calls + self.corrections
        least = extra + (2 - extra) * each
        require(each > 0, "corrections", "at least 1 without a predictor", self.corrections)
        require(budget >= least, "budget", f"at least {least} evaluations", budget)
        return replace(self, predictor=replace(self.predictor, steps=(budget - extra) // each + extra))

    def gentler(self) -> "PredictorCorrector | None":
        predictor, corrector = self.predictor.gentler(), self.corrector.gentler()
        if predictor is None and corrector is None:
            return None
        return replace(self, predictor=predictor or self.predictor, corrector=corrector or self.corrector)

    @property
    def setting(self) -> str:
        return f"{self.predictor.setting} with signal to noise {self.corrector.signal_to_noise:.3g}"
