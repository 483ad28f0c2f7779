"""Landscapes: printed curvatures and fits, slopes against differences, lowest points against scipy."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from gmviz.densities import GaussianMixture
from gmviz.divergences import fisher, half_variance_log_ratio, kl, measure, squared_log_ratio
from gmviz.families import OneGaussian, Target, TwoModes
from gmviz.landscapes import Landscape, Line, height_map
from gmviz.noising import fine_grid
from gmviz.quartic import QuarticPlane

SIX = (kl, kl.reverse, fisher, fisher.reverse, squared_log_ratio, half_variance_log_ratio)
SYMBOLS = [each.symbol for each in SIX]
CLEAN = torch.zeros(1, dtype=torch.float64)
BIM = Target(0.5)
TRUTH = torch.tensor([[0.7, 0.0]], dtype=torch.float64)
FAMILIES = [TwoModes(0.5), OneGaussian(), QuarticPlane(BIM)]
NAMES = [family.name for family in FAMILIES]


def row(*theta: float) -> torch.Tensor:
    return torch.tensor([theta], dtype=torch.float64)


def land(family, divergence, target=BIM, sigma=CLEAN) -> Landscape:
    return Landscape.of(family, target, divergence, sigma)


def lowest(family, divergence, start, target=BIM) -> tuple[list[float], float]:
    landscape = land(family, divergence, target)
    theta = landscape.lowest(row(*start))
    return theta[0].tolist(), landscape.heights(theta[:, None]).item()


@pytest.mark.parametrize(
    ("sd", "of_kl", "of_fisher"),
    [
        (1.0, (4.411, 0.752, 6.1), (0.818, 1.082, 2.5)),
        (0.7, (4.728, 1.942, 2.4), (0.3085, 4.666, 17)),
        (0.5, (4.762, 3.994, 1.19), (0.01713, 16.148, 951)),
        (0.4, (4.762, 6.250, 1.3), (3.74e-4, 39.07, 1.04e5)),
    ],
)
def test_curvatures_at_the_truth(sd, of_kl, of_fisher) -> None:
    """H_ww, H_mm, the condition number: one table for KL, its reverse and the squares of the log-ratio."""
    for divergence in SIX:
        printed = of_fisher if divergence in (fisher, fisher.reverse) else of_kl
        landscape = land(TwoModes(sd), divergence, Target(sd))
        hessian = landscape.curvature(TRUTH)[0]
        condition = landscape.condition(TRUTH)[1].item()
        assert hessian[0, 0].item() == pytest.approx(printed[0], rel=1e-3)
        assert hessian[1, 1].item() == pytest.approx(printed[1], rel=1e-3)
        assert condition == pytest.approx(printed[2], rel=3e-2)


def test_curvatures_reach_their_limits() -> None:
    """H_ww → 1/(w(1 − w)) and H_mm → 1/s² for KL, 1/s⁴ for Fisher, as the modes part."""
    for divergence, weight, shift in ((kl, 1 / 0.21, 0.3**-2), (fisher, 0.0, 0.3**-4)):
        hessian = land(TwoModes(0.3), divergence, Target(0.3)).curvature(TRUTH)[0]
        assert hessian[0, 0].item() == pytest.approx(weight, abs=1e-5)
        assert hessian[1, 1].item() == pytest.approx(shift, rel=1e-5)


def test_noise_rounds_the_ditch() -> None:
    """Fisher's H_ww at σ = 0, .5, 1, 2, 3; its condition number 951 → 2.4 at σ = 1, the least of all."""
    sigma = torch.tensor([0.0, 0.5, 1.0, 2.0, 3.0], dtype=torch.float64)
    landscape = land(TwoModes(0.5), fisher, sigma=sigma)
    printed = torch.tensor([0.0171, 0.3245, 0.8587, 0.3587, 0.1187], dtype=torch.float64)
    torch.testing.assert_close(landscape.curvature(TRUTH.expand(5, 2))[:, 0, 0], printed, atol=5.1e-5, rtol=0)
    condition = landscape.condition(TRUTH.expand(5, 2))[1]
    assert condition[0].item() == pytest.approx(951, abs=0.5)
    assert condition[2].item() == pytest.approx(2.4, abs=0.05)
    assert condition.argmin() == 2


def test_slices_as_printed() -> None:
    weights = torch.tensor([[[0.1, 0], [0.3, 0], [0.5, 0], [0.9, 0]]], dtype=torch.float64)
    shifts = torch.tensor([[[0.7, 0.2], [0.7, 1.0], [0.7, 4.0]]], dtype=torch.float64)
    for divergence, by_weight, by_shift in (
        (kl, [1.032, 0.339, 0.0823, 0.154], [0.080, 1.97, 22.1]),
        (fisher, [0.00419, 0.00116, 0.00028, 0.00070], [0.323, 8.28, 89.6]),
    ):
        landscape = land(TwoModes(0.5), divergence)
        np.testing.assert_allclose(landscape.heights(weights)[0], by_weight, rtol=2e-2)
        np.testing.assert_allclose(landscape.heights(shifts)[0], by_shift, rtol=5e-3)


@pytest.mark.parametrize(
    ("divergence", "start", "at", "reads"),
    [
        (kl, (-0.5, 1.0), (-0.8, 1.9), 0.724222),
        (fisher, (-0.5, 1.0), (-0.8, 1.9), 1.858629),
        (squared_log_ratio, (-0.5, 1.0), (-0.8101, 1.9668), 0.509251),
        (kl.reverse, (-1.5, 1.0), (-1.9999, 0.5003), 0.356615),
        (kl.reverse, (1.5, 1.0), (1.9997, 0.5006), 1.2038),
        (fisher.reverse, (-1.8, 0.6), (-2.0009, 0.4992), 0.00197),
        (fisher.reverse, (1.8, 0.6), (2.0021, 0.4982), 0.00474),
    ],
)
def test_one_gaussian_on_two_bumps(divergence, start, at, reads) -> None:
    """The printed fits, local ones too. Reverse KL is −ln .7 of the mass it keeps."""
    theta, height = lowest(OneGaussian(), divergence, start)
    assert theta == pytest.approx(at, abs=6e-5)
    assert height == pytest.approx(reads, abs=5.1e-7 if reads > 0.3 and reads != 1.2038 else 5.1e-5)


@pytest.mark.parametrize(
    ("stretch", "weights"),
    [
        (0.7, {kl: 0.70004, fisher: 0.63418, kl.reverse: 0.70037, fisher.reverse: 0.65761}),
        (
            1.2,
            {
                kl: 0.70393,
                fisher: 0.61660,
                squared_log_ratio: 0.70217,
                kl.reverse: 0.75432,
                fisher.reverse: 0.98107,
            },
        ),
    ],
)
def test_a_wrong_width_misleads_fisher(stretch, weights) -> None:
    """The weight that each fits (truth .7) when q's modes have the wrong width; the shift is free too."""
    for divergence, weight in weights.items():
        theta, _ = lowest(TwoModes(stretch), divergence, (0.6, 0.1))
        assert theta[0] == pytest.approx(weight, abs=2e-3 if divergence is fisher.reverse else 6e-5)


@pytest.mark.parametrize("divergence", SIX, ids=SYMBOLS)
@pytest.mark.parametrize("family", FAMILIES, ids=NAMES)
def test_slopes_and_curvatures_against_differences(family, divergence) -> None:
    sigma = CLEAN if family.name == "quartic" else torch.tensor([0.0, 0.9], dtype=torch.float64)
    landscape = land(family, divergence, sigma=sigma)
    theta = family.at_share(torch.tensor([0.4, 0.7], dtype=torch.float64)).expand(len(sigma), 2)
    h, axes = 1e-4, torch.eye(2, dtype=torch.float64)
    _, slope = landscape.slopes(theta)
    for i in (0, 1):
        there, back = (landscape.heights((theta + sign * h * axes[i])[:, None])[:, 0] for sign in (1, -1))
        torch.testing.assert_close(slope[:, i], (there - back) / (2 * h), atol=1e-6, rtol=1e-5)
        there, back = (landscape.slopes(theta + sign * h * axes[i])[1] for sign in (1, -1))
        torch.testing.assert_close(
            landscape.curvature(theta)[:, i], (there - back) / (2 * h), atol=1e-5, rtol=1e-5
        )


@pytest.mark.parametrize("divergence", SIX, ids=SYMBOLS)
@pytest.mark.parametrize("family", FAMILIES, ids=NAMES)
def test_lowest_points_against_the_simplex_method(family, divergence) -> None:
    """Nelder and Mead's method, which knows no slope, ends where Newton's does."""
    landscape = land(family, divergence)
    share = (0.3, 0.15) if family.name == "gaussian" else (0.6, 0.6)
    start = family.at_share(torch.tensor(share).double())

    def height(theta: np.ndarray) -> float:
        at = torch.from_numpy(theta)[None]
        return landscape.heights(at[:, None]).item() if family.inside(at) else np.inf

    found = minimize(
        height, start.numpy(), method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-14, "maxiter": 2000}
    )
    theta = landscape.lowest(start[None])
    assert landscape.heights(theta[:, None]).item() == pytest.approx(found.fun, abs=1e-9)
    assert theta[0].tolist() == pytest.approx(found.x.tolist(), abs=2e-4)


@pytest.mark.parametrize("sigma", [0.0, 0.7])
def test_heights_are_the_divergences_of_the_plain_densities(sigma) -> None:
    """All six on the line against `measure` of Gaussian mixtures on a grid of its own."""
    weights, means = (
        torch.tensor([0.7, 0.3], dtype=torch.float64),
        torch.tensor([[-2.0], [2.0]], dtype=torch.float64),
    )
    covariances = torch.full((2, 1, 1), 0.25, dtype=torch.float64)
    p = GaussianMixture(weights, means, covariances).noised(sigma)
    q = GaussianMixture(torch.tensor([0.4, 0.6], dtype=torch.float64), means + 0.3, covariances).noised(sigma)
    for divergence, exact in zip(SIX, measure(p, q, SIX, fine_grid(p, q)), strict=True):
        landscape = land(TwoModes(0.5), divergence, sigma=torch.tensor([sigma], dtype=torch.float64))
        assert landscape.heights(row(0.4, 0.3)[:, None]).item() == pytest.approx(exact.value.item(), rel=1e-8)


def test_at_the_truth_all_information_matrices_agree() -> None:
    """At p = q the Hessians of KL, reverse KL and the squared log-ratio are the information matrix."""
    sigma = torch.tensor([0.0, 1.0], dtype=torch.float64)
    for divergence in (kl, kl.reverse, squared_log_ratio):
        landscape = land(TwoModes(0.5), divergence, sigma=sigma)
        theta = TRUTH.expand(2, 2)
        torch.testing.assert_close(
            landscape.curvature(theta), landscape.information(theta), atol=1e-9, rtol=1e-9
        )


@pytest.mark.parametrize("divergence", SIX, ids=SYMBOLS)
def test_a_map_is_its_heights(divergence) -> None:
    """Drawn in single precision on a coarser rule, three digits hold; rows go up, columns to the right."""
    for family in FAMILIES:
        drawn = height_map(family, BIM, divergence, CLEAN, (5, 7))
        landscape = land(family, divergence)
        for i, j in ((0, 0), (4, 6), (1, 5)):
            theta = family.at_share(torch.tensor([j / 6, i / 4], dtype=torch.float64))
            exact = landscape.heights(theta[None, None]).item()
            assert drawn[0, i, j].item() == pytest.approx(exact, rel=2e-3)


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="sigma must be at least 0, got -1"):
        Line.covering(OneGaussian(), BIM, torch.tensor([-1.0], dtype=torch.float64))


def test_a_valley_without_a_bottom_has_no_condition() -> None:
    """On the ridge between the bumps reverse KL curves downwards along the mean: ∞."""
    values, ratio = land(OneGaussian(), kl.reverse).condition(row(0.2, 0.5))
    assert values[0, 0] < 0
    assert ratio.item() == float("inf")
