"""Losses at all noise levels against the divergence they estimate, and a fit that samples."""

import math

import pytest
import torch

from gmviz.fitting.noise_levels import (
    MATCHINGS,
    WEIGHTINGS,
    Denoising,
    Even,
    Likelihood,
    NoiseFit,
    NoiseVariance,
    Preconditioned,
    SlicedMatching,
)
from gmviz.fitting.recipe import Recipe
from gmviz.fitting.sources import Fresh
from gmviz.metrics import SlicedWasserstein
from gmviz.noise_networks import NoiseArchitecture, relative_errors
from gmviz.samplers import DPMSolver2M
from gmviz.schedules import SCHEDULES, VE, VP
from gmviz.score_models import exact_model
from tests.samplers.laws import P7

EXACT = exact_model(P7)
SMALL = NoiseArchitecture(width=16, frequencies=16)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def average(values):
    """Mean and standard error."""
    return values.mean().item(), values.std().item() / math.sqrt(len(values))


@pytest.mark.parametrize("matching", MATCHINGS, ids=lambda each: each.name)
@pytest.mark.parametrize("tau", [0.2, 2.0])
def test_the_loss_is_the_divergence_up_to_its_constant(matching, tau):
    """E[loss] = ½E‖s − s*‖² + C on the same points; DSM: C = d/2τ² − ½E‖s*‖², sliced: C = −½E‖s*‖²."""
    n, generator = 40000, seeded()
    net = SMALL.draw(torch.zeros(2, dtype=torch.float64), 1.5, 0.03, generator)
    x = P7.sample(n, generator)
    draw = torch.randn(2, n, 2, dtype=torch.float64, generator=generator)
    level = torch.full((n, 1), tau, dtype=torch.float64)
    y = x + tau * draw[0]
    exact = EXACT.score(y, 1.0, tau)
    divergence = (net.score(y, 1.0, tau) - exact).square().sum(-1) / 2
    constant = -exact.square().sum(-1) / 2 + (1 / tau**2 if matching.name == "dsm" else 0)
    gap, error = average(matching.losses(net, x, level, draw) - divergence - constant)
    assert abs(gap) < 4 * error


def test_each_point_has_its_own_level():
    generator = seeded()
    net = SMALL.draw(torch.zeros(2, dtype=torch.float64), 1.5, 0.03, generator)
    x, draw = P7.sample(5, generator), torch.randn(2, 5, 2, dtype=torch.float64, generator=generator)
    tau = torch.tensor([[0.1], [0.2], [0.5], [1.0], [5.0]], dtype=torch.float64)
    for matching in MATCHINGS:
        together = matching.losses(net, x, tau, draw)
        single = [matching.losses(net, x[[k]], tau[[k]], draw[:, [k]])[0] for k in range(5)]
        torch.testing.assert_close(together, torch.stack(single), rtol=1e-10, atol=1e-10)


def test_weightings():
    """σ² is likelihood weighting on geometric VE, by 2 ln(σ_max/σ_min); on VP g² = β is another curve."""
    t = torch.linspace(0.1, 1, 7, dtype=torch.float64)
    ve, vp = VE(0.01, 50.0), VP()
    ratio = Likelihood().at(ve, t, 1.0) / NoiseVariance().at(ve, t, 1.0)
    assert torch.allclose(ratio, torch.tensor(17.0344, dtype=torch.float64), atol=1e-4)
    assert torch.allclose(Likelihood().at(vp, t, 1.0), vp.beta(t))
    assert torch.equal(Even().at(vp, t, 1.0), torch.ones_like(t))


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.name)
def test_edm_weighting_is_karras_s(schedule):
    """(λ/α²) ‖s + z/τ‖² = (τ² + s_d²)/(τ s_d)² ‖D − x₀‖², with D − x₀ = τ² (s + z/τ)."""
    t = torch.linspace(0.1, 1, 7, dtype=torch.float64)
    tau, s_d = schedule.tau(t), 0.7
    ours = Preconditioned().at(schedule, t, s_d) / schedule.alpha(t).square()
    theirs = (tau.square() + s_d**2) / (tau * s_d).square() * tau**4
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)


def test_times_are_spread_evenly():
    fit = NoiseFit(schedule=VP())
    t = fit._times(100, seeded())
    assert torch.equal(((t - 1e-3) / 0.999 * 100).floor(), torch.arange(100).double())


@pytest.mark.parametrize("matching", MATCHINGS, ids=lambda each: each.name)
@pytest.mark.parametrize("weighting", WEIGHTINGS, ids=lambda each: each.name)
def test_every_combination_runs_and_repeats_bit_by_bit(matching, weighting):
    recipe = Recipe(steps=70, batch=64, rate=0.005)
    fit = NoiseFit(matching=matching, weighting=weighting, architecture=SMALL, recipe=recipe)
    first, second = (list(fit.run(Fresh(P7))) for _ in range(2))
    assert [each.step for each in first] == [64, 70]
    assert torch.equal(first[-1].model.parameters, second[-1].model.parameters)
    assert math.isfinite(first[-1].loss)


def test_a_loss_that_is_not_finite_ends_the_fit():
    class Broken(Denoising):
        def losses(self, net, x, tau, draw):
            return super().losses(net, x, tau, draw) * math.nan

    fit = NoiseFit(architecture=SMALL, recipe=Recipe(steps=1000, batch=16))
    object.__setattr__(fit, "matching", Broken())
    seen = list(fit.run(Fresh(P7)))
    assert len(seen) == 1
    assert math.isnan(seen[0].loss)


def learned(fit):
    """The network after its fit, and its relative errors at three levels."""
    *_, last = fit.run(Fresh(P7))
    generator = seeded(3)
    errors = relative_errors(
        last.model,
        lambda x, sigma: EXACT.score(x, 1.0, sigma),
        lambda sigma: P7.noised(sigma).sample(4000, generator),
        (0.1, 0.5, 2.0),
    )
    return last.model, errors.tolist()


@pytest.mark.slow
def test_a_fit_learns_the_score_at_every_level_and_samples():
    """800 steps: relative errors below 4, 1.5 and .5 %; 20 evaluations of it sample three modes."""
    model, errors = learned(NoiseFit(recipe=Recipe(steps=800, rate=0.01, average=0.98)))
    assert errors[0] < 0.04
    assert errors[1] < 0.015
    assert errors[2] < 0.005
    schedule, n, metric = VE(0.03, 10.0), 5000, SlicedWasserstein(nodes=512)
    x = schedule.matched_prior(P7).sample(n, seeded(4))
    samples = DPMSolver2M(schedule=schedule, steps=20).run(model, x, seeded(), frames=1).final
    null = metric.null(P7, n, seeded(5), repeats=5)
    assert metric(P7, samples).item() < null.mean + 4 * null.sd + 0.05


@pytest.mark.slow
def test_sliced_matching_learns_it_too():
    """No denoising target: 400 steps with the weighting σ² read below 10, 5 and 4 %."""
    recipe = Recipe(steps=400, batch=384, rate=0.005, average=0.98)
    _, errors = learned(NoiseFit(matching=SlicedMatching(), weighting=NoiseVariance(), recipe=recipe))
    assert errors[0] < 0.10
    assert errors[1] < 0.05
    assert errors[2] < 0.04
