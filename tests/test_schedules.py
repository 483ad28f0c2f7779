"""Schedules against autograd, published tables and closed forms."""

import math
from dataclasses import replace

import pytest
import torch
from scipy.integrate import solve_ivp

from gmviz.samplers.grids import GRIDS, Karras, UniformLogSNR, UniformTime
from gmviz.schedules import SCHEDULES, VE, VP, SubVP, VPCosine
from tests.samplers.laws import P2, P7, mixture

TIMES = torch.linspace(1e-3, 0.999, 200, dtype=torch.float64)
each_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s.name)


def derivative(f):
    t = TIMES.clone().requires_grad_()
    return torch.autograd.grad(f(t).sum(), t)[0]


@each_schedule
def test_coefficients_are_those_of_the_equation(schedule):
    """f = (log α)' and g² = (σ²)' − 2 f σ², derivatives by autograd."""
    rate, noise = schedule.rate(TIMES), schedule.sigma(TIMES).square()
    if not isinstance(schedule, VE):  # its α is constant
        torch.testing.assert_close(rate, derivative(lambda t: schedule.alpha(t).log()), rtol=1e-12, atol=0)
    g2 = derivative(lambda t: schedule.sigma(t).square()) - 2 * rate * noise
    torch.testing.assert_close(schedule.diffusion(TIMES).square(), g2, rtol=1e-9, atol=1e-12)


@each_schedule
def test_time_at_inverts_log_snr(schedule):
    torch.testing.assert_close(schedule.time_at(schedule.log_snr(TIMES)), TIMES, rtol=0, atol=1e-14)
    assert (schedule.log_snr(TIMES).diff() < 0).all()


@each_schedule
def test_the_variance_solves_its_equation(schedule):
    """scipy integrates dv/dt = 2 f v + g² from σ(0)² to σ(1)²."""

    def growth(t, v):
        t = min(max(t, 0.0), 1.0)
        return 2 * schedule.rate(t).item() * v + schedule.diffusion(t).item() ** 2

    start = schedule.sigma(0.0).item() ** 2
    end = solve_ivp(growth, (0.0, 1.0), [start], rtol=1e-10, atol=1e-14, method="DOP853").y[0, -1]
    assert end == pytest.approx(schedule.sigma(1.0).item() ** 2, rel=1e-8)


def test_ve_is_geometric_and_starts_at_sigma_min():
    ve = VE(0.01, 50.0)
    assert ve.sigma(0.0).item() == 0.01
    assert ve.sigma(1.0).item() == pytest.approx(50.0, rel=1e-14)
    assert ve.sigma(0.5).item() == pytest.approx(math.sqrt(0.5), rel=1e-14)
    # g² = 17.0344 σ²: NCSN's weighting σ² is likelihood weighting up to this constant.
    ratio = (ve.diffusion(TIMES) / ve.sigma(TIMES)).square()
    torch.testing.assert_close(ratio, torch.full_like(ratio, 2 * math.log(5000)), rtol=1e-13, atol=0)
    assert ratio[0].item() == pytest.approx(17.0344, abs=1e-4)


def test_vp_by_its_closed_form():
    vp = VP()
    assert vp.alpha(1.0).item() == pytest.approx(0.0065716, abs=5e-8)
    assert vp.diffusion(0.0).item() == pytest.approx(math.sqrt(0.1), rel=1e-15)
    torch.testing.assert_close(vp.alpha(TIMES) ** 2 + vp.sigma(TIMES) ** 2, torch.ones_like(TIMES))


def test_small_noise_keeps_its_digits():
    """σ(10⁻⁵) by the series √(B − B²/2 + B³/6); √(1 − e^−B) in float32 gives .0010066."""
    B = 0.1e-5 + 9.95e-10
    assert VP().sigma(1e-5).item() == pytest.approx(math.sqrt(B - B**2 / 2 + B**3 / 6), rel=1e-14)
    assert SubVP().sigma(1e-5).item() == pytest.approx(B - B**2 / 2 + B**3 / 6, rel=1e-14)
    cosine, tiny = VPCosine(), 1e-9
    slope = cosine.beta(0.0).item()
    assert cosine.sigma(tiny).item() == pytest.approx(math.sqrt(slope * tiny), rel=1e-5)


def test_sub_vp_has_the_mean_of_vp_and_its_variance_squared():
    torch.testing.assert_close(SubVP().alpha(TIMES), VP().alpha(TIMES))
    torch.testing.assert_close(SubVP().sigma(TIMES), VP().sigma(TIMES).square())
    assert (SubVP().diffusion(TIMES) <= VP().diffusion(TIMES)).all()


def test_cosine_is_the_published_curve():
    """ᾱ(t) = f(t)/f(0), f = cos²((t + s)/(1 + s) π/2), seen at reach·t."""
    s, reach = 0.008, 0.9946
    f = (
        torch.cos((reach * TIMES + s) / (1 + s) * math.pi / 2).square()
        / math.cos(s / (1 + s) * math.pi / 2) ** 2
    )
    torch.testing.assert_close(VPCosine().alpha(TIMES).square(), f, rtol=1e-12, atol=0)
    torch.testing.assert_close(VPCosine().sigma(TIMES).square(), 1 - f, rtol=1e-10, atol=0)


@pytest.mark.parametrize(("t", "value"), [(0.0, 4.3325), (0.05, 4.264), (0.2, 3.536), (1.0, 2.0001)])
def test_variance_is_preserved_only_for_unit_covariance(t, value):
    """tr Cov(x_t) = α² tr Cov(x₀) + d σ²: 4.33 falls to 2 on P7 under "variance preserving"."""
    trace = P7.diffused(VP().alpha(t), VP().sigma(t)).covariance().trace().item()
    assert trace == pytest.approx(value, abs=5e-4)
    assert VP().total_variance(P7, t).item() == pytest.approx(trace, rel=1e-12)


def test_variance_explodes_only_up_to_sigma_max():
    ve = VE(0.01, 20.0)
    values = ve.total_variance(P7, torch.tensor([0.0, 1.0]))
    expected = [4.3325 + 2 * 0.01**2, 4.3325 + 2 * 400]
    torch.testing.assert_close(values, torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=0)


def test_drift_is_the_rate_times_x():
    x = torch.randn(5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    t = torch.tensor([0.1, 0.7], dtype=torch.float64)
    expected = torch.stack([-(0.1 + 19.9 * s) / 2 * x for s in (0.1, 0.7)])
    torch.testing.assert_close(VP().drift(x, t), expected, rtol=1e-14, atol=0)
    assert VE().drift(x, 0.3).abs().max() == 0
    assert VP().drift(x.float(), 0.3).dtype == torch.float32


@each_schedule
def test_priors(schedule):
    """The standard prior is N(0, s²I); the matched one is exact for Gaussian data."""
    sd = 50.0 if schedule.name == "VE" else 1.0
    standard = schedule.prior(P2)
    torch.testing.assert_close(standard.covariance(), sd**2 * torch.eye(2, dtype=torch.float64))
    assert standard.mean().abs().max() == 0
    data = mixture([1.0], [[1.5, -0.5]], [0.49])
    matched, exact = schedule.matched_prior(data), data.diffused(schedule.alpha(1.0), schedule.sigma(1.0))
    x = exact.sample(50, torch.Generator().manual_seed(0))
    torch.testing.assert_close(matched.log_prob(x), exact.log_prob(x), rtol=1e-12, atol=1e-12)


@each_schedule
@pytest.mark.parametrize("grid", GRIDS, ids=lambda g: g.name)
def test_grids_descend_between_exact_ends(schedule, grid):
    for steps in (1, 2, 37):
        times = grid.times(schedule, steps)
        assert len(times) == steps + 1
        assert times[0] == 1
        assert times[-1] == schedule.stop
        assert (times.diff() < 0).all()


def test_grids_are_even_in_their_own_variable():
    vp = VP()
    torch.testing.assert_close(
        UniformTime().times(vp, 10), 1 - 0.0999 * torch.arange(11, dtype=torch.float64), rtol=1e-13, atol=0
    )
    steps = vp.log_snr(UniformLogSNR().times(vp, 10)).diff()
    torch.testing.assert_close(steps, steps.mean().expand(10), rtol=1e-10, atol=0)


def test_karras_grid_is_edm_s():
    """σ_i = (σ_max^⅐ + i/(n−1)(σ_min^⅐ − σ_max^⅐))⁷ with EDM's own .002, 80 and n = 18."""
    edm = VE(0.002, 80.0)
    i = torch.arange(18, dtype=torch.float64) / 17
    expected = (80 ** (1 / 7) + i * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    torch.testing.assert_close(edm.sigma(Karras(7.0).times(edm, 17)), expected, rtol=1e-11, atol=0)
    assert expected[1].item() == pytest.approx(57.586, abs=1e-3)  # the second level of EDM's published list


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: VE(sigma_min=-0.1), "sigma_min"),
        (lambda: VE(sigma_min=0.5, sigma_max=0.2), "sigma_min"),
        (lambda: VE(sigma_max=math.nan), "sigma_max"),
        (lambda: VP(beta_min=0.0), "beta_min"),
        (lambda: VP(beta_min=3.0, beta_max=2.0), "beta_min"),
        (lambda: VPCosine(reach=1.0), "reach"),
        (lambda: VP().sigma(1.5), "t"),
        (lambda: VP().sigma(math.nan), "t"),
        (lambda: replace(Karras(), rho=0.0), "rho"),
        (lambda: UniformTime().times(VP(), 0), "steps"),
    ],
)
def test_values_out_of_range_are_named(make, named):
    with pytest.raises(ValueError, match=f"^{named} must be"):
        make()
