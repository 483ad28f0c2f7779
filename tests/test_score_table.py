"""A looked-up score against the score itself: its error, its order, its edges, and the chain it drives."""

import pytest
import torch

from gmviz.densities import GaussianMixture
from gmviz.samplers import Langevin
from gmviz.score_models import ScoreModel, exact_model
from gmviz.score_table import ScoreTable, tabulated


class Waves(ScoreModel):
    """A smooth field that counts the points it was asked about."""

    dimension = 2

    def __init__(self):
        self.points = 0

    def score(self, x, alpha, sigma):
        self.points += len(x)
        return torch.stack([(x[:, 0] + 0.5 * x[:, 1]).sin(), -x[:, 1]], dim=-1) - x / 4


class Bilinear(ScoreModel):
    dimension = 2

    def score(self, x, alpha, sigma):
        a, b = x.unbind(-1)
        return torch.stack([1 + 2 * a - b + 3 * a * b, a * b - a], dim=-1)


EXTENT = torch.tensor([[-3.0, 4.0], [-2.0, 5.0]], dtype=torch.float64)


def points(n, generator):
    low, high = EXTENT.unbind(-1)
    return low + (high - low) * torch.rand(n, 2, dtype=torch.float64, generator=generator)


def test_a_bilinear_field_is_exact(generator):
    x = points(1000, generator)
    table = ScoreTable.of(Bilinear(), 1.0, 0.2, EXTENT)
    assert torch.allclose(table.score(x, 1.0, 0.2), Bilinear().score(x, 1.0, 0.2), atol=1e-12)
    assert table.error < 1e-14


def test_the_error_is_what_it_says(generator):
    """The error of a cell is largest at its centre, and half of it or more on average."""
    model = Waves()
    table = ScoreTable.of(model, 1.0, 0.2, EXTENT)
    x = points(20000, generator)
    exact = model.score(x, 1.0, 0.2)
    wrong = ((table.score(x, 1.0, 0.2) - exact).square().mean() / exact.square().mean()).sqrt().item()
    assert wrong <= table.error <= 1e-4
    assert wrong > table.error / 3


def test_the_error_falls_with_the_square_of_the_spacing():
    coarse = ScoreTable.of(Waves(), 1.0, 0.2, EXTENT, tolerance=1.0)
    fine = ScoreTable.of(Waves(), 1.0, 0.2, EXTENT, tolerance=coarse.error / 9)
    ratio = (fine.values.shape[-1] - 1) / (coarse.values.shape[-1] - 1)
    assert coarse.error / fine.error == pytest.approx(ratio**2, rel=0.02)


def test_points_outside_and_other_levels_ask_the_model(generator):
    model = Waves()
    table = ScoreTable.of(model, 1.0, 0.2, EXTENT)
    x = torch.cat([points(50, generator), torch.tensor([[10.0, 0.0], [0.0, -9.0]], dtype=torch.float64)])
    model.points = 0
    score = table.score(x, 1.0, 0.2)
    assert model.points == 2
    assert torch.equal(score[-2:], model.score(x[-2:], 1.0, 0.2))
    assert torch.equal(table.score(x, 1.0, 0.5), model.score(x, 1.0, 0.5))


def test_rows_and_columns_are_not_mixed_up():
    table = ScoreTable.of(Waves(), 1.0, 0.2, EXTENT)
    x = torch.tensor([[3.9, -1.9], [-2.9, 4.9]], dtype=torch.float64)
    assert torch.allclose(table.score(x, 1.0, 0.2), Waves().score(x, 1.0, 0.2), atol=1e-3)


def test_a_chain_on_the_table_is_the_chain_on_the_model(generator):
    """The same draws: after 200 steps the particles are where the exact score takes them."""
    eye = torch.eye(2, dtype=torch.float64)
    means = torch.tensor([[-1.0, 0.0], [1.0, 0.5]], dtype=torch.float64)
    model = exact_model(
        GaussianMixture(torch.tensor([0.6, 0.4], dtype=torch.float64), means, eye.expand(2, 2, 2))
    )
    chain, x = Langevin(step_size=0.05, steps=200), torch.zeros(100, 2, dtype=torch.float64)
    exact = chain.run(model, x, torch.Generator().manual_seed(3)).final
    table = ScoreTable.of(model, 1.0, 0.0, 6 * torch.tensor([[-1.0, 1.0], [-1.0, 1.0]], dtype=torch.float64))
    looked_up = chain.run(table, x, torch.Generator().manual_seed(3)).final
    assert (looked_up - exact).square().mean().sqrt() < 1e-3
    assert (looked_up - exact).abs().max() < 1e-2


def test_a_table_is_made_only_where_it_pays():
    model = Waves()
    assert tabulated(model, 1.0, 0.2, EXTENT, 1000 * 50) is model
    assert model.points == 0
    table = tabulated(model, 1.0, 0.2, EXTENT, 2000 * 500)
    assert isinstance(table, ScoreTable)
    assert model.points <= 2000 * 500


def test_refusals():
    with pytest.raises(ValueError, match="extent must be"):
        ScoreTable.of(Waves(), 1.0, 0.2, EXTENT.flip(-1))
    with pytest.raises(ValueError, match="tolerance must be"):
        ScoreTable.of(Waves(), 1.0, 0.2, 50 * EXTENT, tolerance=1e-9)
