"""Balls on landscapes: they only go down, arrive where the valley is round, and stall in a ditch."""

import pytest
import torch

from gmviz.descent import GRADIENT, METHODS, NATURAL, descend
from gmviz.divergences import fisher, kl
from gmviz.families import OneGaussian, Target, TwoModes
from gmviz.landscapes import Landscape

BIM = Target(0.5)
START = torch.tensor([[0.2, 0.8]], dtype=torch.float64)


def land(divergence, *sigma: float, family=TwoModes(0.5)) -> Landscape:
    return Landscape.of(family, BIM, divergence, torch.tensor(sigma or (0.0,), dtype=torch.float64))


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
@pytest.mark.parametrize("divergence", [kl, fisher], ids=lambda divergence: divergence.symbol)
def test_a_ball_never_climbs_and_never_leaves(divergence, method) -> None:
    landscape = land(divergence, 0.0, 1.0, 3.0)
    path = descend(landscape, START.expand(3, 2), 40, method)
    assert path.theta.shape == (41, 3, 2)
    assert (path.heights.diff(dim=0) <= 0).all()
    assert landscape.family.inside(path.theta).all()
    torch.testing.assert_close(path.heights[-1], landscape.heights(path.theta[-1][:, None])[:, 0])


def test_kl_finds_the_weight_and_fisher_does_not() -> None:
    """60 evaluations: KL within 1e-4 of .7; Fisher in its ditch, with the shift right and the weight not."""
    on_kl = descend(land(kl), START, 60).theta[-1, 0]
    on_fisher = descend(land(fisher), START, 60).theta[-1, 0]
    assert on_kl.tolist() == pytest.approx([0.7, 0.0], abs=1e-4)
    assert on_fisher[0] < 0.35
    assert abs(on_fisher[1]) < 0.01
    assert descend(land(fisher, 1.0), START, 60).theta[-1, 0].tolist() == pytest.approx([0.7, 0.0], abs=1e-4)


def test_the_natural_gradient_rounds_kl_but_not_fisher() -> None:
    """At σ = 3 KL's condition number is 125: one ball is under way when the natural one has arrived."""
    plain = descend(land(kl, 3.0), START, 60, GRADIENT).heights[-1].item()
    natural = descend(land(kl, 3.0), START, 60, NATURAL).heights[-1].item()
    assert natural < 1e-3 * plain
    assert descend(land(fisher), START, 60, NATURAL).theta[-1, 0, 0] < 0.35


def test_the_first_natural_step_is_newtons_near_the_truth() -> None:
    """At p = q the information matrix is KL's Hessian, so −I⁻¹g points at the truth."""
    landscape = land(kl)
    theta = torch.tensor([[0.701, 0.0005]], dtype=torch.float64)
    _, slope = landscape.slopes(theta)
    arrived = theta + NATURAL.direction(landscape, theta, slope)
    assert (arrived - torch.tensor([[0.7, 0.0]])).abs().max() < 2e-5


def test_a_start_outside_the_family_is_refused() -> None:
    with pytest.raises(ValueError, match="start must be inside the family"):
        descend(land(kl), torch.tensor([[1.2, 0.0]], dtype=torch.float64), 5)
    with pytest.raises(ValueError, match="start must be inside the family"):
        descend(land(kl, family=OneGaussian()), torch.tensor([[0.0, -1.0]], dtype=torch.float64), 5)


def test_a_ball_that_starts_at_the_bottom_stays() -> None:
    truth = torch.tensor([[0.7, 0.0]], dtype=torch.float64)
    assert (descend(land(fisher), truth, 10).theta[-1] - truth).abs().max() < 1e-12
