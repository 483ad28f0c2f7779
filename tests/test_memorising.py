"""Scores and weights at noised points against the kernel density, and what is memorised."""

import math

import pytest
import torch

from gmviz.densities import KernelDensity
from gmviz.memorising import recall, squared_distances
from gmviz.pairs import P2

SIGMAS = torch.tensor([0.005, 0.05, 0.3, 2.0], dtype=torch.float64)


def noise(m, generator):
    return torch.randn(m, 2, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("n", [1, 2, 70])
def test_recall_is_the_kernel_density(n, generator) -> None:
    data, x, z = P2.sample(n, generator), P2.sample(150, generator), noise(150, generator)
    seen = recall(data, x, z, SIGMAS)
    for t, sigma in enumerate(SIGMAS.tolist()):
        kernels = KernelDensity(data, sigma)
        y = x + sigma * z
        # The weights are in single precision: D(x) errs by 1e-5 of the data's width.
        worst = (seen.score[t] - kernels.score(y)).abs().max()
        assert worst < 1e-4 / sigma**2
        assert (seen.score[t] - kernels.score(y)).norm() < 1e-4 * kernels.score(y).norm()
        largest = kernels.responsibilities(y).amax(-1)
        torch.testing.assert_close(seen.largest[t], largest, rtol=0, atol=2e-3 if sigma < 0.01 else 1e-4)


def test_blocks_of_points_change_nothing(monkeypatch, generator) -> None:
    data, x, z = P2.sample(40, generator), P2.sample(30, generator), noise(30, generator)
    whole = recall(data, x, z, SIGMAS)
    monkeypatch.setattr("gmviz.memorising.CHUNK", 1)
    torch.testing.assert_close(recall(data, x, z, SIGMAS).largest, whole.largest, rtol=1e-5, atol=1e-6)


def test_squared_distances_keep_what_is_small() -> None:
    x = torch.tensor([[1e3, 1e3]], dtype=torch.float64)
    assert squared_distances(x, x + 1e-6).item() == pytest.approx(2e-12, rel=1e-6)


def rounds(function, generator, count=10):
    values = torch.stack([function(P2.sample(200, generator), generator) for _ in range(count)])
    return values.mean(0), values.std(0) / math.sqrt(count)


@pytest.mark.slow
def test_fraction_memorised(generator) -> None:
    """200 points: the printed shares of noisy points that one weight above .99 owns."""
    sigmas = torch.tensor([0.01, 0.05, 0.1, 0.3, 1.0], dtype=torch.float64)

    def share(data, generator):
        own = data.repeat(10, 1)
        return (recall(data, own, noise(2000, generator), sigmas).largest > 0.99).double().mean(-1)

    mean, error = rounds(share, generator)
    printed = torch.tensor([0.956, 0.327, 0.072, 0.006, 0.0], dtype=torch.float64)
    assert ((mean - printed).abs() <= 5 * error * math.sqrt(2) + 5e-4).all(), mean


@pytest.mark.slow
def test_the_denoiser_tends_to_the_mean_of_the_data(generator) -> None:
    """The printed rms distances of D(x_b + σz) to the mean of the data."""
    sigmas = torch.tensor([0.01, 1.0, 5.0, 20.0], dtype=torch.float64)

    def distance(data, generator):
        own, z = data.repeat(10, 1), noise(2000, generator)
        scale = sigmas[:, None, None]
        denoised = own + scale * z + scale.square() * recall(data, own, z, sigmas).score
        return (denoised - data.mean(0)).square().sum(-1).mean(-1).sqrt()

    mean, error = rounds(distance, generator)
    printed = torch.tensor([1.77, 1.46, 0.468, 0.121], dtype=torch.float64)
    assert ((mean - printed).abs() <= 4 * error * math.sqrt(2)).all(), mean
