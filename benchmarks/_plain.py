"""The plain public way to fit a score, to compare with: modules, double backward, Adam at a constant rate.

Every directional derivative is `torch.autograd.grad(..., create_graph=True)`, as in the code that accompanies
the papers; training then differentiates through it.
"""

import itertools

import torch
from torch import Tensor, nn

from gmviz.networks import Architecture, Head
from gmviz.objectives import FDDSM, FDSSM, ISM, SSM, SSMVR, Draw, Objective


class Plain(nn.Module):
    """A perceptron, with fixed random Fourier features if any; outputs a score, or an energy of one value."""

    def __init__(
        self, width: int, depth: int, outputs: int, activation: nn.Module, waves: Tensor | None
    ) -> None:
        super().__init__()
        self.waves = waves
        inputs = 2 if waves is None else 2 + 2 * waves.shape[-1]
        sizes = [inputs, *[width] * depth]
        layers: list[nn.Module] = []
        for a, b in itertools.pairwise(sizes):
            layers += [nn.Linear(a, b), activation]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], outputs))

    def forward(self, x: Tensor) -> Tensor:
        if self.waves is None:
            return self.layers(x)
        phase = x @ self.waves
        return self.layers(torch.cat([x, phase.sin(), phase.cos()], dim=-1))


def public_network() -> Plain:
    """Three layers of 128 softplus units."""
    return Plain(128, 3, 2, nn.Softplus(), None)


def like(shape: Architecture, head: Head) -> Plain:
    """The plain network of a library architecture."""
    waves = shape.bandwidth * torch.randn(2, shape.frequencies) if shape.frequencies else None
    return Plain(shape.width, shape.depth, 2 if head is Head.SCORE else 1, nn.SiLU(), waves)


def gradient(value: Tensor, x: Tensor) -> Tensor:
    """∂value/∂x, itself differentiable."""
    return torch.autograd.grad(value.sum(), x, create_graph=True)[0]


def loss(net: Plain, objective: Objective, x: Tensor, draw: Draw, target: Tensor | None = None) -> Tensor:
    """The mean loss of an objective the plain way; `target` is the true score for ESM."""
    noisy = (x + objective.sigma * draw.noise).detach().requires_grad_()
    energy = net.layers[-1].out_features == 1
    if isinstance(objective, (FDSSM, FDDSM)) and (energy or isinstance(objective, FDDSM)):
        return _from_values(net, objective, noisy.detach(), draw)
    if isinstance(objective, FDSSM):
        return _from_scores(net, objective, noisy.detach(), draw)
    score = gradient(net(noisy), noisy) if energy else net(noisy)
    if isinstance(objective, ISM):
        trace = sum(gradient(score[:, i], noisy)[:, i] for i in range(2))
        return (score.square().sum(-1) / 2 + trace).mean()
    if isinstance(objective, (SSM, SSMVR)):
        v = draw.probes[0]
        bend = (gradient(score * v, noisy) * v).sum(-1)
        square = score.square().sum(-1) if isinstance(objective, SSMVR) else (score * v).sum(-1).square()
        return (bend + square / 2).mean()
    aim = -draw.noise / objective.sigma if target is None else target
    return (score - aim).square().sum(-1).mean() / 2


def _from_values(net: Plain, objective: FDSSM | FDDSM, x: Tensor, draw: Draw) -> Tensor:
    e = objective.epsilon * draw.probes[0] / 2**0.5
    plus, minus = net(x + e)[:, 0], net(x - e)[:, 0]
    if isinstance(objective, FDSSM):
        square = (plus - minus).square() / 8
        return (2 / objective.epsilon**2 * (plus + minus - 2 * net(x)[:, 0] + square)).mean()
    target = (draw.noise * draw.probes[0]).sum(-1) / objective.sigma
    return ((plus - minus) * 2**0.5 / (2 * objective.epsilon) + target).square().mean() / 2


def _from_scores(net: Plain, objective: FDSSM, x: Tensor, draw: Draw) -> Tensor:
    e = objective.epsilon * draw.probes[0] / 2**0.5
    plus, minus = net(x + e), net(x - e)
    bend = ((plus - minus) * e).sum(-1) / objective.epsilon**2
    return ((plus + minus).square().sum(-1) / 8 + bend).mean()
