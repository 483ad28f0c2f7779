"""The probability flow dx/dt = f x − ½ g² s: the same marginals as the reverse equation, without noise."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from gmviz.samplers.base import State
from gmviz.samplers.scheduled import Scheduled, level_of
from gmviz.schedules import Schedule
from gmviz.score_models import ScoreModel


def velocity(
    model: ScoreModel, schedule: Schedule, x: Float[Tensor, "n d"], t: float
) -> Float[Tensor, "n d"]:
    """f(t) x − ½ g(t)² s(x, t), per unit of time (Song et al. 2021, eq. 13)."""
    level = level_of(schedule, t)
    rate, g = schedule.rate(t).item(), schedule.diffusion(t).item()
    return rate * x - g**2 / 2 * model.score(x, level.alpha, level.sigma)


@dataclass(frozen=True)
class Euler(Scheduled):
    """x_s = x − (t − s)(f x − ½ g² s(x, t)): order 1.

    It ends at the schedule's stop, where a little noise is left.
    """

    label = "flow by Euler"
    name = "euler"
    reference = "Song et al. 2021, eq. 13"
    draws = 0

    def step(
        self, model: ScoreModel, state: State, t: float, s: float, z: Float[Tensor, "draws n d"]
    ) -> State:
        x = state.x - (t - s) * velocity(model, self.schedule, state.x, t)
        return State(x, evaluations=state.evaluations + 1)
