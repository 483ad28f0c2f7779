"""One network for the score at every noise level, scaled so that its task is the same size at each.

With y = x₀ + σz and data of standard deviation s_d the denoiser is D = c_skip y + c_out F(c_in y, log σ),
where c_skip = s_d²/(σ² + s_d²), c_out = σ s_d/√(σ² + s_d²), c_in = 1/√(σ² + s_d²): what goes into F and
what should come out have unit variance at every σ (Karras et al. 2022, table 1). The score is (D − y)/σ².
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.knobs import check_knobs, choice, knob
from gmviz.score_models import ScoreModel
from gmviz.stacked import ACTIVATIONS, Activation, Layers, stacked

NOISE_FREQUENCIES = (1.0, 2.0, 4.0, 8.0)  # of log(σ/s_d)/4


@dataclass(frozen=True, eq=False)
class NoiseNet(ScoreModel):
    """s(x; α, σ) = s(x/α; 1, σ/α)/α with a scaled network; below `lowest` it is the score at `lowest`.

    parameters (P,), frequencies (d + 1, F) of [c_in (y − centre), log(σ/s_d)/4], centre (d,), `spread` = s_d.
    """

    layers: Layers
    parameters: Float[Tensor, "P"]
    frequencies: Float[Tensor, "e F"]
    centre: Float[Tensor, "d"]
    spread: float
    lowest: float

    @property
    def dimension(self) -> int:
        return len(self.centre)

    def with_parameters(self, parameters: Float[Tensor, "P"]) -> "NoiseNet":
        """The same network with other parameters."""
        return replace(self, parameters=parameters)

    def score(self, x: Float[Tensor, "n d"], alpha: float, sigma: float) -> Float[Tensor, "n d"]:
        y = (x / alpha).to(self.centre)
        level = y.new_full((len(y), 1), max(sigma / alpha, self.lowest))
        with torch.no_grad():
            score, _ = self.jet(y, level, y.new_empty(0, *y.shape))
        return score.to(x) / alpha

    def jet(
        self, y: Float[Tensor, "n d"], sigma: Float[Tensor, "n 1"], directions: Float[Tensor, "m n d"]
    ) -> tuple[Float[Tensor, "n d"], Float[Tensor, "m n d"]]:
        """The score of x₀ + σz at y, each point with its own σ, and its Jacobian along the directions."""
        variance = sigma.square() + self.spread**2
        shrink = variance.rsqrt()
        away = y - self.centre
        inputs = torch.cat([away * shrink, (sigma / self.spread).log() / 4], dim=-1)
        tangents = torch.cat([directions * shrink, torch.zeros_like(directions[..., :1])], dim=-1)
        value, along = stacked(inputs, tangents, self.frequencies, self.parameters, self.layers)
        gain = self.spread * shrink / sigma
        return gain * value - away / variance, gain * along - directions / variance


@dataclass(frozen=True)
class NoiseArchitecture:
    """The shape of a noise-conditional network; `draw` makes one."""

    width: int = knob(64, 8, 256, 8, label="width")
    depth: int = knob(2, 1, 4, 1, label="hidden layers")
    activation: Activation = choice(ACTIVATIONS[0], ACTIVATIONS, label="activation")
    frequencies: int = knob(64, 0, 256, 16, label="Fourier features")
    bandwidth: float = knob(2.0, 0.1, 10.0, 0.1, label="feature bandwidth", unit="1/length of scaled data")

    def __post_init__(self) -> None:
        check_knobs(self)

    def draw(
        self, centre: Float[Tensor, "d"], spread: float, lowest: float, generator: torch.Generator
    ) -> NoiseNet:
        """A network in the precision of `centre`; `spread` and `lowest` are lengths above 0."""
        require(spread > 0, "spread", "a positive length", spread)
        require(lowest > 0, "lowest", "a positive length", lowest)
        d, waves = len(centre), self.frequencies
        # Fourier features of the place and of the noise level, block by block.
        frequencies = centre.new_zeros(d + 1, waves + len(NOISE_FREQUENCIES))
        frequencies[:d, :waves] = self.bandwidth * centre.new_empty(d, waves).normal_(generator=generator)
        frequencies[d, waves:] = centre.new_tensor(NOISE_FREQUENCIES)
        sizes = (d + 1 + 2 * frequencies.shape[1], *[self.width] * self.depth, d)
        layers = Layers(sizes, self.activation)
        parameters = layers.draw(generator, centre.dtype)
        return NoiseNet(layers, parameters, frequencies, centre, spread, lowest)


def relative_errors(
    model: ScoreModel,
    truth: Callable[[Tensor, float], Tensor],
    points: Callable[[float], Tensor],
    sigmas: tuple[float, ...],
) -> Float[Tensor, "k"]:
    """E‖s − s*‖² / E‖s*‖² at noise levels σ, over `points(σ)` (n, d); `truth(x, σ)` is the exact score s*."""
    found = []
    for sigma in sigmas:
        x = points(sigma)
        exact = truth(x, sigma)
        wrong = model.score(x, 1.0, sigma) - exact
        found.append(wrong.square().mean() / exact.square().mean())
    return torch.stack(found)
