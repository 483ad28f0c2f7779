"""Leave-one-out and training likelihood against the plain sum, closed forms and known numbers."""

import math

import pytest
import torch
from scipy.stats import multivariate_normal

from gmviz.leave_one_out import Likelihoods
from gmviz.pairs import P1, P2

OCTAVES = 0.005 * 2 ** (torch.arange(70, dtype=torch.float64) / 8)


def plain(points, sigma):
    """Both likelihoods by log-sum-exp over all pairs."""
    n, d = points.shape
    log_kernels = -(points[:, None] - points).square().sum(-1) / (2 * sigma**2)
    log_kernels = log_kernels - d / 2 * math.log(2 * math.pi * sigma**2)
    training = torch.logsumexp(log_kernels, dim=-1) - math.log(n)
    others = log_kernels.masked_fill(torch.eye(n, dtype=torch.bool), -math.inf)
    left_out = torch.logsumexp(others, dim=-1) - math.log(n - 1)
    return training.mean(), left_out.mean(), left_out.std() / math.sqrt(n)


@pytest.mark.parametrize("sigmas", [OCTAVES, torch.tensor([0.4, 0.03, 0.1, 3.0], dtype=torch.float64)])
@pytest.mark.parametrize("p", [P1, P2], ids=["line", "plane"])
def test_likelihoods_are_the_plain_sums(p, sigmas, generator) -> None:
    """Also for widths whose kernels are squares of one another, fourteen times over."""
    points = p.sample(90, generator)
    found = Likelihoods.of(points, sigmas)
    for t, sigma in enumerate(sigmas.tolist()):
        training, left_out, error = plain(points, sigma)
        torch.testing.assert_close(found.training[t], training, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(found.leave_one_out[t], left_out, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(found.leave_one_out_error[t], error, rtol=1e-8, atol=1e-9)


def test_blocks_of_points_change_nothing(monkeypatch, generator) -> None:
    points = P2.sample(60, generator)
    whole = Likelihoods.of(points, OCTAVES)
    monkeypatch.setattr("gmviz.leave_one_out.CHUNK", 1)
    torch.testing.assert_close(Likelihoods.of(points, OCTAVES).leave_one_out, whole.leave_one_out)


def test_two_points_leave_each_other() -> None:
    points = torch.tensor([[0.0, 0.0], [0.6, 0.8]], dtype=torch.float64)
    found = Likelihoods.of(points, OCTAVES)
    for sigma, value in zip(OCTAVES.tolist(), found.leave_one_out.tolist(), strict=True):
        kernel = multivariate_normal([0.0, 0.0], sigma**2)
        assert value == pytest.approx(kernel.logpdf([0.6, 0.8]), rel=1e-12)
    # −1/2σ² − 2 log σ is largest at σ² = |x − y|²/d = 1/2.
    best = found.best
    assert best is not None
    assert OCTAVES[best].item() == pytest.approx(math.sqrt(0.5), rel=2**0.0625 - 1)


def test_one_point_has_nothing_left() -> None:
    found = Likelihoods.of(torch.tensor([[3.0, -1.0]], dtype=torch.float64), OCTAVES)
    assert found.best is None
    assert (found.leave_one_out == -math.inf).all()
    torch.testing.assert_close(found.training, -(2 * math.pi * OCTAVES.square()).log())


def test_duplicates_deceive_leave_one_out(generator) -> None:
    """With every point twice the smallest σ wins: a point left out is still there."""
    points = P2.sample(30, generator).repeat(2, 1)
    found = Likelihoods.of(points, OCTAVES)
    assert found.best == 0
    expected = -math.log(59) - math.log(2 * math.pi * 0.005**2)
    assert found.leave_one_out[0].item() == pytest.approx(expected, abs=1e-6)


def test_points_on_a_line_have_a_best_width(generator) -> None:
    points = torch.stack(
        [P1.sample(50, generator)[:, 0], torch.full((50,), 2.0, dtype=torch.float64)], dim=-1
    )
    found = Likelihoods.of(points, OCTAVES)
    assert found.leave_one_out.isfinite().all()
    assert found.best is not None
    # Across the line every kernel is at its peak: one more −½ log 2πσ² than on the line itself.
    line = Likelihoods.of(points[:, :1], OCTAVES)
    across = -(2 * math.pi * OCTAVES.square()).log() / 2
    torch.testing.assert_close(found.leave_one_out, line.leave_one_out + across, rtol=1e-12, atol=1e-12)


def test_training_likelihood_only_grows_as_noise_shrinks(generator) -> None:
    """At σ = .005 every point of 200 is alone: −log n − log 2πσ² = +3.46."""
    found = Likelihoods.of(P2.sample(200, generator), OCTAVES)
    assert (found.training.diff() < 0).all()
    assert found.training[0].item() == pytest.approx(3.46, abs=0.01)
    assert found.leave_one_out[0].item() < -400


@pytest.mark.slow
def test_leave_one_out_of_200_points_of_three_blobs(generator) -> None:
    """Means over 40 data sets: the likelihood of fresh points under 199, as printed to the third digit."""
    sigmas = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5], dtype=torch.float64)
    found = torch.stack([Likelihoods.of(P2.sample(200, generator), sigmas).leave_one_out for _ in range(40)])
    fresh = torch.tensor([-3.946, -2.996, -2.889, -2.886, -2.917], dtype=torch.float64)
    once = torch.tensor([-4.181, -3.081, -2.948, -2.936, -2.964], dtype=torch.float64)
    spread = found.std(0)
    assert ((found.mean(0) - fresh).abs() < 4 * spread / math.sqrt(40) + 0.02).all()
    assert ((found.mean(0) - once).abs() < 3 * spread).all()
    assert found.mean(0).max() < -2.7899  # the negative entropy bounds it


@pytest.mark.slow
@pytest.mark.parametrize(
    ("p", "n", "printed"),
    [
        (P1, 50, 0.423),
        (P1, 200, 0.289),
        (P1, 1000, 0.208),
        (P2, 50, 0.433),
        (P2, 200, 0.345),
        (P2, 1000, 0.259),
    ],
)
def test_chosen_widths(p, n, printed, generator) -> None:
    """Means over data sets, against means over 20 others: within four standard errors of their difference."""
    sigmas = 0.1 * 2 ** (torch.arange(101, dtype=torch.float64) / 32)
    rounds = 20 if n < 1000 else 8
    chosen = []
    for _ in range(rounds):
        best = Likelihoods.of(p.sample(n, generator), sigmas).best
        assert best is not None
        chosen.append(sigmas[best])
    found = torch.stack(chosen)
    error = found.std() * math.sqrt(1 / rounds + 1 / 20)
    assert abs(found.mean() - printed) < 4 * error


def test_bad_values_are_named() -> None:
    points = torch.zeros(3, 2, dtype=torch.float64)
    with pytest.raises(ValueError, match="sigmas must be finite and above 0"):
        Likelihoods.of(points, torch.tensor([0.1, 0.0], dtype=torch.float64))
    with pytest.raises(ValueError, match="points must be finite"):
        Likelihoods.of(points + torch.inf, OCTAVES)
    with pytest.raises(ValueError, match="points must be at least one"):
        Likelihoods.of(points[:0], OCTAVES)
