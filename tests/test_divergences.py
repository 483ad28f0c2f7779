"""The divergences against closed forms, printed tables and identities, each to a stated tolerance."""

import math

import pytest
import torch

from gmviz.densities import GaussianMixture
from gmviz.divergences import (
    DIVERGENCES,
    Divergence,
    LogRatio,
    f2,
    f2_length,
    fisher,
    half_variance_log_ratio,
    kl,
    measure,
    squared_log_ratio,
)
from gmviz.pairs import P1, P2, Q1, Q2, comb, far_modes, hallucinated_mode, missed_mode
from gmviz.quadrature import Grid, gauss_legendre

FINE_1D = Grid.covering(P1, Q1, step=0.005)


def gaussian(mean: list[float], covariance: list[list[float]]) -> GaussianMixture:
    """N(mean, covariance) as a mixture of one."""
    m, C = (torch.tensor(part, dtype=torch.float64) for part in (mean, covariance))
    return GaussianMixture(torch.ones(1, dtype=torch.float64), m[None], C[None])


def value(divergence: Divergence, p: GaussianMixture, q: GaussianMixture) -> float:
    return divergence(p, q).value.item()


TABLE = [
    (P1, Q1, kl, 0.2980587752),
    (P1, Q1, kl.reverse, 0.3026303671),
    (P1, Q1, fisher, 0.2468861047),
    (P1, Q1, fisher.reverse, 0.2274685417),
    (P1, Q1, squared_log_ratio, 0.3147257888),
    (P1, Q1, squared_log_ratio.reverse, 0.3289612714),
    (P1, Q1, half_variance_log_ratio, 0.2703062720),
    (P1, Q1, f2, -0.0774838909),
    (P2, Q2, kl, 0.4502886192),
    (P2, Q2, kl.reverse, 0.4244392829),
    (P2, Q2, fisher, 1.6832749480),
    (P2, Q2, fisher.reverse, 1.9817610585),
    (P2, Q2, squared_log_ratio, 0.7229764901),
    (P2, Q2, squared_log_ratio.reverse, 0.6125085862),
    (P2, Q2, half_variance_log_ratio, 0.6215965698),
    (P2, Q2, f2, (-0.2447772137, 0.6523804753)),
]


@pytest.mark.parametrize(("p", "q", "divergence", "expected"), TABLE)
def test_printed_values(p, q, divergence, expected) -> None:
    estimate = divergence(p, q)
    error = (estimate.value - torch.tensor(expected, dtype=torch.float64)).abs()
    assert error.max() < 1e-9
    assert (error <= estimate.error + 1e-10).all()  # 10 digits are printed


@pytest.mark.parametrize(
    ("divergence", "expected"),
    [
        (kl, 0.4431471806),
        (kl.reverse, 1.3068528194),
        (fisher, 0.3125),
        (fisher.reverse, 1.625),
        (squared_log_ratio, 0.2700647),
        (squared_log_ratio.reverse, 5.1039321),
        (f2, -0.0767132),
        (f2.reverse, -4.3068528),
    ],
)
def test_two_gaussians_on_a_line(divergence, expected) -> None:
    p, q = gaussian([1.0], [[1.0]]), gaussian([0.0], [[4.0]])
    assert divergence(p, q).value.squeeze().item() == pytest.approx(expected, abs=6e-8)


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (gaussian([0.4, -0.3], [[0.8, 0.3], [0.3, 0.6]]), gaussian([-0.2, 0.5], [[1.1, -0.2], [-0.2, 0.9]])),
        (
            gaussian([0.2, 0.0, -0.4], [[1.0, 0.2, 0.0], [0.2, 0.9, 0.1], [0.0, 0.1, 1.2]]),
            gaussian([0.0, 0.3, 0.1], [[1.3, 0.0, 0.1], [0.0, 1.1, 0.0], [0.1, 0.0, 0.9]]),
        ),
    ],
    ids=["2d", "3d"],
)
def test_gaussian_closed_forms(p, q) -> None:
    """KL = ½[tr C₁⁻¹C₀ − d + mᵀC₁⁻¹m + log|C₁|/|C₀|]; Fisher = ½[tr(ΔP C₀ ΔP) + ‖C₁⁻¹m‖²]."""
    grid = Grid.covering(p, q, step=0.3 * min(p.smallest_sd(), q.smallest_sd()), reach=8.0)
    S0, S1 = p.covariances[0], q.covariances[0]
    P0, P1_ = S0.inverse(), S1.inverse()
    m = p.means[0] - q.means[0]
    d = len(m)
    closed_kl = (P1_ @ S0).trace() - d + m @ P1_ @ m + S1.logdet() - S0.logdet()
    closed_fisher = ((P1_ - P0) @ S0 @ (P1_ - P0)).trace() + (P1_ @ m).square().sum()
    kl_value, fisher_value = measure(p, q, (kl, fisher), grid)
    assert kl_value.value.item() == pytest.approx(closed_kl.item() / 2, abs=1e-11)
    assert fisher_value.value.item() == pytest.approx(closed_fisher.item() / 2, abs=1e-11)


FAR = {
    2: (0.44069, 0.26871),
    3: (0.65803, 0.24289),
    4: (0.77092, 0.14188),
    5: (0.81489, 0.05903),
    6: (0.82807, 0.018167),
    7: (0.83113, 0.0042103),
    8: (0.83168863, 7.4220e-4),
    10: (0.83177582, 1.0378e-5),
}


def half_a_digit(printed: float, digits: int) -> float:
    """Half a unit of the last of `digits` significant digits."""
    return 0.51 * 10.0 ** (math.floor(math.log10(abs(printed))) + 1 - digits)


def test_blindness_in_one_sweep() -> None:
    """KL settles at .8 ln 4 + .2 ln ¼ while Fisher vanishes as the modes part."""
    pair = far_modes(torch.tensor([float(D) for D in FAR], dtype=torch.float64))
    kls, fishers = measure(pair.p, pair.q, (kl, fisher))
    for i, (expected_kl, expected_fisher) in enumerate(FAR.values()):
        digits = 8 if i in (6, 7) else 5
        assert kls.value[i].item() == pytest.approx(expected_kl, abs=half_a_digit(expected_kl, digits))
        digits = 5 if expected_fisher != 0.05903 else 4
        assert fishers.value[i].item() == pytest.approx(
            expected_fisher, abs=half_a_digit(expected_fisher, digits)
        )
    far = far_modes(30.0)
    assert value(kl, far.p, far.q) == pytest.approx(0.8 * math.log(4) - 0.2 * math.log(4), abs=1e-10)


def test_fisher_of_far_modes_follows_its_asymptotic_law() -> None:
    """Fisher ~ (D/2) φ(D/2) J, J = ∫ (w e^(−t/2) + (1 − w) e^(t/2)) (S(t+l₁) − S(t+l₂))² dt, S logistic."""
    t, w = gauss_legendre(400, -40.0, 40.0)
    l1, l2 = math.log(0.2 / 0.8), math.log(0.8 / 0.2)
    weight = 0.8 * (-t / 2).exp() + 0.2 * (t / 2).exp()
    J = (w @ (weight * ((t + l1).sigmoid() - (t + l2).sigmoid()).square())).item()
    assert pytest.approx(1.4137166942, abs=2e-10) == J
    for D, ratio in ((8.0, 0.981), (12.0, 0.991)):
        pair = far_modes(D)
        asymptotic = D / 2 * math.exp(-((D / 2) ** 2) / 2) / math.sqrt(2 * math.pi) * J
        assert value(fisher, pair.p, pair.q) / asymptotic == pytest.approx(ratio, abs=6e-4)


def test_noise_cures_fisher_and_lowers_kl() -> None:
    """The same noise on both, D = 8: Fisher rises fifty-fold, KL only falls."""
    sigma = torch.tensor([0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0], dtype=torch.float64)
    pair = far_modes(8.0)
    kls, fishers = measure(pair.p.noised(sigma), pair.q.noised(sigma), (kl, fisher))
    printed = [7.42e-4, 2.618e-3, 1.4062e-2, 3.7241e-2, 2.7187e-2, 8.840e-3, 9.31e-4]
    for computed, expected, digits in zip(
        fishers.value.tolist(), printed, [3, 4, 5, 5, 5, 4, 3], strict=True
    ):
        assert computed == pytest.approx(expected, abs=half_a_digit(expected, digits))
    for i, expected in ((0, 0.8317), (2, 0.8254), (3, 0.7343), (4, 0.5695), (5, 0.3187), (6, 0.1036)):
        assert kls.value[i].item() == pytest.approx(expected, abs=6e-5)
    assert (kls.value.diff() < 0).all()


def test_largest_fisher_under_noise() -> None:
    """σ* = 2.01408 with 3.72454e-2; σ² Fisher peaks at 3.54209 with .254553."""
    pair = far_modes(8.0)

    def at(sigma: torch.Tensor) -> torch.Tensor:
        return fisher(pair.p.noised(sigma), pair.q.noised(sigma)).value

    for peak, height, power in ((2.01408, 3.72454e-2, 0), (3.54209, 0.254553, 2)):
        sigma = peak + 0.02 * torch.linspace(-1, 1, 5, dtype=torch.float64)
        heights = sigma**power * at(sigma)
        # The parabola's top through five points: its error is of third order in their distance.
        u = (sigma - peak) / 0.02
        c = torch.linalg.lstsq(torch.stack([u**k for k in range(5)], -1), heights[:, None]).solution[:, 0]
        top = -c[1] / (2 * c[2])
        assert peak + 0.02 * top.item() == pytest.approx(peak, abs=6e-6)
        assert heights[2].item() == pytest.approx(height, rel=2e-6)


def test_opposite_sensitivities() -> None:
    """What is loud for one is quiet for the other."""
    teeth, missed, invented = comb(), missed_mode(), hallucinated_mode()
    for pair, expected in (
        (teeth, {kl: 0.0163, fisher: 0.3852}),
        (missed, {kl: 0.1246, fisher: 0.1771, squared_log_ratio: 1.077}),
        (invented, {kl: 0.0098, fisher: 0.0012, squared_log_ratio: 0.00024}),
    ):
        for divergence, printed in expected.items():
            tolerance = {1.077: 6e-4, 0.00024: 6e-6}.get(printed, 6e-5)
            assert value(divergence, pair.p, pair.q) == pytest.approx(printed, abs=tolerance)


@pytest.mark.parametrize("name", ["far", "comb", "missed", "invented"])
def test_a_shared_axis_changes_nothing(name) -> None:
    """The same pairs in the plane, with a standard Gaussian along y for both."""
    make = {
        "far": lambda d: far_modes(4.0, d),
        "comb": comb,
        "missed": missed_mode,
        "invented": hallucinated_mode,
    }
    line, plane = make[name](1), make[name](2)
    for divergence in (kl, fisher, squared_log_ratio, half_variance_log_ratio):
        assert value(divergence, plane.p, plane.q) == pytest.approx(
            value(divergence, line.p, line.q), abs=1e-7
        )
    vector = f2(plane.p, plane.q).value
    assert vector[0].item() == pytest.approx(f2(line.p, line.q).value.item(), abs=1e-7)
    assert abs(vector[1].item()) < 1e-12


def test_f2_vanishes_with_unequal_densities() -> None:
    p, q = gaussian([0.0], [[1.0]]), gaussian([0.0], [[4.0]])
    vector, length, kl_value, fisher_value = measure(
        p, q, (f2, f2_length, kl, fisher), Grid.covering(p, q, step=0.005)
    )
    assert vector.value.abs().max() < 1e-15
    assert length.value.item() == pytest.approx(0.32220, abs=6e-6)
    assert kl_value.value.item() == pytest.approx(0.3181, abs=6e-5)
    assert fisher_value.value.item() == pytest.approx(0.28125, abs=1e-10)
    assert measure(P1, Q1, (f2_length,), FINE_1D)[0].value.item() == pytest.approx(0.35181, abs=1e-5)


def test_f2_expansion_has_a_minus_sign() -> None:
    """−F2 = −E_p[−log p ∇log q − log q ∇log p + log q ∇log q]; with + log p ∇log q it would read .7987."""
    log_p, s_p = P1.value_and_score(FINE_1D.nodes)
    log_q, s_q = Q1.value_and_score(FINE_1D.nodes)
    p, s_p, s_q = log_p.exp(), s_p[:, 0], s_q[:, 0]

    def expansion(sign: float) -> float:
        return FINE_1D.integrate(p * (sign * log_p * s_q - log_q * s_p + log_q * s_q)).value.item()

    assert expansion(-1.0) == pytest.approx(-0.0774838909, abs=6e-11)
    assert abs(expansion(1.0)) == pytest.approx(0.7986887947, abs=6e-11)


def test_f2_is_the_push_on_the_samples() -> None:
    """F2 = d/dh at h = 0 of ½ E_p[r(x + h)²], the points moved and r frozen."""
    h = 1e-4
    x, p = FINE_1D.nodes, P1.log_prob(FINE_1D.nodes).exp()
    moved = [LogRatio.of(P1, Q1, x + sign * h, scores=False).value.square() / 2 for sign in (1, -1)]
    slope = FINE_1D.integrate(p * (moved[0] - moved[1]) / (2 * h)).value
    assert slope.item() == pytest.approx(-0.0774838909, abs=1e-7)


def test_gradient_of_the_squared_log_ratio() -> None:
    """For q(x − m): d/dm ½E_p[r²] = E_p[(log q − log p) ∂_m log q] = .4300632051, d/dm KL = .3525793142."""
    log_p = P1.log_prob(FINE_1D.nodes)
    log_q, s_q = Q1.value_and_score(FINE_1D.nodes)
    p, pull = log_p.exp(), -s_q[:, 0]
    assert FINE_1D.integrate(p * (log_q - log_p) * pull).value.item() == pytest.approx(
        0.4300632051, abs=6e-11
    )
    assert -FINE_1D.integrate(p * pull).value.item() == pytest.approx(0.3525793142, abs=6e-11)
    h = 1e-4
    for divergence, slope in ((squared_log_ratio, 0.4300632051), (kl, 0.3525793142)):
        up, down = (
            divergence(
                P1, GaussianMixture(Q1.weights, Q1.means + s * h, Q1.covariances), FINE_1D
            ).value.item()
            for s in (1, -1)
        )
        assert (up - down) / (2 * h) == pytest.approx(slope, abs=1e-7)


def test_unnormalised_model() -> None:
    """log q + c: KL moves by −c and can turn negative, Fisher and ½Var stay, F2 turns."""
    asked = (kl, squared_log_ratio, fisher, half_variance_log_ratio, f2)
    plain = measure(P1, Q1, asked)
    shifted = measure(P1, Q1, asked, offset=0.5)
    assert shifted[0].value.item() == pytest.approx(plain[0].value.item() - 0.5, abs=1e-13)
    assert shifted[0].value.item() == pytest.approx(-0.202, abs=6e-4)
    assert shifted[1].value.item() == pytest.approx(0.2907, abs=6e-5)
    for i in (2, 3):
        assert shifted[i].value.item() == pytest.approx(plain[i].value.item(), abs=1e-13)
    assert shifted[4].value.item() == pytest.approx(0.0988, abs=6e-5)
    c = torch.tensor([0.0, 0.5, -1.0], dtype=torch.float64)
    sweep = measure(P1, Q1, (kl,), offset=c)[0]
    torch.testing.assert_close(sweep.value, plain[0].value - c, rtol=0, atol=1e-13)


@pytest.mark.parametrize("factor", [0.1, 2.0, 10.0])
def test_units(factor) -> None:
    """x → ax: nats stay, Fisher scales like a⁻², F2 like a⁻¹."""
    scaled = [
        GaussianMixture(law.weights, factor * law.means, factor**2 * law.covariances) for law in (P2, Q2)
    ]
    powers = {"nats": 0, "nats²": 0, "1/length²": -2, "1/length": -1}
    for divergence, before, after in zip(DIVERGENCES, measure(P2, Q2), measure(*scaled), strict=True):
        torch.testing.assert_close(
            after.value, before.value * factor ** powers[divergence.unit], rtol=1e-8, atol=0
        )


def test_near_equality() -> None:
    """q = (1 − t) P1 + t Q1: all are quadratic in t; ½E r²/KL → 1, Fisher/KL → .817."""
    for t, ratio in ((0.5, 0.942), (0.1, 0.971), (0.01, 0.9965), (0.001, 0.99963)):
        q = GaussianMixture(
            torch.cat([(1 - t) * P1.weights, t * Q1.weights]),
            torch.cat([P1.means, Q1.means]),
            torch.cat([P1.covariances, Q1.covariances]),
        )
        half_square, kl_value, fisher_value = (
            each.value.item() for each in measure(P1, q, (squared_log_ratio, kl, fisher))
        )
        assert half_square / kl_value == pytest.approx(ratio, abs=0.6 * 10 ** -(len(str(ratio)) - 2))
    assert fisher_value / kl_value == pytest.approx(0.817, abs=6e-4)


def test_log_sobolev_bound() -> None:
    """q = N(m, s²): KL ≤ s² Fisher (Gross 1975), with equality for translates."""
    standard = gaussian([0.0], [[1.0]])
    assert value(kl, P1, standard) == pytest.approx(0.7027, abs=6e-5)
    assert value(fisher, P1, standard) == pytest.approx(1.3085, abs=6e-5)
    translate = gaussian([1.3], [[1.0]])
    assert value(kl, translate, standard) == pytest.approx(value(fisher, translate, standard), abs=1e-12)


def test_a_sweep_is_the_loop() -> None:
    """41 pairs in one call read what they read one by one on the same grid."""
    D = torch.linspace(2, 10, 41, dtype=torch.float64)
    sweep = far_modes(D, dimension=2)
    grid = Grid.covering(sweep.p, sweep.q)
    batched = measure(sweep.p, sweep.q, DIVERGENCES, grid)
    for i in (0, 17, 40):
        pair = far_modes(D[i].item(), dimension=2)
        for together, alone in zip(batched, measure(pair.p, pair.q, DIVERGENCES, grid), strict=True):
            torch.testing.assert_close(together.value[i], alone.value, rtol=1e-11, atol=1e-14)
            torch.testing.assert_close(together.error[i], alone.error, rtol=1e-6, atol=1e-13)


def test_only_one_of_the_pair_is_swept() -> None:
    sweep = far_modes(torch.tensor([2.0, 4.0], dtype=torch.float64))
    fixed = far_modes(3.0)
    assert kl(sweep.p, fixed.q).value.shape == (2,)
    assert f2(fixed.p, sweep.q).value.shape == (2, 1)


def test_integrands_integrate_to_the_values() -> None:
    grid = Grid.covering(P2, Q2)
    for divergence in DIVERGENCES:
        integrand = divergence.integrand(P2, Q2, grid.nodes)
        integral = grid.integrate(integrand.movedim(-1, 0) if divergence is f2 else integrand)
        torch.testing.assert_close(integral.value, divergence(P2, Q2, grid).value, rtol=1e-10, atol=1e-12)


def test_far_from_all_mass_nothing_breaks() -> None:
    """Both densities underflow at |x| = 1e3, their log-ratio does not: the integrands are 0, not NaN."""
    x = torch.tensor([[1e3], [-1e3], [80.0]], dtype=torch.float64)
    for divergence in DIVERGENCES:
        integrand = divergence.integrand(P1, Q1, x)
        assert integrand.isfinite().all()
        assert integrand.abs().max() < 1e-200
    assert LogRatio.of(P1, Q1, x).value.isfinite().all()


def test_every_divergence_names_its_unit_and_formula() -> None:
    assert [d.unit for d in DIVERGENCES] == [
        "nats",
        "nats",
        "1/length²",
        "1/length²",
        "nats²",
        "nats²",
        "1/length",
    ]
    assert all(d.label and d.symbol and d.formula for d in DIVERGENCES)
    assert "not a divergence" in f2.label
    assert kl.reverse.reverse is kl
    assert kl.reverse(P1, Q1).value == kl(Q1, P1).value
