"""Many noise levels at once: against one grid per level, printed numbers, and areas that add up to KL."""

import pytest
import torch
from scipy.optimize import minimize_scalar

from gmviz.divergences import fisher, kl
from gmviz.legendre import LegendreSeries
from gmviz.noise_paths import Hump, Levels, TimePath, VariancePath, smallest_variance
from gmviz.noising import along
from gmviz.pairs import P1, P2, Q1, Q2, far_modes
from gmviz.schedules import VE, VP

E8 = far_modes(8.0)
LINE_AND_PLANE = [(E8.p, E8.q), (P1, Q1), (P2, Q2)]


def number(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def to(sigma: float, p, q, nodes: int = 60) -> Hump:
    return Hump.of(p, q, VariancePath(VE(sigma_max=sigma), smallest_variance(p, q)), nodes)


def far_hump(sigma: float = 10.0) -> tuple[Hump, float]:
    return to(sigma, E8.p, E8.q), smallest_variance(E8.p, E8.q)


@pytest.mark.parametrize(("p", "q"), LINE_AND_PLANE)
def test_one_grid_for_all_levels_reads_what_a_grid_for_each_reads(p, q) -> None:
    levels = [(1.0, 0.0), (1.0, 0.3), (1.0, 2.0), (0.4, 0.9), (0.01, 1.0)]
    alpha, sigma = torch.tensor(levels, dtype=torch.float64).unbind(-1)
    batch = Levels.of(p, q, alpha, sigma)
    torch.testing.assert_close(batch.kl().value, along(kl, p, q, levels), atol=2e-8, rtol=0)
    torch.testing.assert_close(batch.fisher().value, along(fisher, p, q, levels), atol=2e-6, rtol=1e-6)


def test_noise_raises_fisher_and_lowers_kl() -> None:
    """Far modes, σ = 0, .5, 1, 2, 3, 5, 10: the printed Fisher and KL."""
    sigma = torch.tensor([0.0, 0.5, 1, 2, 3, 5, 10], dtype=torch.float64)
    levels = Levels.of(E8.p, E8.q, torch.ones_like(sigma), sigma)
    printed = torch.tensor([7.42e-4, 2.618e-3, 1.4062e-2, 3.7241e-2, 2.7187e-2, 8.840e-3, 9.31e-4])
    torch.testing.assert_close(levels.fisher().value, printed.double(), atol=0, rtol=5e-4)
    printed = torch.tensor([0.8317, 0.8254, 0.7343, 0.5695, 0.3187, 0.1036])
    torch.testing.assert_close(levels.kl().value[[0, 2, 3, 4, 5, 6]], printed.double(), atol=5.1e-5, rtol=0)


def test_where_fisher_peaks() -> None:
    """Fisher: 3.72454e-2 at σ = 2.01408. σ² Fisher: .254553 at 3.54209, found on the series."""
    hump, c = far_hump()

    def height(sigma: float, power: int) -> float:
        return float(hump(number(sigma**2 / c).log1p())) * sigma**power

    for power, at, value in ((0, 2.01408, 3.72454e-2), (2, 3.54209, 0.254553)):
        top = minimize_scalar(lambda s, n=power: -height(s, n), bounds=(1.0, 6.0), options={"xatol": 1e-7})
        assert top.x == pytest.approx(at, abs=1e-4)
        assert -top.fun == pytest.approx(value, rel=2e-6)


@pytest.mark.parametrize(
    ("p", "q", "to_10", "to_50", "vp"),
    [
        (E8.p, E8.q, 0.728135357960, 0.827101261779, 0.831191351051),
        (P1, Q1, 0.291044698972, 0.297771082774, 0.298027683753),
        (P2, Q2, 0.450111066739, 0.450281634553, 0.450287865508),
    ],
)
def test_areas(p, q, to_10, to_50, vp) -> None:
    for sigma, printed in ((10.0, to_10), (50.0, to_50)):
        hump = to(sigma, p, q)
        assert hump.removed(number(hump.path.stop)).item() == pytest.approx(printed, abs=2e-8)
    hump = Hump.of(p, q, TimePath(VP()), 60)
    assert hump.removed(number(1.0)).item() == pytest.approx(vp, abs=2e-8)


@pytest.mark.parametrize("nodes", [40, 60, 80])
@pytest.mark.parametrize(("p", "q"), LINE_AND_PLANE)
def test_at_every_level_area_and_rest_are_kl(p, q, nodes) -> None:
    paths = (VariancePath(VE(sigma_max=10.0), smallest_variance(p, q)), TimePath(VP()))
    for path in paths:
        u = torch.linspace(0.0, path.stop, 25, dtype=torch.float64)
        rest = Levels.of(p, q, *path.levels(u)).kl().value
        total = Hump.of(p, q, path, nodes).removed(u) + rest
        torch.testing.assert_close(total, rest[0].expand_as(total), atol=3e-8, rtol=0)


@pytest.mark.parametrize(
    ("p", "q", "shares"),
    [
        (E8.p, E8.q, {1.0: 0.0076, 2.0: 0.117, 3.0: 0.315, 6.0: 0.706, 10.0: 0.875}),
        (P1, Q1, {0.5: 0.118, 1.0: 0.292, 2.0: 0.625, 6.0: 0.937}),
    ],
)
def test_where_the_kl_sits(p, q, shares) -> None:
    hump, c = to(10.0, p, q), smallest_variance(p, q)
    total = Levels.of(p, q, torch.ones(1).double(), torch.zeros(1).double()).kl().value.item()
    for sigma, share in shares.items():
        removed = hump.removed(number(sigma**2 / c).log1p()).item()
        assert removed / total == pytest.approx(share, abs=5e-5 if share < 0.01 else 5.1e-4)


def centre(hump: Hump, weight) -> tuple[float, float]:
    """∫ λ Fisher dt, and exp of the mean of ln σ under it."""
    t = LegendreSeries.nodes(100, 0.0, 1.0)
    series = hump.weighted(weight(t))
    moment = LegendreSeries(series.values * hump.path.schedule.sigma(t).log(), 0.0, 1.0)
    total = series.integral(number(1.0))
    return total.item(), (moment.integral(number(1.0)) / total).exp().item()


def test_weightings_of_geometric_levels() -> None:
    """λ = σ² is g² over 17.0344; λ = 1 looks at σ about 1.7 instead of 4.3, and .074 instead of 1.49."""
    hump, _ = far_hump(50.0)
    schedule = hump.path.schedule
    total, at = centre(hump, lambda t: schedule.sigma(t).square())
    assert total == pytest.approx(0.0485547979, abs=1e-9)
    assert 2 * schedule.log_ratio * total == pytest.approx(0.8271011875, abs=2e-8)
    assert at == pytest.approx(4.3, abs=0.05)
    total, at = centre(hump, torch.ones_like)
    assert total == pytest.approx(0.00618, abs=6e-6)
    assert at == pytest.approx(1.7, abs=0.05)
    line = to(50.0, P1, Q1)
    assert centre(line, lambda t: schedule.sigma(t).square())[1] == pytest.approx(1.49, abs=5e-3)
    assert centre(line, torch.ones_like)[1] == pytest.approx(0.074, abs=5e-4)


def test_weightings_of_the_variance_preserving_schedule() -> None:
    hump = Hump.of(E8.p, E8.q, TimePath(VP()), 60)
    t = LegendreSeries.nodes(100, 0.0, 1.0)
    weights = {0.8311914: VP().beta(t), 0.0720484: VP().sigma(t).square(), 0.0815399: torch.ones_like(t)}
    for printed, weight in weights.items():
        assert hump.weighted(weight).integral(number(1.0)).item() == pytest.approx(printed, abs=1e-7)


def test_the_series_keeps_to_its_time() -> None:
    """place and time are inverse where the schedule reaches; below its first level, time is 0."""
    hump, _ = far_hump()
    t = torch.linspace(0, 1, 11, dtype=torch.float64)
    torch.testing.assert_close(hump.path.time(hump.path.place(t)), t, atol=1e-12, rtol=0)
    assert hump.path.time(number(0.0)).item() == 0.0
    with pytest.raises(ValueError, match="alpha, sigma must be not both 0"):
        Levels.of(E8.p, E8.q, torch.zeros(1).double(), torch.zeros(1).double())
