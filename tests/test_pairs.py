"""The named pairs: their parameters as stated, their shapes in every dimension, bad input."""

import math

import pytest
import torch

from gmviz.pairs import P1, P2, PAIRS, Q1, Q2, comb, far_modes, hallucinated_mode, missed_mode, on_line


def normal(x: float, mean: float, sd: float) -> float:
    return math.exp(-(((x - mean) / sd) ** 2) / 2) / (sd * math.sqrt(2 * math.pi))


def test_line_pair_is_as_stated() -> None:
    x = torch.tensor([[0.3]], dtype=torch.float64)
    p = 0.7 * normal(0.3, -1.5, 0.6) + 0.3 * normal(0.3, 1.5, 0.9)
    q = 0.4 * normal(0.3, -1.2, 0.8) + 0.6 * normal(0.3, 1.8, 0.7)
    assert P1.log_prob(x).exp().item() == pytest.approx(p, rel=1e-12)
    assert Q1.log_prob(x).exp().item() == pytest.approx(q, rel=1e-12)


def test_plane_pair_has_its_moments() -> None:
    torch.testing.assert_close(P2.mean(), torch.tensor([-0.3, 0.55], dtype=torch.float64))
    torch.testing.assert_close(Q2.mean(), torch.tensor([-0.12, 0.5], dtype=torch.float64))


def test_far_modes_swap_their_weights() -> None:
    pair = far_modes(8.0)
    x = torch.tensor([[-4.0], [4.0]], dtype=torch.float64)
    p, q = pair.p.log_prob(x).exp(), pair.q.log_prob(x).exp()
    torch.testing.assert_close(p, q.flip(0), rtol=1e-12, atol=0)
    assert (p[0] / p[1]).item() == pytest.approx(4.0, abs=1e-9)
    assert pair.p.mean().item() == pytest.approx(-2.4, abs=1e-12)


def test_far_modes_sweep() -> None:
    D = torch.tensor([2.0, 5.0, 8.0], dtype=torch.float64)
    sweep = far_modes(D, dimension=2, weight_p=0.7, weight_q=0.4, sd=0.5)
    x = torch.tensor([[0.1, 0.2], [-1.0, 0.4]], dtype=torch.float64)
    assert sweep.p.log_prob(x).shape == (3, 2)
    for i, separation in enumerate(D.tolist()):
        alone = far_modes(separation, dimension=2, weight_p=0.7, weight_q=0.4, sd=0.5)
        torch.testing.assert_close(sweep.q.log_prob(x)[i], alone.q.log_prob(x), rtol=1e-13, atol=0)


def test_comb_has_nine_teeth() -> None:
    pair = comb()
    assert pair.p.means.flatten().tolist() == pytest.approx([0.8 * k for k in range(-4, 5)], abs=1e-12)
    assert pair.p.smallest_sd() == pytest.approx(0.3, abs=1e-12)
    assert pair.q.smallest_sd() == pytest.approx(0.45, abs=1e-12)


def test_missed_and_invented_are_each_other_reversed() -> None:
    missed, invented = missed_mode(), hallucinated_mode()
    x = torch.tensor([[0.0], [6.0]], dtype=torch.float64)
    torch.testing.assert_close(missed.p.log_prob(x), invented.q.log_prob(x))
    torch.testing.assert_close(missed.q.log_prob(x), invented.p.log_prob(x))
    assert missed.p.mean().item() == pytest.approx(0.06, abs=1e-12)


def test_other_axes_are_standard_gaussians() -> None:
    flat, deep = on_line([0.3, 0.7], [-1.0, 2.0], [0.5, 1.5]), on_line([0.3, 0.7], [-1.0, 2.0], [0.5, 1.5], 3)
    x = torch.tensor([[0.4, -0.7, 1.1]], dtype=torch.float64)
    rest = sum(normal_log(value) for value in (-0.7, 1.1))
    assert deep.log_prob(x).item() == pytest.approx(flat.log_prob(x[:, :1]).item() + rest, abs=1e-12)


def normal_log(x: float) -> float:
    return math.log(normal(x, 0.0, 1.0))


def test_pairs_are_of_one_dimension_each() -> None:
    for pair in PAIRS:
        assert pair.p.dimension == pair.q.dimension
        assert pair.label


@pytest.mark.parametrize("dimension", [0, -1])
def test_dimension_is_checked(dimension) -> None:
    with pytest.raises(ValueError, match="dimension must be at least 1"):
        far_modes(4.0, dimension=dimension)


def test_weights_are_checked() -> None:
    with pytest.raises(ValueError, match="weights must be"):
        far_modes(4.0, weight_p=1.2)
