"""Kernel densities on a grid against the dense sum, scikit-learn and differences, underflow included."""

import math

import pytest
import torch
from sklearn.neighbors import KernelDensity as ScikitKernelDensity

from gmviz.densities import KernelDensity
from gmviz.kernel_maps import NEAREST, kernel_maps
from gmviz.nearest_point import nearest_point
from gmviz.pairs import P2

XS = torch.linspace(-5, 5, 23, dtype=torch.float64)
YS = torch.linspace(-4, 4.5, 17, dtype=torch.float64)
SIGMAS = torch.tensor([0.003, 0.01, 0.05, 0.2, 0.7, 2.5], dtype=torch.float64)


def dense(points, xs, ys, sigmas):
    """log p̂ and the denoiser by log-sum-exp and softmax over all points."""
    x = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), dim=-1)
    exponents = -(x[..., None, :] - points).square().sum(-1) / (2 * sigmas[:, None, None, None] ** 2)
    peak = -math.log(len(points)) - (2 * math.pi * sigmas.square()).log()
    log_prob = torch.logsumexp(exponents, dim=-1) + peak[:, None, None]
    return log_prob, torch.softmax(exponents, dim=-1) @ points


def circle(n):
    angle = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
    return 3 * torch.stack([angle.cos(), angle.sin()], dim=-1)


def blobs(n):
    return P2.sample(n, torch.Generator().manual_seed(0))


POINT_SETS = {
    "one point": blobs(1),
    "two points": blobs(2),
    "a few": blobs(50),
    "many": blobs(700),
    "fifty times the same": blobs(1).expand(50, 2).contiguous(),
    "on a line": torch.stack([blobs(40)[:, 0], torch.zeros(40, dtype=torch.float64)], dim=-1),
    "far from the origin": blobs(60) + torch.tensor([200.0, -300.0], dtype=torch.float64),
    "a circle": circle(300),
}


@pytest.mark.parametrize("name", POINT_SETS)
def test_maps_are_the_dense_sum(name) -> None:
    points = POINT_SETS[name]
    centre = points.mean(0).round()
    xs, ys = XS + centre[0], YS + centre[1]
    maps = kernel_maps(points, xs, ys, SIGMAS)
    log_prob, denoised = dense(points, xs, ys, SIGMAS)
    torch.testing.assert_close(maps.log_prob, log_prob, rtol=1e-11, atol=1e-9)
    # A squared distance is rounded, and so is what points equally far weigh.
    size = (xs[:, None] - points[:, 0]).abs().max() + points.abs().max()
    rounding = 8 * torch.finfo(torch.float64).eps * (size + size**3 / SIGMAS.square())
    assert ((maps.denoised - denoised).abs().amax((1, 2, 3)) < rounding).all()
    score = maps.pull / SIGMAS.square()[:, None, None, None]
    torch.testing.assert_close(maps.score, score, rtol=1e-15, atol=0)


def test_score_is_the_gradient_of_the_log_density() -> None:
    """Central differences of order 4 along both axes of a fine grid."""
    h = 1e-3
    xs = 0.4 + h * torch.arange(-2, 3, dtype=torch.float64)
    stencil = torch.tensor([1, -8, 0, 8, -1], dtype=torch.float64) / (12 * h)
    maps = kernel_maps(blobs(50), xs, xs - 0.3, torch.tensor([0.15, 0.6], dtype=torch.float64))
    slopes = torch.stack([maps.log_prob[:, 2] @ stencil, maps.log_prob[:, :, 2] @ stencil], dim=-1)
    torch.testing.assert_close(maps.score[:, 2, 2], slopes, rtol=1e-7, atol=1e-8)


def test_nodes_with_many_nearest_points_sum_all() -> None:
    """From the centre of a circle every point is equally near: the nearest few would not do."""
    points = circle(300)
    assert len(points) > 10 * NEAREST
    zero = torch.zeros(1, dtype=torch.float64)
    maps = kernel_maps(points, zero, zero, torch.tensor([0.01, 0.05], dtype=torch.float64))
    expected = -(3**2) / (2 * maps.sigmas.square()) - (2 * math.pi * maps.sigmas.square()).log()
    torch.testing.assert_close(maps.log_prob.flatten(), expected, rtol=1e-14, atol=0)
    assert maps.denoised.abs().max() < 1e-11


def test_maps_agree_with_scikit_learn() -> None:
    """For the wide kernels: for narrow ones its tree gives bounds only."""
    points = blobs(120)
    maps = kernel_maps(points, XS, YS, SIGMAS)
    for sigma, log_prob in list(zip(SIGMAS.tolist(), maps.log_prob, strict=True))[4:]:
        other = ScikitKernelDensity(bandwidth=sigma).fit(points.numpy())
        expected = torch.from_numpy(other.score_samples(maps.nodes.flatten(0, 1).numpy()))
        torch.testing.assert_close(log_prob.flatten(), expected, rtol=1e-9, atol=1e-9)


def test_blocks_of_widths_change_nothing(monkeypatch) -> None:
    points = blobs(200)
    whole = kernel_maps(points, XS, YS, SIGMAS)
    monkeypatch.setattr("gmviz.kernel_maps.CHUNK", 1)
    each = kernel_maps(points, XS, YS, SIGMAS)
    torch.testing.assert_close(each.log_prob, whole.log_prob, rtol=1e-14, atol=0)
    torch.testing.assert_close(each.denoised, whole.denoised, rtol=1e-13, atol=1e-14)


def test_maps_have_mass_one() -> None:
    """The trapezoid rule on a grid finer than σ/2 and wider than all kernels."""
    xs = torch.linspace(-12, 12, 481, dtype=torch.float64)
    maps = kernel_maps(blobs(30), xs, xs, torch.tensor([0.1, 0.3, 1.0], dtype=torch.float64))
    mass = maps.log_prob.exp().sum((1, 2)) * (xs[1] - xs[0]) ** 2
    torch.testing.assert_close(mass, torch.ones(3, dtype=torch.float64), rtol=1e-10, atol=0)


@pytest.mark.slow
def test_five_thousand_points_are_the_dense_sum() -> None:
    points = blobs(5000)
    xs, ys = XS[::3], YS[::3]
    maps = kernel_maps(points, xs, ys, SIGMAS)
    nodes = maps.nodes.flatten(0, 1)
    for t, sigma in enumerate(SIGMAS.tolist()):
        log_prob, score = KernelDensity(points, sigma).value_and_score(nodes)
        torch.testing.assert_close(maps.log_prob[t].flatten(), log_prob, rtol=1e-10, atol=1e-9)
        torch.testing.assert_close(maps.score[t].flatten(0, 1), score, rtol=1e-9, atol=1e-9 / sigma**2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"points": torch.zeros(0, 2, dtype=torch.float64)}, "points must be at least one"),
        ({"points": torch.full((2, 2), torch.nan, dtype=torch.float64)}, "points must be finite"),
        ({"xs": torch.tensor([0.0, torch.inf], dtype=torch.float64)}, "xs must be finite"),
        ({"sigmas": torch.zeros(1, dtype=torch.float64)}, "sigmas must be finite and above 0"),
    ],
)
def test_bad_values_are_named(arguments, message) -> None:
    good = {"points": blobs(3), "xs": XS, "ys": YS, "sigmas": SIGMAS}
    with pytest.raises(ValueError, match=message):
        kernel_maps(**(good | arguments))


def test_nearest_point_is_the_nearest() -> None:
    points = blobs(90)
    squared, index = nearest_point(points, XS, YS)
    nodes = torch.stack(torch.meshgrid(XS, YS, indexing="xy"), dim=-1).flatten(0, 1)
    least, which = torch.cdist(nodes, points, compute_mode="donot_use_mm_for_euclid_dist").min(-1)
    torch.testing.assert_close(squared.flatten().sqrt(), least, rtol=1e-14, atol=0)
    assert torch.equal(index.flatten(), which)
