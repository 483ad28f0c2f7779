"""The grid's integrals and the errors it reports, against closed forms and finer grids."""

import math

import pytest
import torch

from gmviz.densities import GaussianMixture
from gmviz.divergences import fisher, kl, measure, squared_log_ratio
from gmviz.pairs import P1, P2, PAIRS, Q1, Q2, far_modes, on_line
from gmviz.quadrature import Axis, Estimate, Grid, gauss_hermite, gauss_legendre


def moments_error(density: GaussianMixture) -> torch.Tensor:
    """How far mass, mean and second moments by quadrature are from the closed forms."""
    grid = Grid.covering(density)
    p, x = density.log_prob(grid.nodes).exp(), grid.nodes
    mass = grid.integrate(p).value - 1
    mean = grid.integrate(p * x.mT).value - density.mean()
    second = grid.integrate(p * (x[:, :, None] * x[:, None, :]).movedim(0, -1)).value
    second = second - density.covariance() - torch.outer(density.mean(), density.mean())
    return torch.cat([mass.flatten(), mean.flatten(), second.flatten()]).abs().max()


@pytest.mark.parametrize("density", [P1, Q1, P2, Q2, on_line([0.3, 0.7], [-1.0, 1.0], [0.7, 1.0], 3)])
def test_moments(density) -> None:
    """The trapezoid rule at a third of the smallest width is exact to rounding for Gaussian mixtures."""
    assert moments_error(density) < 1e-12


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.name}-{pair.p.dimension}d")
@pytest.mark.parametrize("per_sd", [1.5, 2.0, 3.0, 4.0])
def test_reported_error_is_a_bound(pair, per_sd) -> None:
    """On every grid, the coarse ones included, the value is as close to a fine grid's as is claimed."""
    finest = min(pair.p.smallest_sd(), pair.q.smallest_sd())
    asked = (kl, kl.reverse, fisher, fisher.reverse, squared_log_ratio)
    fine = measure(pair.p, pair.q, asked, Grid.covering(pair.p, pair.q, step=finest / 8))
    coarse = measure(pair.p, pair.q, asked, Grid.covering(pair.p, pair.q, step=finest / per_sd))
    for reference, estimate in zip(fine, coarse, strict=True):
        assert (estimate.value - reference.value).abs() <= estimate.error + reference.error


def test_ridge_along_one_axis_is_noticed() -> None:
    """A function of one coordinate only: the checkerboards alone would agree although the rule is wrong."""
    box = on_line([1.0], [0.0], [1.0], 2)
    grid = Grid.covering(box, step=2.5)
    estimate = grid.integrate(
        box.log_prob(grid.nodes).exp() * (1 + (2 * math.pi / 2.5 * grid.nodes[:, 0]).cos())
    )
    exact = 1 + math.exp(-((2 * math.pi / 2.5) ** 2) / 2)
    assert 1e-2 < abs(estimate.value.item() - exact) <= estimate.error.item()


def test_trapezoid_and_its_companion() -> None:
    axis = Axis.trapezoid(-1.0, 2.0, 0.4)
    assert len(axis.nodes) % 2 == 1
    assert axis.nodes.diff().max() <= 0.4
    assert axis.weights.sum().item() == pytest.approx(3.0, abs=1e-14)
    half = axis.weights + axis.companions  # twice the weights on every second node: the coarser trapezoid
    assert half[1::2].abs().max() == 0
    coarse = torch.trapezoid(axis.nodes[::2] ** 2, axis.nodes[::2])
    assert (half @ axis.nodes**2).item() == pytest.approx(coarse.item(), abs=1e-13)


def test_panels_end_at_jumps() -> None:
    """∫ of a step function times a smooth one is exact to rounding with edges, and far off without."""
    edges = torch.tensor([-0.37, 0.81], dtype=torch.float64)
    axis = Axis.panels(-2.0, 2.0, 0.2, edges)
    inside = (axis.nodes > edges[0]) & (axis.nodes < edges[1])
    assert (axis.weights @ (inside * axis.nodes.cos())).item() == pytest.approx(
        math.sin(0.81) + math.sin(0.37), abs=1e-14
    )
    blind = Axis.trapezoid(-2.0, 2.0, 0.2)
    inside = (blind.nodes > edges[0]) & (blind.nodes < edges[1])
    assert abs((blind.weights @ (inside * blind.nodes.cos())).item() - math.sin(0.81) - math.sin(0.37)) > 1e-3
    assert axis.weights.sum().item() == pytest.approx(4.0, abs=1e-13)


def test_panel_companion_bounds_the_error() -> None:
    """Poles at 1/√sharpness off the line: the last Legendre mode reports more than the true error."""
    axis = Axis.panels(-1.0, 1.0, 0.2, torch.tensor([0.1], dtype=torch.float64))
    grid = Grid.of((axis,))
    for sharpness in (5.0, 20.0, 50.0):
        estimate = grid.integrate(1 / (1 + sharpness * axis.nodes.square()))
        exact = 2 * math.atan(math.sqrt(sharpness)) / math.sqrt(sharpness)
        assert abs(estimate.value.item() - exact) <= estimate.error.item()


def test_blocks_add_up() -> None:
    grid = Grid.covering(P2, Q2)

    def integrand(x: torch.Tensor) -> torch.Tensor:
        return P2.log_prob(x).exp() * Q2.log_prob(x)

    whole = grid.integrate(integrand(grid.nodes))
    pieces = grid.integral(integrand, bytes_per_node=2**20)
    torch.testing.assert_close(pieces.value, whole.value, rtol=1e-14, atol=0)
    assert sum(len(block.nodes) for block in grid.blocks(2**20)) == len(grid.nodes)
    assert max(len(block.nodes) for block in grid.blocks(2**20)) <= 64


def test_covers_the_whole_sweep() -> None:
    sweep = far_modes(torch.linspace(2, 10, 5, dtype=torch.float64), dimension=2)
    grid = Grid.covering(sweep.p, sweep.q)
    torch.testing.assert_close(
        grid.nodes.amin(0), torch.tensor([-15.0, -10.0], dtype=torch.float64), rtol=0, atol=1e-12
    )
    torch.testing.assert_close(
        grid.nodes.amax(0), torch.tensor([15.0, 10.0], dtype=torch.float64), rtol=0, atol=1e-12
    )
    mass = grid.integrate(sweep.p.log_prob(grid.nodes).exp())
    assert mass.value.shape == (5,)
    assert (mass.value - 1).abs().max() < 1e-13


def test_a_sweep_in_parts_needs_fewer_nodes() -> None:
    """Noise from 0 to 5: one grid must be fine and wide at once, parts of the sweep need not."""
    sigma = torch.linspace(0, 5, 12, dtype=torch.float64)
    pair, nodes, parts = far_modes(8.0, dimension=2), 0, []
    for part in sigma.split(4):
        p, q = pair.p.noised(part), pair.q.noised(part)
        grid = Grid.covering(p, q, comfortable=1)
        nodes += len(part) * len(grid.nodes)
        parts.append(measure(p, q, (kl, fisher), grid))
    p, q = pair.p.noised(sigma), pair.q.noised(sigma)
    shared = Grid.covering(p, q, comfortable=1)
    assert nodes < len(sigma) * len(shared.nodes) / 3
    whole = measure(p, q, (kl, fisher), shared)
    for together, apart in zip(whole, zip(*parts, strict=True), strict=True):
        joined = Estimate.joined(apart)
        assert joined.value.shape == joined.error.shape == sigma.shape
        assert ((joined.value - together.value).abs() <= joined.error + together.error).all()


def test_infinite_integrands_are_legal_and_nan_is_not() -> None:
    grid = Grid.covering(P1, Q1)
    values = torch.ones(len(grid.nodes), dtype=torch.float64)
    values[7] = math.inf
    estimate = grid.integrate(values)
    assert estimate.value == math.inf
    assert estimate.error == 0
    values[7] = math.nan
    with pytest.raises(ValueError, match="values must be free of NaN"):
        grid.integrate(values)


def test_gauss_legendre_is_exact_to_degree_2n_minus_1() -> None:
    x, w = gauss_legendre(5, -1.0, 3.0)
    assert (w @ x**9).item() == pytest.approx((3**10 - 1) / 10, rel=1e-13)


def test_gauss_hermite_moments() -> None:
    z, w = gauss_hermite(6, 2)
    assert z.shape == (36, 2)
    for power, moment in ((0, 1.0), (2, 1.0), (4, 3.0), (10, 945.0)):
        assert (w @ z[:, 0] ** power).item() == pytest.approx(moment, rel=1e-13)
    assert (w @ (z[:, 0] ** 2 * z[:, 1] ** 4)).item() == pytest.approx(3.0, rel=1e-13)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="densities must be of one dimension, got \\[1, 2\\]"):
        Grid.covering(P1, P2)
    with pytest.raises(ValueError, match="densities must be at least one, got none"):
        Grid.covering()
    for step in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="step must be a positive length"):
            Grid.covering(P1, step=step)
    with pytest.raises(ValueError, match="reach must be positive"):
        Grid.covering(P1, reach=0.0)
    with pytest.raises(ValueError, match="step must be so coarse that 5,000,000 nodes are enough"):
        Grid.covering(on_line([0.5, 0.5], [-50.0, 50.0], [1e-3, 1e-3], 3))
    with pytest.raises(ValueError, match="values must be"):
        Grid.covering(P1).integrate(torch.ones(3, dtype=torch.float64))
