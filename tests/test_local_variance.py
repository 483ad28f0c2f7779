"""The local variance against its printed table, its expansion and exact limits."""

import pytest
import torch

from gmviz import divergences
from gmviz.densities import GaussianMixture
from gmviz.local_variance import expansion, local_variance, response
from gmviz.pairs import P1, P2, Q1, Q2
from gmviz.quadrature import Grid

POINT = torch.tensor([[0.5, 0.5]], dtype=torch.float64)
CRITICAL = torch.tensor([[2.77215, -0.18633]], dtype=torch.float64)

# ε, variance form, mean-square form, shift over ε²/2
TABLE = [
    (0.5, 0.6398987952, 0.6796994783, 1.12855),
    (0.2, 0.7645284002, 0.7727770155, 1.28442),
    (0.1, 0.8262288275, 0.8280660885, 1.21236),
    (0.05, 0.8465130273, 0.8469482604, 1.18015),
    (0.01, 0.8535694393, 0.8535864966, 1.16815),
]


@pytest.mark.parametrize(("epsilon", "variance", "mean_square", "slope"), TABLE)
def test_table(epsilon, variance, mean_square, slope) -> None:
    answer = response(P2, Q2, POINT, epsilon, nodes=60)
    assert answer.local_variance.item() == pytest.approx(variance, abs=6e-11)
    assert answer.mean_square.item() == pytest.approx(mean_square, abs=6e-11)
    assert (answer.shift / (epsilon**2 / 2)).item() == pytest.approx(slope, abs=6e-6)


@pytest.mark.parametrize("epsilon", [0.5, 0.2, 0.05])
def test_default_nodes_suffice(epsilon) -> None:
    """60² nodes are the reference; the default takes as many only for large ε."""
    default = local_variance(P2, Q2, POINT, epsilon)
    assert default.item() == pytest.approx(
        response(P2, Q2, POINT, epsilon, 60).local_variance.item(), abs=1e-8
    )


def test_expansion_at_a_point() -> None:
    exact = expansion(P2, Q2, POINT)
    assert exact.limit.item() == pytest.approx(0.8538701997, abs=6e-11)
    assert exact.coefficient.item() == pytest.approx(-3.0104020762, abs=6e-11)
    assert exact.mean_square_coefficient.item() == pytest.approx(-2.8399807520, abs=6e-11)
    assert exact.laplacian.item() == pytest.approx(1.16763, abs=6e-6)


@pytest.mark.parametrize(("p", "q", "x"), [(P1, Q1, [[0.3], [-1.0]]), (P2, Q2, [[0.5, 0.5], [-1.0, 0.2]])])
def test_remainder_is_fourth_order(p, q, x) -> None:
    """G − limit − cε² shrinks 16-fold when ε is halved, for both forms."""
    x = torch.tensor(x, dtype=torch.float64)
    exact = expansion(p, q, x)
    for form, coefficient in (
        ("local_variance", exact.coefficient),
        ("mean_square", exact.mean_square_coefficient),
    ):
        remainders = [
            getattr(response(p, q, x, epsilon, 60), form) - exact.limit - coefficient * epsilon**2
            for epsilon in (0.04, 0.02)
        ]
        torch.testing.assert_close(
            (remainders[0] / remainders[1]).log2(),
            torch.full((2,), 4.0, dtype=torch.float64),
            rtol=0,
            atol=0.1,
        )


def test_critical_point() -> None:
    """Where ∇f = 0 only the Hessian is left: ε²‖H‖²/2d."""
    exact = expansion(P2, Q2, CRITICAL)
    H = P2.hessian(CRITICAL) - Q2.hessian(CRITICAL)
    assert exact.limit.item() < 1e-9
    assert local_variance(P2, Q2, CRITICAL, 0.1).item() == pytest.approx(0.0061002, abs=6e-8)
    assert (0.1**2 * H.square().sum() / 4).item() == pytest.approx(0.0060986, abs=6e-8)


def test_affine_log_ratio_is_exact_at_every_size() -> None:
    """Two Gaussians of one covariance: f is affine, so G = ‖∇f‖²/d whatever ε."""
    one, eye = torch.ones(1, dtype=torch.float64), torch.eye(3, dtype=torch.float64)[None]
    p = GaussianMixture(one, torch.zeros(1, 3, dtype=torch.float64), eye)
    q = GaussianMixture(one, torch.tensor([[1.0, 2.0, -1.0]], dtype=torch.float64), eye)
    x = torch.tensor([[0.0, 0.0, 0.0], [1.0, -2.0, 3.0]], dtype=torch.float64)
    for epsilon in (1e-3, 0.1, 1.0):
        answer = response(p, q, x, epsilon, nodes=8)
        torch.testing.assert_close(answer.local_variance, torch.full((2,), 2.0, dtype=torch.float64))
        assert answer.shift.abs().max() < 1e-12 * (1 + 1 / epsilon)


# ε, (d/2) E_p G, E_p E_e f; the coarse grid is exact to 1e-6 here
AVERAGES = [(0.2, 1.67754, 0.41073), (0.1, 1.68142575, 0.44024), (0.05, 1.68278053, 0.44777)]


@pytest.mark.parametrize(("epsilon", "average", "expectation"), AVERAGES)
def test_averages(epsilon, average, expectation) -> None:
    grid = Grid.covering(P2, Q2, step=0.2, reach=6.0)
    answer = response(P2, Q2, grid.nodes, epsilon, nodes=10)
    f = P2.log_prob(grid.nodes) - Q2.log_prob(grid.nodes)
    p = P2.log_prob(grid.nodes).exp()
    assert grid.integrate(p * answer.local_variance).value.item() == pytest.approx(average, abs=5e-6)
    assert grid.integrate(p * (f + answer.shift)).value.item() == pytest.approx(expectation, abs=5e-6)


def test_averaged_coefficients() -> None:
    """Means over p: the limit is Fisher; the ε² terms agree with a difference quotient, extrapolated."""
    grid = Grid.covering(P2, Q2, step=0.06, reach=8.0)
    exact = expansion(P2, Q2, grid.nodes)
    p = P2.log_prob(grid.nodes).exp()

    def average(values: torch.Tensor) -> float:
        return grid.integrate(p * values).value.item()

    limit = average(exact.limit)
    assert limit == pytest.approx(1.6832749480, abs=6e-11)
    assert average(exact.coefficient) == pytest.approx(-0.2023607, abs=6e-8)
    assert average(exact.mean_square_coefficient) == pytest.approx(0.8807506, abs=6e-8)
    for form, coefficient in (
        ("local_variance", exact.coefficient),
        ("mean_square", exact.mean_square_coefficient),
    ):
        coarse, fine = (
            (average(getattr(response(P2, Q2, grid.nodes, epsilon, 6), form)) - limit) / epsilon**2
            for epsilon in (0.04, 0.02)
        )
        assert (4 * fine - coarse) / 3 == pytest.approx(average(coefficient), abs=2e-4)


def test_public_name() -> None:
    assert divergences.local_variance is local_variance


@pytest.mark.parametrize("epsilon", [0.0, -0.1, float("nan"), float("inf")])
def test_size_of_the_noise_is_checked(epsilon) -> None:
    with pytest.raises(ValueError, match="epsilon must be a positive length"):
        local_variance(P2, Q2, POINT, epsilon)
