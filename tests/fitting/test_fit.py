"""Fits: what they reach, what they say when they go wrong, and that they repeat to the bit."""

from dataclasses import dataclass, replace

import pytest
import torch

from gmviz.datasets import DATASETS
from gmviz.fitting import Checkpoint, Fit, Fresh, Points, Recipe
from gmviz.networks import Architecture, Head
from gmviz.objectives import (
    DSM,
    ESM,
    FDDSM,
    FDSSM,
    ISM,
    OBJECTIVES,
    SSM,
    SSMVR,
    MaximumLikelihood,
    SquaredLogRatio,
)
from gmviz.pairs import P2

LAWS = {dataset.name: dataset.density for dataset in DATASETS}
SHORT = Recipe(steps=20, looks=4, batch=64)
TINY = Architecture(width=16, depth=1, frequencies=16)


def last(fit, source):
    for each in fit.run(source):
        checkpoint = each
    return checkpoint


@pytest.mark.slow
@pytest.mark.parametrize(
    ("objective", "steps", "bound"),
    [
        (ESM(), 200, 0.004),
        (DSM(), 200, 0.02),
        (ISM(), 200, 0.03),
        (SSMVR(), 200, 0.06),
        (SSM(), 200, 0.06),
        (FDSSM(), 200, 0.06),
    ],
    ids=lambda each: getattr(each, "name", None),
)
def test_score_networks_reach_the_score(objective, steps, bound):
    checkpoint = last(Fit(objective, recipe=Recipe(steps=steps, looks=2)), Fresh(LAWS["moons"]))
    assert checkpoint.errors.relative < bound
    assert checkpoint.stopped is None
    assert checkpoint.warning is None
    if objective.name == "esm":  # its loss is the error itself, up to the averaging of the weights
        assert checkpoint.reading.item() == pytest.approx(checkpoint.errors.fisher.item(), rel=0.3)
    assert abs(checkpoint.reading - checkpoint.errors.fisher) < 5 * checkpoint.uncertainty + 0.1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("objective", "bound"),
    [(DSM(), 0.04), (FDDSM(), 0.06), (MaximumLikelihood(), 0.03), (SquaredLogRatio(), 0.03)],
    ids=lambda each: getattr(each, "name", None),
)
def test_energy_networks_reach_the_score_and_the_density(objective, bound):
    recipe = Recipe(steps=100, looks=2)
    checkpoint = last(Fit(objective, head=Head.ENERGY, recipe=recipe), Fresh(P2))
    assert checkpoint.errors.relative < bound
    assert 0 < checkpoint.errors.kl < 0.03


def test_a_fit_repeats_to_the_bit():
    fit = Fit(SSM(), architecture=TINY, recipe=SHORT, seeds=(3, 5))
    first, again = ([each.reading for each in fit.run(Fresh(P2))] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[-1], last(replace(fit, seeds=(4, 5)), Fresh(P2)).reading)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: o.name)
def test_seeds_together_are_the_seeds_one_by_one(objective):
    head = Head.ENERGY if objective.refusal(Head.SCORE.provides, P2) else Head.SCORE
    fit = Fit(objective, head=head, architecture=TINY, recipe=replace(SHORT, steps=8))
    together = last(replace(fit, seeds=(0, 1, 2)), Fresh(P2))
    nodes = P2.sample(100, torch.Generator().manual_seed(0)).float()
    for index, seed in enumerate((0, 1, 2)):
        alone = last(replace(fit, seeds=(seed,)), Fresh(P2))
        torch.testing.assert_close(together.reading[index], alone.reading, rtol=2e-4, atol=2e-4)
        found, expected = together.model.member(index).score(nodes), alone.model.score(nodes)
        assert (found - expected).abs().max() < 0.01 * expected.abs().max()


def test_objectives_share_points_and_first_weights():
    fits = [Fit(objective, architecture=TINY, recipe=SHORT) for objective in (DSM(), ISM(), SSM())]
    networks = [fit.network(Fresh(P2)) for fit in fits]
    assert all(torch.equal(net.parameters, networks[0].parameters) for net in networks)
    from gmviz.fitting.fit import _Training

    batches = [next(_Training(fit, Fresh(P2))._batches()) for fit in fits]
    assert all(torch.equal(x, batches[0][0]) for x, _ in batches)
    assert all(torch.equal(draw.noise, batches[0][1].noise) for _, draw in batches)


def test_checkpoints_come_on_the_grid_and_progress_between():
    recipe = Recipe(steps=200, looks=3, batch=32)
    seen = list(Fit(DSM(), architecture=TINY, recipe=recipe).run(Fresh(P2)))
    checkpoints = [each.step for each in seen if isinstance(each, Checkpoint)]
    assert checkpoints == list(recipe.checkpoints()) == [0, 1, 14, 200]
    assert [each.step for each in seen] == sorted({*checkpoints, 64, 128, 192})
    assert all(each.steps == 200 for each in seen)


@pytest.mark.slow
def test_clean_finite_data_run_away_and_noised_ones_do_not(generator):
    """The trap: ISM on 1000 points without noise reads an impossible divergence; with noise it does not."""
    points = Points(P2.sample(1000, generator), P2)
    recipe = Recipe(steps=200, looks=4)
    checkpoints = [
        each for each in Fit(ISM(sigma=0.0), recipe=recipe).run(points) if isinstance(each, Checkpoint)
    ]
    assert checkpoints[-1].errors.relative > 0.5
    assert "below 0, which none can be" in checkpoints[-1].warning
    assert checkpoints[-1].unseen > checkpoints[-1].reading
    many = Points(P2.sample(10_000, generator), P2)
    noised = last(Fit(ISM(sigma=0.3), recipe=recipe), many)
    assert noised.errors.relative < 0.03
    assert noised.warning is None


@dataclass(frozen=True)
class Broken(DSM):
    """Its loss is infinite where a point lies outside a disc."""

    def losses(self, model, x, draw, truth=None):
        losses = super().losses(model, x, draw, truth)
        return torch.where(x.norm(dim=-1) < 3.9, losses, torch.inf)


def test_a_diverged_fit_says_when_and_why_and_keeps_what_it_has():
    fit = Fit(Broken(), architecture=TINY, recipe=Recipe(steps=2000, batch=64, looks=4))
    checkpoint = last(fit, Fresh(P2))
    assert checkpoint.stopped.startswith(
        f"step {checkpoint.step}: the loss or its gradient is no longer finite"
    )
    assert "smaller learning rate" in checkpoint.stopped
    assert 0 < checkpoint.step < 2000
    assert checkpoint.model.parameters.isfinite().all()
    assert checkpoint.errors.relative < 5


def test_a_settled_fit_stops_before_its_budget():
    recipe = Recipe(steps=3000, batch=64, looks=64, rate=1e-5, patience=3)
    checkpoint = last(Fit(DSM(), architecture=TINY, recipe=recipe), Fresh(P2))
    assert checkpoint.step < 3000
    assert "the error has settled, 3 checkpoints without 1 % of progress" in checkpoint.stopped


def test_unknown_truths_are_judged_by_held_out_points(generator):
    source = Points(P2.sample(500, generator))
    checkpoint = last(Fit(ISM(), architecture=TINY, recipe=SHORT, seeds=(0, 1)), source)
    assert checkpoint.errors is None
    assert checkpoint.unseen.shape == (2,)
    assert checkpoint.unseen.isfinite().all()


def test_hard_edges_without_noise_are_fitted_but_not_judged():
    checkpoint = last(Fit(ISM(sigma=0.0), architecture=TINY, recipe=SHORT), Fresh(LAWS["checkerboard"]))
    assert checkpoint.errors is None


def test_an_objective_that_cannot_run_says_so_before_the_first_step():
    with pytest.raises(ValueError, match="KL needs log q: choose an energy network"):
        Fit(MaximumLikelihood()).run(Fresh(P2))
    with pytest.raises(ValueError, match="ESM needs the true density"):
        Fit(ESM()).run(Points(P2.sample(100, torch.Generator().manual_seed(0))))
    with pytest.raises(ValueError, match="ESM needs a smooth density"):
        Fit(ESM(sigma=0.0)).run(Fresh(LAWS["checkerboard"]))


@pytest.mark.parametrize("seeds", [(), (-1,)])
def test_seeds_are_checked(seeds):
    with pytest.raises(ValueError, match="seeds must be"):
        Fit(DSM(), seeds=seeds)
