"""Schedules against the equation they solve, against each other, and where float32 loses digits."""

import math

import pytest
import torch
from scipy.integrate import solve_ivp

from gmviz.densities import GaussianMixture
from gmviz.schedules import SCHEDULES, VE, VP, Schedule, SubVP, VPCosine

TIMES = torch.linspace(0.01, 1.0, 34, dtype=torch.float64)
each_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.name)


@pytest.fixture
def data() -> GaussianMixture:
    means = torch.tensor([[-2.0, 0.0], [2.0, 1.0], [0.5, -2.0]], dtype=torch.float64)
    weights = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)
    return GaussianMixture(weights, means, 0.16 * torch.eye(2, dtype=torch.float64).expand(3, 2, 2))


def slope(function, t):
    """The derivative of a function of time by autograd."""
    t = t.clone().requires_grad_()
    (derivative,) = torch.autograd.grad(function(t).sum(), t)
    return derivative


@each_schedule
def test_rate_is_the_slope_of_log_alpha(schedule):
    if isinstance(schedule, VE):
        assert (schedule.rate(TIMES) == 0).all()
        assert (schedule.alpha(TIMES) == 1).all()
    else:
        assert torch.allclose(
            slope(lambda t: schedule.alpha(t).log(), TIMES), schedule.rate(TIMES), rtol=1e-11
        )


@each_schedule
def test_diffusion_is_what_the_variance_needs(schedule):
    """(σ²)' = 2 f σ² + g²."""
    growth = slope(lambda t: schedule.sigma(t).square(), TIMES)
    f, s2 = schedule.rate(TIMES), schedule.sigma(TIMES).square()
    assert torch.allclose(growth, 2 * f * s2 + schedule.diffusion(TIMES).square(), rtol=1e-10)


@each_schedule
def test_the_variance_solves_its_equation_by_an_independent_solver(schedule):
    """scipy integrates dv/dt = 2 f v + g² from σ(0)² to σ(1)²."""

    def growth(t, v):
        t = min(max(t, 0.0), 1.0)
        return 2 * schedule.rate(t).item() * v + schedule.diffusion(t).item() ** 2

    start = schedule.sigma(0.0).item() ** 2
    solution = solve_ivp(growth, (0.0, 1.0), [start], rtol=1e-10, atol=1e-14, method="DOP853")
    assert solution.y[0, -1] == pytest.approx(schedule.sigma(1.0).item() ** 2, rel=1e-8)


@each_schedule
def test_drift_is_linear_in_x(schedule, generator):
    x = torch.randn(5, 3, dtype=torch.float64, generator=generator)
    assert torch.allclose(schedule.drift(x, 0.3), schedule.rate(0.3) * x)
    times = torch.tensor([0.3, 0.7], dtype=torch.float64)
    assert torch.allclose(schedule.drift(x, times)[1], schedule.rate(0.7) * x)


@each_schedule
def test_noise_drowns_the_signal_ever_more(schedule):
    assert (schedule.log_snr(TIMES).diff() < 0).all()
    assert torch.allclose(schedule.log_snr(TIMES), (schedule.alpha(TIMES) / schedule.sigma(TIMES)).log())


@each_schedule
def test_time_at_inverts_log_snr(schedule):
    times = torch.cat([torch.tensor([1e-5, 1e-3], dtype=torch.float64), TIMES])
    assert torch.allclose(schedule.time_at(schedule.log_snr(times)), times, rtol=1e-9)


def test_values_of_ve():
    """σ(t) = .01 · 5000^t and g² = 2 ln 5000 σ² = 17.0344 σ²."""
    ve = VE()
    assert ve.sigma(0.0).item() == pytest.approx(0.01, rel=1e-15)
    assert ve.sigma(1.0).item() == pytest.approx(50.0, rel=1e-14)
    assert ve.sigma(0.5).item() == pytest.approx(math.sqrt(0.5), rel=1e-14)
    assert (ve.diffusion(0.3) / ve.sigma(0.3)).item() ** 2 == pytest.approx(17.0344, abs=1e-4)


def test_values_of_vp():
    """α(1) = .0065716 with β from .1 to 20."""
    vp = VP()
    assert vp.alpha(1.0).item() == pytest.approx(0.0065716, abs=5e-8)
    assert vp.integral(0.2).item() == pytest.approx(0.1 * 0.2 + 9.95 * 0.04, rel=1e-15)
    assert vp.diffusion(0.0).item() ** 2 == pytest.approx(0.1)
    assert torch.allclose(vp.alpha(TIMES).square() + vp.sigma(TIMES).square(), torch.ones(()).double())


def test_sub_vp_has_less_noise_than_vp():
    """σ_subVP = σ_VP², with the same α."""
    assert torch.allclose(SubVP().sigma(TIMES), VP().sigma(TIMES).square(), rtol=1e-14)
    assert torch.equal(SubVP().alpha(TIMES), VP().alpha(TIMES))


def test_cosine_is_the_published_curve():
    """α² = f(t)/f(0), f(t) = cos²((t + s)/(1 + s) π/2), time running at `reach` of its speed."""
    cosine = VPCosine(offset=0.008, reach=0.9)
    t = 0.9 * TIMES
    curve = (((t + 0.008) / 1.008 * math.pi / 2).cos() / math.cos(0.008 / 1.008 * math.pi / 2)).square()
    assert torch.allclose(cosine.alpha(TIMES).square(), curve, rtol=1e-13)
    assert torch.allclose(cosine.sigma(TIMES).square(), 1 - curve, rtol=1e-12)


def test_small_times_keep_their_digits():
    """√(1 − e^(−B)) at t = 1e-5 is .0010005; subtracting in float32 gives .0010066."""
    assert VP().sigma(1e-5).item() == pytest.approx(math.sqrt(1e-6 + 9.95e-10) * (1 - 0.25e-6), rel=1e-6)
    B = VP().integral(torch.tensor(1e-5)).float()
    assert (1 - (-B).exp()).sqrt().item() == pytest.approx(0.0010066, abs=1e-6)
    # cos² differences near t = 0: σ² = (f(0) − f(t))/f(0), by the series −f'(0) t/f(0) = 2θ' tan θ₀ t.
    cosine, t = VPCosine(), 1e-9
    turn = math.pi / 2 * cosine.reach / (1 + cosine.offset)
    first = math.pi / 2 * cosine.offset / (1 + cosine.offset)
    assert cosine.sigma(t).item() ** 2 == pytest.approx(2 * turn * math.tan(first) * t, rel=1e-6)


@each_schedule
def test_the_matched_prior_has_the_moments_of_the_end(schedule, data):
    """Mean and covariance of p₁ = law of α(1) x₀ + σ(1) z."""
    end = data.diffused(schedule.alpha(1.0), schedule.sigma(1.0))
    prior = schedule.matched_prior(data)
    assert torch.allclose(prior.mean(), end.mean(), rtol=1e-12)
    assert torch.allclose(prior.covariance(), end.covariance(), rtol=1e-12)


@each_schedule
def test_the_standard_prior(schedule, data):
    prior = schedule.prior(data)
    sd = schedule.sigma_max if isinstance(schedule, VE) else 1.0
    assert torch.equal(prior.mean(), torch.zeros(2).double())
    assert torch.allclose(prior.covariance(), sd**2 * torch.eye(2).double())


def test_variance_is_preserved_only_for_unit_covariance(data):
    """tr Cov(x_t) = α² tr Cov₀ + d σ²: 4.3325 → 4.264 (t = .05), 3.536 (.2), 2.0001 (1)."""
    read = [
        data.diffused(VP().alpha(t), VP().sigma(t)).covariance().trace().item() for t in (0.0, 0.05, 0.2, 1.0)
    ]
    assert read == pytest.approx([4.3325, 4.264, 3.536, 2.0001], abs=5e-4)


def test_all_is_float64():
    for schedule in SCHEDULES:
        single = torch.tensor([0.5], dtype=torch.float32)
        for function in (schedule.alpha, schedule.sigma, schedule.rate, schedule.diffusion):
            assert function(single).dtype == torch.float64


@pytest.mark.parametrize("t", [-1e-3, 1.001, math.nan])
def test_times_outside_are_refused(t):
    with pytest.raises(ValueError, match=r"t must be a time in \[0, 1\]"):
        VP().alpha(t)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: VE(sigma_min=0.0), "sigma_min"),
        (lambda: VE(sigma_max=math.nan), "sigma_max"),
        (lambda: VE(sigma_min=1.0, sigma_max=0.5), "sigma_min"),
        (lambda: VP(beta_min=-1.0), "beta_min"),
        (lambda: VP(beta_min=2.0, beta_max=1.0), "beta_min"),
        (lambda: SubVP(beta_max=1e6), "beta_max"),
        (lambda: VPCosine(reach=1.0), "reach"),
    ],
)
def test_bad_settings_are_named(make, named):
    with pytest.raises(ValueError, match=named):
        make()


def test_the_family_is_listed_once():
    assert {type(each) for each in SCHEDULES} == {VE, VP, SubVP, VPCosine}
    assert len({each.name for each in SCHEDULES}) == len(SCHEDULES)
    assert all(isinstance(each, Schedule) for each in SCHEDULES)
