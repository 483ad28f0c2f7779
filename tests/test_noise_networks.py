"""The scaled network against the formulas of its source, finite differences, and its scaling law."""

from dataclasses import replace

import pytest
import torch

from gmviz.noise_networks import NoiseArchitecture, NoiseNet, relative_errors
from gmviz.score_models import exact_model
from gmviz.stacked import stacked
from tests.samplers.laws import P7

CENTRE = torch.tensor([0.3, -0.4], dtype=torch.float64)


@pytest.fixture
def net(generator) -> NoiseNet:
    return NoiseArchitecture(width=16, frequencies=16).draw(CENTRE, 1.5, 0.03, generator)


def levels(n, generator):
    return (-3 + 5 * torch.rand(n, 1, dtype=torch.float64, generator=generator)).exp()


def test_the_denoiser_is_karras_s(net, generator):
    """D(y; σ) = c_skip y + c_out F(c_in y; ln(σ/s_d)/4) and s = (D − y)/σ², around the centre."""
    y, sigma = torch.randn(20, 2, dtype=torch.float64, generator=generator), levels(20, generator)
    s_d = 1.5
    c_skip = s_d**2 / (sigma**2 + s_d**2)
    c_out = sigma * s_d / (sigma**2 + s_d**2).sqrt()
    c_in = 1 / (sigma**2 + s_d**2).sqrt()
    inputs = torch.cat([c_in * (y - CENTRE), (sigma / s_d).log() / 4], dim=-1)
    F, _ = stacked(inputs, inputs.new_empty(0, 20, 3), net.frequencies, net.parameters, net.layers)
    D = CENTRE + c_skip * (y - CENTRE) + c_out * F
    score, _ = net.jet(y, sigma, y.new_empty(0, 20, 2))
    torch.testing.assert_close(score, (D - y) / sigma**2, rtol=1e-10, atol=1e-12)


def test_jacobian_products_against_differences(net, generator):
    y, sigma = torch.randn(20, 2, dtype=torch.float64, generator=generator), levels(20, generator)
    v = torch.randn(3, 20, 2, dtype=torch.float64, generator=generator)
    _, along = net.jet(y, sigma, v)
    step = 1e-5

    def score(at):
        return net.jet(at, sigma, at.new_empty(0, *at.shape))[0]

    quotient = torch.stack([(score(y + step * each) - score(y - step * each)) / (2 * step) for each in v])
    torch.testing.assert_close(along, quotient, rtol=1e-6, atol=1e-6)


def test_the_derivative_in_the_parameters(net, generator):
    """A random direction in parameter space: central differences of a loss with both value and tangents."""
    y, sigma = torch.randn(20, 2, dtype=torch.float64, generator=generator), levels(20, generator)
    v = torch.randn(1, 20, 2, dtype=torch.float64, generator=generator)

    def loss(parameters):
        score, along = net.with_parameters(parameters).jet(y, sigma, v)
        return (score.square().sum() + (v * along).sum()) / 20

    parameters = net.parameters.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(parameters), parameters)
    direction = torch.randn(gradient.shape, dtype=torch.float64, generator=generator)
    direction /= direction.norm()
    quotient = (loss(net.parameters + 1e-5 * direction) - loss(net.parameters - 1e-5 * direction)) / 2e-5
    assert (gradient @ direction).item() == pytest.approx(quotient.item(), rel=1e-6)


def test_one_network_serves_all_schedules(net, generator):
    """s(x; α, σ) = s(x/α; 1, σ/α)/α."""
    x = torch.randn(10, 2, dtype=torch.float64, generator=generator)
    torch.testing.assert_close(net.score(x, 0.4, 0.8), net.score(x / 0.4, 1.0, 2.0) / 0.4, rtol=1e-12, atol=0)


def test_below_its_lowest_level_it_does_not_blow_up(net, generator):
    x = torch.randn(10, 2, dtype=torch.float64, generator=generator)
    assert torch.equal(net.score(x, 1.0, 0.0), net.score(x, 1.0, 0.03))
    assert not torch.equal(net.score(x, 1.0, 0.06), net.score(x, 1.0, 0.03))


def test_far_noise_leaves_a_normal_law(net, generator):
    """At σ ≫ s_d the network's part vanishes like s_d/σ beside the pull to the centre."""
    y = CENTRE + 1e4 * torch.randn(10, 2, dtype=torch.float64, generator=generator)
    pull = -(y - CENTRE) / (1e8 + 1.5**2)
    assert (net.score(y, 1.0, 1e4) - pull).abs().max() < 10 * 1.5 / 1e4 * pull.abs().max()


def test_relative_errors_of_a_scaled_score(generator):
    """A score 10 % too long is wrong by 1 % of its square."""
    exact = exact_model(P7)

    class Long(type(exact)):
        def score(self, x, alpha, sigma):
            return 1.1 * super().score(x, alpha, sigma)

    read = relative_errors(
        Long(P7),
        lambda x, sigma: exact.score(x, 1.0, sigma),
        lambda sigma: P7.noised(sigma).sample(100, generator),
        (0.1, 1.0),
    )
    assert read.tolist() == pytest.approx([0.01, 0.01])


def test_refusals(generator):
    with pytest.raises(ValueError, match="spread must be"):
        NoiseArchitecture().draw(CENTRE, 0.0, 0.1, generator)
    with pytest.raises(ValueError, match="lowest must be"):
        NoiseArchitecture().draw(CENTRE, 1.0, 0.0, generator)
    with pytest.raises(ValueError, match="width must be"):
        NoiseArchitecture(width=3)


def test_first_network_is_of_unit_size_at_every_level(net, generator):
    """At the start F is of order 1 for data at any noise, which is what the scaling is for."""
    for sigma in (0.03, 1.0, 30.0):
        y = CENTRE + (1.5**2 + sigma**2) ** 0.5 * torch.randn(
            2000, 2, dtype=torch.float64, generator=generator
        )
        silent = replace(net, parameters=torch.zeros_like(net.parameters))
        level = torch.full((2000, 1), sigma, dtype=torch.float64)
        gain = 1.5 / (sigma * (sigma**2 + 1.5**2) ** 0.5)
        F = (net.jet(y, level, y.new_empty(0, 2000, 2))[0] - silent.score(y, 1.0, sigma)) / gain
        assert 0.1 < F.square().mean().sqrt().item() < 3
