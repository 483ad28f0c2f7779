"""Distribution functions of boxes along lines, against samples, known trapezia and the noiseless limit."""

import math

import pytest
import torch

from gmviz.boxes import Boxes
from gmviz.metrics import SlicedWasserstein
from gmviz.projections import box_lines, directions, distances, lines_of

SQUARES = Boxes(
    torch.tensor([0.7, 0.3], dtype=torch.float64),
    torch.tensor([[-2.0, 0.0], [1.0, -1.0]], dtype=torch.float64),
    torch.tensor([[-1.0, 1.5], [1.5, 1.0]], dtype=torch.float64),
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("sigma", [0.0, 0.05, 0.5, 20.0])
def test_boxes_on_a_line_are_trapezia_seen_through_noise(sigma):
    """Kolmogorov's distance of 10⁵ samples stays below 2.3/√n (missed once in 10⁴ times)."""
    law, along = SQUARES.diffused(0.9, sigma), directions(2, 8)
    lines = lines_of(law, along, 1024)
    x = law.sample(100_000, seeded())
    for u, nodes, values in zip(along, lines.nodes, lines.values, strict=True):
        y = (x @ u).sort().values
        share = torch.searchsorted(y, nodes, right=True) / len(y)
        assert (share - values).abs().max() < 2.3 / math.sqrt(len(y))


def test_a_box_seen_along_an_axis_is_uniform():
    """F(x) = .7 (x + 2) on [−2, −1], .7 up to 1, then .7 + .6 (x − 1)."""
    lines = box_lines(SQUARES, torch.tensor([[1.0, 0.0]], dtype=torch.float64), 1001)
    x = lines.nodes[0]
    exact = 0.7 * (x + 2).clamp(0, 1) + 0.6 * (x - 1).clamp(0, 0.5)
    assert (lines.values[0] - exact).abs().max() < 1e-3
    step = x[1] - x[0]
    assert (lines.values[0] - exact).abs().sum() * step < 1e-5


def test_little_noise_is_no_noise():
    along = directions(2, 8)
    sharp, soft = box_lines(SQUARES, along, 2000), box_lines(SQUARES.noised(1e-3), along, 2000)
    x = SQUARES.sample(5000, seeded(1))
    y = (x @ along.mT).mT
    assert (sharp.distance(y, 1) - soft.distance(y, 1)).abs().max() < 1e-3


def test_a_batch_of_noised_boxes_is_read_one_by_one():
    sigma = torch.tensor([0.1, 0.4, 2.0], dtype=torch.float64)
    laws, x = SQUARES.noised(sigma), SQUARES.noised(sigma).sample(3000, seeded(2))
    together = distances(laws, x, directions(2, 4), 256, 1)
    for k, each in enumerate(sigma.tolist()):
        alone = distances(SQUARES.noised(each), x[k], directions(2, 4), 256, 1)
        assert torch.allclose(together[k], alone, atol=1e-12)


@pytest.mark.parametrize("sigma", [0.0, 0.3])
def test_exact_samples_of_boxes_read_the_null(sigma):
    """√(2/πn) mean_u ∫ √(F(1 − F)) for n exact samples, within five standard errors of 20 sets."""
    law, n = SQUARES.diffused(1.0, sigma), 2000
    lines = lines_of(law, directions(2, 32), 1024)
    spread = (lines.values * (1 - lines.values)).clamp(min=0).sqrt().sum(-1) * lines.step
    expected = math.sqrt(2 / (math.pi * n)) * spread.mean().item()
    null = SlicedWasserstein().null(law, n, seeded(3))
    assert null.mean == pytest.approx(expected, abs=5 * null.sd / math.sqrt(20) + 1e-4)
