"""A Legendre series against closed forms: exact for polynomials, spectral for analytic functions."""

import math

import pytest
import torch

from gmviz.legendre import LegendreSeries


def test_a_polynomial_is_reproduced_with_its_area() -> None:
    """n nodes give degree n − 1 exactly: x⁴ − 3x² on [−1, 3] from 5 nodes."""
    u = LegendreSeries.nodes(5, -1.0, 3.0)
    series = LegendreSeries(u**4 - 3 * u**2, -1.0, 3.0)
    x = torch.linspace(-1, 3, 9, dtype=torch.float64)
    torch.testing.assert_close(series(x), x**4 - 3 * x**2, atol=1e-12, rtol=0)
    torch.testing.assert_close(series.integral(x), x**5 / 5 - x**3 - 0.8, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("n", "error"), [(4, 3e-2), (8, 5e-6), (16, 1e-13)])
def test_convergence_is_spectral(n: int, error: float) -> None:
    """∫ eˣ from −1 to x, and eˣ itself, on [−1, 2]."""
    series = LegendreSeries(LegendreSeries.nodes(n, -1.0, 2.0).exp(), -1.0, 2.0)
    x = torch.linspace(-1, 2, 31, dtype=torch.float64)
    assert (series(x) - x.exp()).abs().max() < error * 7.4
    assert (series.integral(x) - x.exp() + math.exp(-1)).abs().max() < error * 7.4


def test_the_derivative_of_the_area_is_the_value() -> None:
    u = LegendreSeries.nodes(30, 0.0, 5.0)
    series = LegendreSeries(u.sin() / (1 + u), 0.0, 5.0)
    x, h = torch.linspace(0.5, 4.5, 7, dtype=torch.float64), 1e-4
    slope = (series.integral(x + h) - series.integral(x - h)) / (2 * h)
    torch.testing.assert_close(slope, series(x), atol=1e-8, rtol=0)


def test_what_is_refused() -> None:
    values = torch.ones(4, dtype=torch.float64)
    with pytest.raises(ValueError, match="low must be below high = 0"):
        LegendreSeries(values, 1.0, 0.0)
    with pytest.raises(ValueError, match="values must be finite"):
        LegendreSeries(values * math.nan, 0.0, 1.0)
    with pytest.raises(ValueError, match=r"x must be in \[0, 1\]"):
        LegendreSeries(values, 0.0, 1.0)(torch.tensor([1.1]))
