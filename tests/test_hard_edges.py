"""Divergences of hard-edged densities: closed forms where they exist, +∞ where q misses mass of p."""

import math

import pytest
import torch

from gmviz.boxes import Boxes
from gmviz.densities import GaussianMixture
from gmviz.divergences import (
    Divergence,
    f2,
    fisher,
    half_variance_log_ratio,
    kl,
    measure,
    squared_log_ratio,
)
from gmviz.quadrature import Grid


def boxes(weights: list[float], low: list[list[float]], high: list[list[float]]) -> Boxes:
    return Boxes(*(torch.tensor(part, dtype=torch.float64) for part in (weights, low, high)))


def standard(dimension: int) -> GaussianMixture:
    eye = torch.eye(dimension, dtype=torch.float64)
    return GaussianMixture(torch.ones(1, dtype=torch.float64), torch.zeros_like(eye[:1]), eye[None])


UNIT = boxes([1.0], [[0.0]], [[1.0]])
WIDE = boxes([1.0], [[-0.5]], [[2.0]])
HALF_LOG = math.log(2 * math.pi) / 2

# The uniform law on [0, 1] against N(0, 1): r = x²/2 + ½ log 2π.
UNIT_AGAINST_NORMAL = [
    (kl, 1 / 6 + HALF_LOG),
    (squared_log_ratio, (1 / 20 + HALF_LOG / 3 + HALF_LOG**2) / 2),
    (half_variance_log_ratio, (1 / 20 - 1 / 36) / 2),
]


@pytest.mark.parametrize(("divergence", "exact"), UNIT_AGAINST_NORMAL)
def test_a_box_against_a_gaussian(divergence: Divergence, exact: float) -> None:
    estimate = divergence(UNIT, standard(1))
    assert estimate.value.item() == pytest.approx(exact, abs=1e-13)
    assert abs(estimate.value.item() - exact) <= estimate.error.item()


def test_two_squares_against_a_gaussian() -> None:
    """KL = E_p log p + ½E_p‖x‖² + log 2π, with E_p‖x‖² box by box."""
    p = boxes([0.3, 0.7], [[-2.0, -1.0], [0.5, 0.0]], [[-1.0, 1.0], [1.5, 3.0]])
    second = 0.3 * (7 / 3 + 1 / 3) + 0.7 * (13 / 12 + 3.0)
    entropy = -(0.3 * math.log(0.3 / 2) + 0.7 * math.log(0.7 / 3))
    estimate = kl(p, standard(2))
    assert estimate.value.item() == pytest.approx(-entropy + second / 2 + 2 * HALF_LOG, abs=1e-11)
    assert estimate.error.item() < 1e-9


def test_a_box_in_a_wider_box() -> None:
    """KL reads the ratio of the widths."""
    assert kl(UNIT, WIDE).value.item() == pytest.approx(math.log(2.5), abs=1e-13)


@pytest.mark.parametrize("divergence", [fisher, f2])
def test_what_needs_a_score_says_so(divergence: Divergence) -> None:
    for p, q in ((UNIT, WIDE), (UNIT, standard(1)), (standard(1), UNIT)):
        with pytest.raises(ValueError, match="no score: add noise first"):
            divergence(p, q)


@pytest.mark.parametrize("divergence", [kl, squared_log_ratio, half_variance_log_ratio])
def test_missed_mass_is_infinite(divergence: Divergence) -> None:
    for p, q in ((WIDE, UNIT), (standard(1), UNIT)):
        estimate = divergence(p, q)
        assert estimate.value.item() == math.inf
        assert estimate.error.item() == 0.0
        assert divergence.reverse(q, p).value.item() == math.inf


def test_missed_mass_far_out_is_infinite_too() -> None:
    """Where p underflows it still has mass: the normal law against a box of half-width 50."""
    wide = boxes([1.0], [[-50.0]], [[50.0]])
    grid = Grid.covering(standard(1), wide, reach=60.0)
    assert kl(standard(1), wide, grid).value.item() == math.inf


def test_where_p_has_no_mass_nothing_is_added() -> None:
    """0 · (−∞) is its limit 0, whatever q has there, and neither side's lack is NaN."""
    x = torch.tensor([[-3.0], [0.5], [1.5], [3.0]], dtype=torch.float64)
    for divergence in (kl, squared_log_ratio, half_variance_log_ratio):
        assert (divergence.integrand(UNIT, WIDE, x)[[0, 2, 3]] == 0).all()
    assert kl.integrand(WIDE, UNIT, x).tolist() == [0.0, pytest.approx(math.log(0.4) / 2.5), math.inf, 0.0]


def test_noise_makes_it_finite() -> None:
    """The same noise on both ends the infinity, and the values agree with a finer grid."""
    p, q = WIDE.noised(0.1), UNIT.noised(0.1)
    fine = measure(p, q, (kl, fisher), Grid.covering(p, q, step=0.004))
    for estimate, reference in zip(measure(p, q, (kl, fisher)), fine, strict=True):
        assert math.isfinite(estimate.value.item())
        assert abs(estimate.value.item() - reference.value.item()) <= estimate.error.item()
        assert estimate.value.item() == pytest.approx(reference.value.item(), rel=1e-6)
