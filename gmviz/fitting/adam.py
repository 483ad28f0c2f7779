"""Adam (Kingma & Ba 2015) on one flat vector, with a moving average of the weights."""

import math

import torch
from jaxtyping import Float
from torch import Tensor


class Adam:
    """θ ← θ − η m̂/(√v̂ + 10⁻⁸), m and v the moving means of g and g²; θ̄ ← aθ̄ + (1 − a)θ.

    Leading axes of the parameters (*models, P) are independent models.
    """

    def __init__(
        self, parameters: Float[Tensor, "*models P"], first: float, second: float, average: float
    ) -> None:
        self.parameters = parameters.detach().clone().requires_grad_()
        self.averaged = parameters.detach().clone()
        self._first, self._second, self._average = first, second, average
        self._mean = torch.zeros_like(self.averaged)
        self._square = torch.zeros_like(self.averaged)
        self._steps = 0

    @torch.no_grad()
    def step(self, gradient: Float[Tensor, "*models P"], rate: float) -> None:
        """One step of size η = rate, in place."""
        self._steps += 1
        self._mean.lerp_(gradient, 1 - self._first)
        self._square.mul_(self._second).addcmul_(gradient, gradient, value=1 - self._second)
        unbias = math.sqrt(1 - self._second**self._steps)
        root = self._square.sqrt().div_(unbias).add_(1e-8)
        self.parameters.addcdiv_(self._mean, root, value=-rate / (1 - self._first**self._steps))
        self.averaged.lerp_(self.parameters, 1 - self._average)
