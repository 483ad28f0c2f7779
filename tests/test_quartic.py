"""The quartic exponential family: printed fits of both kinds, moments, and slopes that vanish at the fits."""

import pytest
import torch

from gmviz.divergences import fisher, kl
from gmviz.families import Target
from gmviz.landscapes import Landscape
from gmviz.quartic import QuarticPlane, fisher_fit, kl_fit, moments

BIM = Target(0.5)
CLEAN = torch.zeros(1, dtype=torch.float64)


def test_both_fits_as_printed() -> None:
    assert fisher_fit(BIM).tolist() == pytest.approx([-0.336039, 0.848713, 0.022332, -0.092713], abs=6e-7)
    assert kl_fit(BIM).tolist() == pytest.approx([-0.347944, 1.225742, 0.028320, -0.128161], abs=6e-7)


@pytest.mark.parametrize(
    ("a", "reads_kl", "reads_fisher", "variance"),
    [(0.0, 0.0867, 0.4281, 3.296), (1.0, 0.0554, 0.6329, 3.610)],
)
def test_each_wins_by_its_own_measure(a, reads_kl, reads_fisher, variance) -> None:
    plane = QuarticPlane(BIM)
    theta = torch.tensor([[a, 0.0]], dtype=torch.float64)
    for divergence, printed in ((kl, reads_kl), (fisher, reads_fisher)):
        height = Landscape.of(plane, BIM, divergence, CLEAN).heights(theta[:, None]).item()
        assert height == pytest.approx(printed, abs=5.1e-5)
    mean, _ = moments(plane.coefficients(theta)[0])
    assert (mean[1] - mean[0] ** 2).item() == pytest.approx(variance, abs=5.1e-4)


def test_kl_matches_the_moments_of_p() -> None:
    """E x = −.8, E x² = 4.25, E x³ = −.4 (8 + 6·.25), E x⁴ = 16 + 24·.25 + 3/16."""
    mean, covariance = moments(kl_fit(BIM))
    assert mean.tolist() == pytest.approx([-0.8, 4.25, -0.4 * 9.5, 16 + 6 + 3 / 16], abs=1e-9)
    assert torch.linalg.eigvalsh(covariance).min() > 0


@pytest.mark.parametrize("width", [0.4, 0.7, 1.0])
def test_the_fits_are_the_lowest_points_of_their_maps(width) -> None:
    target = Target(width)
    plane = QuarticPlane(target)
    for divergence, a in ((fisher, 0.0), (kl, 1.0)):
        landscape = Landscape.of(plane, target, divergence, CLEAN)
        _, slope = landscape.slopes(torch.tensor([[a, 0.0]], dtype=torch.float64))
        assert slope.abs().max() < 1e-8
        assert (
            torch.linalg.eigvalsh(landscape.curvature(torch.tensor([[a, 0.0]], dtype=torch.float64)))[0, 0]
            > 0
        )


def test_fisher_is_a_parabola() -> None:
    """No normaliser: the Hessian is the same everywhere, and at b it is 1 along the tilt."""
    landscape = Landscape.of(QuarticPlane(BIM), BIM, fisher, CLEAN)
    here, there = (
        landscape.curvature(torch.tensor([at], dtype=torch.float64)) for at in ([0.0, 0.0], [1.2, -0.4])
    )
    torch.testing.assert_close(here, there, atol=1e-9, rtol=0)
    assert here[0, 1, 1].item() == pytest.approx(1.0, abs=1e-10)
