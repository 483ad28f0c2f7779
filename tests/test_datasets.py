"""Every dataset is one law: density, score, samples and moments belong together, at every noise level."""

import math
from dataclasses import FrozenInstanceError
from itertools import pairwise

import pytest
import torch

from gmviz.boxes import Boxes
from gmviz.datasets import DATASETS
from gmviz.datasets.strokes import arc, chain, line, moved
from gmviz.densities import GaussianMixture

BY_NAME = {dataset.name: dataset for dataset in DATASETS}
each = pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)


def smooth(dataset):
    """The law itself, or slightly noised where it has edges."""
    return dataset.density.noised(0.1) if isinstance(dataset.density, Boxes) else dataset.density


def trapezoid(density, per_scale=1.5, reach=9.0):
    """Nodes (N, 2) and the cell's area: 3/2 steps per finest scale leave an error of 2 exp(−4.5π²)."""
    axes = []
    for (low, high), step in zip(density.bounds(reach).tolist(), density.resolution().tolist(), strict=True):
        axes.append(
            torch.linspace(low, high, 2 + int((high - low) / (step / per_scale)), dtype=torch.float64)
        )
    return torch.cartesian_prod(*axes), math.prod((axis[1] - axis[0]).item() for axis in axes)


def points(density, generator):
    """Points of the law, and points around it."""
    around = 2.5 * torch.randn(20, 2, generator=generator, dtype=torch.float64)
    return torch.cat([density.sample(20, generator), around])


def test_names_are_unique_and_fit_a_link():
    assert len(BY_NAME) == len(DATASETS) == 15
    assert all(name.replace("-", "").isalnum() and name.islower() for name in BY_NAME)
    assert all(dataset.label for dataset in DATASETS)


@each
def test_it_is_frozen_and_built_once(dataset):
    assert dataset.density is dataset.density
    assert hash(dataset) == hash(dataset)
    with pytest.raises(FrozenInstanceError):
        dataset.name = "other"


@each
def test_every_component_has_a_class(dataset):
    assert dataset.classes.shape == dataset.density.weights.shape
    assert dataset.classes.unique().tolist() == list(range(int(dataset.classes.max()) + 1))


@each
def test_the_scale_is_one(dataset):
    mean, variances = dataset.density.mean(), dataset.density.covariance().diagonal()
    if dataset.name in ("p2", "p7"):
        expected = {"p2": (-0.3, 0.55), "p7": (-0.55, 0.1)}[dataset.name]
        assert mean.tolist() == pytest.approx(expected, abs=1e-14)
        return
    assert mean.abs().max() < 1e-13
    assert variances.mean().item() == pytest.approx(1, abs=1e-13)


@each
def test_density_integrates_to_one_and_has_the_stated_moments(dataset):
    density = smooth(dataset)
    x, area = trapezoid(density)
    mass = density.log_prob(x).exp() * area
    assert mass.sum().item() == pytest.approx(1, abs=1e-12)
    mean = mass @ x
    torch.testing.assert_close(mean, density.mean(), rtol=0, atol=1e-12)
    covariance = (x - mean).mT @ (mass[:, None] * (x - mean))
    torch.testing.assert_close(covariance, density.covariance(), rtol=0, atol=1e-11)


@each
def test_score_and_hessian_are_derivatives_of_log_prob(dataset, generator):
    density = smooth(dataset)
    x = points(density, generator).requires_grad_()
    log_p, score = density.value_and_score(x)
    (gradient,) = torch.autograd.grad(density.log_prob(x).sum(), x)
    scale = 1 + gradient.abs().max().item()
    torch.testing.assert_close(log_p, density.log_prob(x), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(score, gradient, rtol=1e-10, atol=1e-10 * scale)
    rows = [torch.autograd.grad(score[:, i].sum(), x, retain_graph=True)[0] for i in range(2)]
    jacobian = torch.stack(rows, dim=-2)
    atol = 1e-10 * (1 + jacobian.abs().max().item())
    torch.testing.assert_close(density.hessian(x), jacobian, rtol=1e-10, atol=atol)


@each
def test_samples_have_the_exact_moments(dataset, generator):
    n, density = 20_000, dataset.density
    x = density.sample(n, generator)
    apart = x - density.mean()
    products = apart[:, :, None] * apart[:, None, :]
    for sample, exact in ((x, density.mean()), (products, density.covariance())):
        errors = sample.std(0) / math.sqrt(n)
        assert ((sample.mean(0) - exact).abs() <= 4 * errors).all()


@each
def test_samples_fill_the_classes_by_weight(dataset, generator):
    """Where the components do not overlap, the shares of samples are the weights: a binomial test."""
    n, density = 20_000, dataset.density
    if isinstance(density, Boxes):
        x = density.sample(n, generator)[:, None]
        shares = ((density.low <= x) & (x < density.high)).all(-1).double().mean(0)
        weights = density.weights
    else:
        g = density.responsibilities(density.sample(n, generator))  # E_p g_k = w_k
        shares, weights = g.mean(0), density.weights
    errors = (weights * (1 - weights) / n).sqrt()
    assert ((shares - weights).abs() <= 4.5 * errors + 1e-12).all()


@each
def test_noise_adds_up(dataset, generator):
    density = dataset.density
    x = points(density, generator)
    once, twice = density.noised(0.5), density.noised(0.3).noised(0.4)
    torch.testing.assert_close(twice.log_prob(x), once.log_prob(x), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(twice.score(x), once.score(x), rtol=1e-11, atol=1e-11)


@each
def test_diffused_is_the_law_of_alpha_x_plus_sigma_z(dataset, generator):
    """Against the integral ∫ p(x₀) N(x; αx₀, σ²I) dx₀ by trapezoid."""
    alpha, sigma = 0.6, 0.4
    density = smooth(dataset)
    nodes, area = trapezoid(density, 3)  # the product with the kernel is narrower
    log_mass = density.log_prob(nodes) + math.log(area)
    diffused = density.diffused(alpha, sigma)
    x = diffused.sample(6, generator)
    distances = torch.cdist(x, alpha * nodes).square()
    log_p = (log_mass - distances / (2 * sigma**2)).logsumexp(-1) - math.log(2 * math.pi * sigma**2)
    torch.testing.assert_close(diffused.log_prob(x), log_p, rtol=0, atol=1e-11)
    torch.testing.assert_close(diffused.mean(), alpha * density.mean(), rtol=0, atol=1e-13)
    expected = alpha**2 * density.covariance() + sigma**2 * torch.eye(2, dtype=torch.float64)
    torch.testing.assert_close(diffused.covariance(), expected, rtol=0, atol=1e-13)


@each
def test_a_sweep_of_noise_is_one_call(dataset, generator):
    sigma = torch.tensor([0.1, 0.5, 2.0], dtype=torch.float64)
    x = points(dataset.density, generator)
    batched = dataset.density.noised(sigma)
    looped = [dataset.density.noised(value) for value in sigma.tolist()]
    for method in ("log_prob", "score", "hessian"):
        each_one = torch.stack([getattr(law, method)(x) for law in looped])
        torch.testing.assert_close(getattr(batched, method)(x), each_one, rtol=1e-11, atol=1e-10)


@each
def test_far_tails_are_finite_and_point_home(dataset):
    angle = torch.arange(12, dtype=torch.float64) * math.pi / 6
    x = 1e3 * torch.stack([angle.cos(), angle.sin()], -1)
    for density in (smooth(dataset), dataset.density.noised(1.0)):
        log_p, score = density.value_and_score(x)
        assert log_p.isfinite().all()
        assert score.isfinite().all()
        assert density.hessian(x).isfinite().all()
        assert ((score * x).sum(-1) < 0).all()
        # log p(x) falls as p's own tail: its slope along the ray is the score's.
        slope = (density.log_prob(x * 1.0001) - density.log_prob(x * 0.9999)) / 0.2
        torch.testing.assert_close(slope, (score * x).sum(-1) / 1e3, rtol=1e-3, atol=0)


def rotated(x, degrees):
    angle = math.radians(degrees)
    turn = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    return x @ torch.tensor(turn, dtype=torch.float64).mT


@pytest.mark.parametrize(
    ("name", "degrees", "tolerance"),
    [
        ("gaussian", 37, 1e-12),
        ("ring", 45, 1e-9),
        ("grid", 90, 1e-9),
        ("moons", 180, 1e-9),
        ("spirals", 180, 1e-9),
        ("pinwheel", 72, 1e-9),
        ("rings", 180 / 16, 0.05),  # about half a component of the inner ring
    ],
)
def test_figures_are_symmetric(name, degrees, tolerance, generator):
    density = BY_NAME[name].density
    x = density.sample(200, generator)
    x = x[density.log_prob(x) > density.log_prob(x).quantile(0.1)]
    difference = density.log_prob(rotated(x, degrees)) - density.log_prob(x)
    assert difference.abs().max() < tolerance


def test_checkerboard_is_hard_and_turns_into_its_complement(generator):
    board = BY_NAME["checkerboard"].density
    x = board.sample(500, generator)
    area = (2 * math.sqrt(3)) ** 2 / 2
    torch.testing.assert_close(board.log_prob(x), torch.full((500,), -math.log(area)).double())
    assert (board.log_prob(rotated(x, 90)) == -math.inf).all()
    side = math.sqrt(3) / 2
    for axis in board.edges():
        torch.testing.assert_close(axis, side * torch.arange(-2, 3, dtype=torch.float64))


def test_far_modes_are_eight_standard_deviations_apart():
    density = BY_NAME["far-modes"].density
    apart = (density.means[1] - density.means[0]).norm() / density.smallest_sd()
    assert apart.item() == pytest.approx(8, abs=1e-12)
    assert density.weights.tolist() == pytest.approx([0.8, 0.2], abs=1e-15)


@pytest.mark.parametrize(("sigma", "fisher_information"), [(0.2, 3.835933), (0.5, 2.230189), (1, 0.965403)])
def test_p2_has_its_known_fisher_information(sigma, fisher_information):
    density = BY_NAME["p2"].density.noised(sigma)
    x, area = trapezoid(density, 4)  # the score has poles near the real axis
    log_p, score = density.value_and_score(x)
    value = (log_p.exp() * score.square().sum(-1)).sum() * area
    assert value.item() == pytest.approx(fisher_information, abs=1e-6)


def test_p7_is_as_stated():
    p7 = BY_NAME["p7"].density
    assert p7.weights.tolist() == [0.6, 0.3, 0.1]
    assert p7.means.tolist() == [[-2, 0], [2, 1], [0.5, -2]]
    assert p7.covariances[2].tolist() == [[0.16, 0], [0, 0.16]]


def test_letters_of_the_word_stand_side_by_side():
    word = BY_NAME["word"]
    letters = [word.density.means[word.classes == letter, 0] for letter in range(len("score"))]
    for left, right in pairwise(letters):
        assert left.max() + 2 * word.density.smallest_sd() < right.min()


def test_a_straight_chain_is_even_and_as_wide_as_its_pen():
    parts = chain(line((0.0, 0.0), (4.0, 0.0)), 0.2, 0.1)
    density = GaussianMixture(parts.weights / parts.weights.sum(), parts.means, parts.covariances)
    along = torch.linspace(1, 3, 101, dtype=torch.float64)
    middle = density.log_prob(torch.stack([along, torch.zeros_like(along)], -1))
    assert middle.max() - middle.min() < 4.2 * math.exp(-2 * math.pi**2 * 0.36)  # ± 2 exp(−2π² 0.6²)
    assert density.covariance()[1, 1].item() == pytest.approx(0.01, abs=1e-15)
    assert parts.weights.sum().item() == pytest.approx(4, abs=1e-12)


def test_a_chain_follows_its_curve():
    parts = chain(arc(0, 90), 0.1, 0.05)
    ones = torch.ones(16, dtype=torch.float64)
    torch.testing.assert_close(parts.means.norm(dim=-1), ones, atol=1e-6, rtol=0)
    across = torch.einsum("ki,kij,kj->k", parts.means, parts.covariances, parts.means)
    torch.testing.assert_close(across, 0.05**2 * ones, atol=1e-6, rtol=0)
    assert parts.weights.sum().item() == pytest.approx(math.pi / 2, abs=1e-5)
    assert (moved(parts, (1.0, 2.0)).means - parts.means).mean(0).tolist() == pytest.approx([1, 2])


def test_mass_along_a_chain_follows_its_density():
    start = torch.linspace(0, 1, 1025, dtype=torch.float64)
    parts = chain(line((0.0, 0.0), (1.0, 0.0)), 0.05, 0.1 + start, 2 * start)
    assert parts.weights.sum().item() == pytest.approx(1, abs=1e-12)
    assert (parts.weights @ parts.means[:, 0]).item() == pytest.approx(2 / 3, abs=1e-3)
    torch.testing.assert_close(parts.covariances[:, 1, 1].sqrt(), 0.1 + parts.means[:, 0])
