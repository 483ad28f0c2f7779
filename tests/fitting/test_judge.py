"""The judge against sampling and against the divergences of exact densities."""

import torch

from gmviz.datasets import DATASETS
from gmviz.divergences import fisher, kl
from gmviz.fitting import Fit, Fresh, Judge
from gmviz.fitting.judge import box
from gmviz.networks import Architecture, Head
from gmviz.objectives import DSM
from gmviz.pairs import P2
from tests.objectives.laws import mixture

SIGMA = 0.2


def test_relative_error_is_the_mean_over_fresh_samples(generator):
    source = Fresh(P2)
    model = Fit(DSM(sigma=SIGMA), seeds=(0, 1)).network(source).to(torch.float64)
    errors = Judge(P2, SIGMA).errors(model)
    x = P2.noised(SIGMA).sample(40_000, generator)
    truth = P2.noised(SIGMA).score(x)
    apart = (model.score(x) - truth).square().sum(-1)
    for index in (0, 1):
        scatter = apart[index].std() / len(x) ** 0.5
        assert abs(2 * errors.fisher[index] - apart[index].mean()) < 4 * scatter
    scale = truth.square().sum(-1).mean()
    torch.testing.assert_close(errors.relative, 2 * errors.fisher / scale, rtol=0.03, atol=0)
    assert errors.kl is None


def test_an_energy_without_weights_has_the_errors_of_the_normal_law():
    source = Fresh(P2)
    model = Fit(DSM(sigma=SIGMA), head=Head.ENERGY).network(source).to(torch.float64)
    model = model.with_parameters(torch.zeros_like(model.parameters))
    centre, spread = source.scale(SIGMA)
    normal = mixture([1.0], [centre.tolist()], [(spread**2 * torch.eye(2)).tolist()])
    errors = Judge(P2, SIGMA).errors(model)
    p = P2.noised(SIGMA)
    assert abs(errors.fisher - fisher(p, normal).value) < 1e-4
    assert abs(errors.kl - kl(p, normal).value) < 1e-4


def test_nodes_are_few_and_the_integrals_good_on_every_dataset():
    for dataset in DATASETS:
        judge = Judge(dataset.density, SIGMA)
        nodes, mass, score, _ = judge.nodes
        exact = DSM(sigma=SIGMA).offset(dataset.density).value + 2 / (2 * SIGMA**2)
        assert len(nodes) < 20_000
        assert abs(mass.sum() - 1) < 1e-5
        assert abs(mass @ score.square().sum(-1) / 2 - exact) < 1e-3 * exact


def test_the_box_holds_the_mass_of_every_dataset():
    for dataset in DATASETS:
        p = dataset.density.noised(SIGMA)
        grid = box(p, 96, 5.5)
        assert abs(grid.integrate(p.log_prob(grid.nodes).exp()).value - 1) < 2e-3, dataset.name
        assert len(grid.nodes) < 12_000


def test_a_finer_normaliser_changes_nothing(generator):
    source = Fresh(P2)
    shape = Architecture(frequencies=64)
    model = shape.draw(Head.ENERGY, *source.scale(SIGMA), [generator])
    coarse, fine = (model.log_partition(box(P2.noised(SIGMA), cells, 5.5)) for cells in (96, 192))
    assert abs(coarse - fine) < 2e-5
