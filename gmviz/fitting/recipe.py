"""How a network is fitted: the budget, the steps, and when to look."""

import math
from dataclasses import dataclass

from gmviz.checks import require
from gmviz.knobs import check_knobs, knob


@dataclass(frozen=True)
class Recipe:
    """Adam with a warm-up, a cosine down to 0 and averaged weights.

    The high rate and its decay to 0 matter most: with Fourier features they reach in a few hundred steps
    what a constant small rate does not in many thousands. `patience` ends a fit when so many looks in a row
    have not improved its error by 1 %; as the cosine's last steps improve most, it is 0, never, by default.
    """

    steps: int = knob(400, 1, 50_000, 50, label="steps", log=True)
    batch: int = knob(512, 16, 4096, 16, label="batch", unit="points")
    rate: float = knob(0.02, 1e-5, 0.2, 1e-3, label="learning rate", log=True)
    warmup: int = knob(10, 0, 1000, 1, label="warm-up", unit="steps")
    second: float = knob(0.99, 0.5, 0.9999, 0.001, label="memory of g²")
    average: float = knob(0.9, 0.0, 0.9999, 0.01, label="memory of the averaged weights")
    looks: int = knob(16, 2, 64, 1, label="checkpoints")
    patience: int = knob(0, 0, 64, 1, label="patience", unit="checkpoints")

    def __post_init__(self) -> None:
        check_knobs(self)

    def rate_at(self, step: int) -> float:
        """η at a step counted from 0: rate · min(1, (t + 1)/warmup) · ½(1 + cos πt/T)."""
        require(0 <= step < self.steps, "step", f"from 0 to {self.steps - 1}", step)
        rise = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        return self.rate * rise * 0.5 * (1 + math.cos(math.pi * step / self.steps))

    def checkpoints(self) -> tuple[int, ...]:
        """The steps after which the fit is looked at: 0, then a geometric grid up to the budget."""
        ratio = self.steps ** (1 / (self.looks - 1))
        return (0, *sorted({round(ratio**k) for k in range(self.looks)}))
