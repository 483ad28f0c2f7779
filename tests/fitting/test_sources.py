"""Fresh samples, and tables with some points held out."""

import pytest
import torch

from gmviz.fitting import Fresh, Points
from gmviz.pairs import P2


def test_held_out_points_are_never_drawn(generator):
    points = P2.sample(503, generator)
    source = Points(points)
    drawn = source.sample(20_000, generator)
    assert len(source.held_out) == 100
    assert len(source.training) == 403
    known = {tuple(point) for point in source.held_out.tolist()}
    assert not any(tuple(point) in known for point in drawn.tolist())
    assert {tuple(point) for point in drawn.tolist()} == {tuple(point) for point in source.training.tolist()}


def test_the_scale_is_that_of_the_noised_law(generator):
    centre, spread = Fresh(P2).scale(0.7)
    x = P2.noised(0.7).sample(200_000, generator)
    assert (centre - x.mean(0)).abs().max() < 4 * x.std(0).max() / len(x) ** 0.5
    assert spread == pytest.approx(x.var(0).mean().sqrt().item(), rel=0.01)
    table = Points(x[:5000], P2)
    assert table.scale(0.0)[1] == pytest.approx(spread, rel=0.05)
    assert table.truth is P2
    assert Points(x[:50]).truth is None
    assert Fresh(P2).held_out is None


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (torch.zeros(5, 2), "points must be at least 20, got 5"),
        (torch.full((30, 2), float("nan")), "points must be finite"),
    ],
)
def test_bad_tables_say_what_is_wrong(points, message):
    with pytest.raises(ValueError, match=message):
        Points(points)


def test_one_repeated_point_has_no_scale():
    with pytest.raises(ValueError, match="points must be not all the same"):
        Points(torch.ones(30, 2)).scale(0.1)
