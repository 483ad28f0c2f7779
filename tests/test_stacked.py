"""The stacked pass against automatic differentiation of the plain formula, in float64."""

import math

import pytest
import torch

from gmviz.activations import ACTIVATIONS, derivatives
from gmviz.stacked import Layers, stacked

SIMPLE = {
    "SiLU": torch.nn.functional.silu,
    "tanh": torch.tanh,
    "softplus": lambda z: torch.logaddexp(z, 0 * z),
}


PLAIN = {  # in operations whose every derivative autograd knows exactly
    "SiLU": lambda z: z * torch.sigmoid(z),
    "tanh": torch.tanh,
    "softplus": lambda z: torch.logaddexp(z, torch.zeros_like(z)),
}


def plain(u, frequencies, parameters, layers):
    """The same network written for autograd: no stacked rows, no hand-written derivative."""
    phase = u @ frequencies
    h = torch.cat([u, torch.sin(phase), torch.cos(phase)], dim=-1)
    *hidden, (last, shift) = layers.split(parameters)
    for matrix, bias in hidden:
        h = SIMPLE[layers.activation.name](h @ matrix.mT + bias.unsqueeze(-2))
    return h @ last.mT + shift.unsqueeze(-2)


def case(generator, models, m, frequencies, activation, depth=2, d=3, outputs=2):
    layers = Layers((d + 2 * frequencies, *[7] * depth, outputs), activation)
    draw = lambda *shape: torch.randn(*shape, dtype=torch.float64, generator=generator)  # noqa: E731
    u, v, waves = draw(*models, 5, d), draw(*models, m, 5, d), draw(*models, d, frequencies)
    return layers, u, v, waves, draw(*models, layers.count)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.name)
@pytest.mark.parametrize("models", [(), (3,)])
@pytest.mark.parametrize(("m", "frequencies"), [(0, 4), (1, 4), (3, 4), (2, 0)])
def test_value_tangents_and_all_gradients_equal_autograd(generator, activation, models, m, frequencies):
    layers, u, v, waves, parameters = case(generator, models, m, frequencies, activation)
    for leaf in (u, v, parameters):
        leaf.requires_grad_()
    value, columns = stacked(u, v, waves, parameters, layers)
    oracle = plain(u, waves, parameters, layers)
    weights = torch.randn(value.shape, dtype=value.dtype, generator=generator)
    bends = torch.randn(columns.shape, dtype=value.dtype, generator=generator)
    expected = []
    for index in range(m):
        through = torch.autograd.functional.jvp(
            lambda u: plain(u, waves, parameters, layers), u, v[..., index, :, :], create_graph=True
        )[1]
        expected.append(through)
    oracle_columns = torch.stack(expected, dim=-3) if m else columns
    torch.testing.assert_close(value, oracle, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(columns, oracle_columns, rtol=1e-10, atol=1e-10)

    def gradients(a, b):
        loss = (weights * a).sum() + (bends * b.square()).sum() if m else (weights * a).sum()
        leaves = (u, v, parameters) if m else (u, parameters)
        return torch.autograd.grad(loss, leaves, retain_graph=False)

    for found, wanted in zip(gradients(value, columns), gradients(oracle, oracle_columns), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)


def test_recycled_memory_is_not_shared_between_passes_in_flight(generator):
    layers, u, v, waves, parameters = case(generator, (), 2, 4, ACTIVATIONS[0])
    parameters.requires_grad_()

    def alone(u):
        return torch.autograd.grad(stacked(u, v, waves, parameters, layers)[1].square().sum(), parameters)[0]

    expected = alone(u) + alone(2 * u)
    first = stacked(u, v, waves, parameters, layers)[1].square().sum()
    second = stacked(2 * u, v, waves, parameters, layers)[1].square().sum()
    torch.testing.assert_close(
        torch.autograd.grad(first + second, parameters)[0], expected, rtol=1e-13, atol=0
    )


def test_a_second_derivative_is_refused_not_wrong(generator):
    layers, u, v, waves, parameters = case(generator, (), 0, 4, ACTIVATIONS[0])
    u.requires_grad_()
    value = stacked(u, v, waves, parameters, layers)[0].sum()
    with pytest.raises(RuntimeError, match="differentiated once"):
        torch.autograd.grad(value, u, create_graph=True)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.name)
def test_activation_derivatives_equal_autograd(activation):
    z = torch.linspace(-30, 30, 401, dtype=torch.float64, requires_grad=True)
    expected = PLAIN[activation.name](z)
    for order, each in enumerate(activation.derivatives(z, 3)):
        assert len(activation.derivatives(z, order)) == order + 1
        torch.testing.assert_close(each, expected, rtol=0, atol=1e-12)
        expected = torch.autograd.grad(expected.sum(), z, create_graph=True)[0]


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.name)
def test_derivatives_as_one_node_have_the_gradient_of_the_formulas(generator, activation, order):
    z = torch.randn(50, dtype=torch.float64, generator=generator, requires_grad=True)
    weights = torch.randn(order + 1, 50, dtype=torch.float64, generator=generator)
    pairs = (derivatives(activation, z, order), activation.derivatives(z, order))
    one, other = (torch.autograd.grad((weights * torch.stack(each)).sum(), z)[0] for each in pairs)
    torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_first_parameters_have_unit_gain(generator):
    layers = Layers((300, 200, 2), ACTIVATIONS[0])
    (first, bias), _ = layers.split(layers.draw(generator, torch.float64))
    assert layers.count == 300 * 200 + 200 + 200 * 2 + 2
    variance = first.square().mean().item() * 300
    assert abs(variance - 1) < 4 * math.sqrt(2 / first.numel())
    assert bias.abs().max() == 0


def test_sizes_are_checked():
    with pytest.raises(ValueError, match="sizes must be two or more positive integers"):
        Layers((3,), ACTIVATIONS[0])
