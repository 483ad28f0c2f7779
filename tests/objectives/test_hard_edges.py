"""Where the density jumps, integration by parts leaves the flow of p s through the edge."""

import pytest
import torch

from gmviz.boxes import Boxes
from gmviz.models import ExactScore
from gmviz.objectives import ESM, ISM, Draw, boundary_term
from gmviz.quadrature import Grid
from tests.objectives.laws import mixture

SQUARE = Boxes(*(torch.tensor(part, dtype=torch.float64) for part in ([1.0], [[-1.0, -1.0]], [[1.0, 1.0]])))


def normal(variance):
    return ExactScore(mixture([1.0], [[0.0, 0.0]], [[[variance, 0.0], [0.0, variance]]]))


def corners():
    return torch.tensor(
        [[i - 2.0, j - 2.0] for i in range(4) for j in range(4) if (i + j) % 2 == 0], dtype=torch.float64
    )


def integrals(boxes, model):
    """E[ISM losses] and ½E‖s‖², the ESM of a flat inside, by Gauss-Legendre between the edges."""
    grid = Grid.covering(boxes, step=0.05)
    x, mass = grid.nodes, boxes.log_prob(grid.nodes).exp()
    still = Draw(torch.zeros_like(x), x.new_empty(0, *x.shape))
    ism = grid.integrate(mass * ISM(sigma=0.0).losses(model, x, still)).value
    esm = grid.integrate(mass * model.score(x).square().sum(-1) / 2).value
    return esm.item(), ism.item()


@pytest.mark.parametrize("v", [1 / 3, 1.0, 4.0])
def test_the_square(v):
    """ESM = 1/(3v²), ISM = −2/v + 1/(3v²): they differ by −2/v, not by a constant."""
    esm, ism = integrals(SQUARE, normal(v))
    assert abs(esm - 1 / (3 * v * v)) < 1e-9
    assert abs(ism - (1 / (3 * v * v) - 2 / v)) < 1e-9
    assert abs(boundary_term(SQUARE, normal(v)).item() + 2 / v) < 1e-12
    assert abs(ism - esm - boundary_term(SQUARE, normal(v)).item()) < 1e-9


def test_the_square_at_its_moment_fit():
    esm, ism = integrals(SQUARE, normal(1 / 3))
    assert abs(esm - 3) < 1e-9
    assert abs(ism + 3) < 1e-9
    assert abs(boundary_term(SQUARE, normal(1 / 3)).item() + 6) < 1e-6


@pytest.mark.parametrize(
    ("tau", "esm", "ism"),
    [(0.2, 50.69, 3.805), (0.3, 9.094, -10.009), (0.5, 0.7305, -4.242), (1.0, 0.1504, -0.711)],
)
def test_the_checkerboard(tau, esm, ism):
    low = corners()
    board = Boxes(torch.full((8,), 1 / 8).double(), low, low + 1)
    eye = (tau**2 * torch.eye(2, dtype=torch.float64)).tolist()
    model = ExactScore(mixture([1 / 8] * 8, (low + 0.5).tolist(), [eye] * 8))
    found_esm, found_ism = integrals(board, model)
    assert found_esm == pytest.approx(esm, abs=0.5 * 10 ** -(4 if esm < 1 else 3 if esm < 10 else 2))
    assert found_ism == pytest.approx(ism, abs=0.6e-3)
    assert abs(found_ism - found_esm - boundary_term(board, model).item()) < 1e-6


def test_noise_restores_the_identity():
    """At σ > 0 the square has a score and J(p_σ) ≈ 2 · .9031973/σ: the constant is back, and is large."""
    for sigma in (0.1, 0.2):
        half = ISM(sigma=sigma).offset(SQUARE)
        # J of a noised interval of length 2 is .9031973/σ per axis
        assert abs(half.value.item() - 0.9031973 / sigma) < 2e-6 / sigma
    model = normal(0.5)
    p = SQUARE.noised(0.2)
    grid = Grid.covering(p)
    x, mass = grid.nodes, p.log_prob(grid.nodes).exp()
    still = Draw(torch.zeros_like(x), x.new_empty(0, *x.shape))
    ism = grid.integrate(mass * ISM(sigma=0.0).losses(model, x, still)).value
    fisher = ISM.estimates(p, model.density, grid).value
    assert abs(ism + ISM(sigma=0.2).offset(SQUARE).value - fisher) < 1e-6


def test_a_hard_edge_has_no_true_score():
    reason = ESM(sigma=0.0).refusal(normal(1.0).provides, SQUARE)
    assert reason == "ESM needs a smooth density: these data have hard edges, set σ above 0"
    assert ESM(sigma=0.1).refusal(normal(1.0).provides, SQUARE) is None
    with pytest.raises(ValueError, match="no score"):
        ISM(sigma=0.0).offset(SQUARE)
