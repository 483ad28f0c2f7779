"""The page of points: its numbers against quadrature and known tables, its scenes, its limits."""

import math
from dataclasses import replace

import pytest
import torch

from gmviz.datasets import DATASETS
from gmviz.densities import GaussianMixture, KernelDensity
from gmviz.experiments import points as experiment
from gmviz.experiments.points import (
    CLEAN,
    DENOISER,
    FRESH,
    LIKELIHOOD,
    LINE,
    NOISED,
    OWN,
    P2,
    PLANE,
    SCENES,
    SCORE,
    SIGMAS,
    VORONOI,
    Request,
    run,
    sample,
)
from gmviz.experiments.scene import nearest
from gmviz.experiments.score_errors import PROBES
from gmviz.figures import points as figure
from gmviz.knobs import controls_of
from gmviz.memorising import recall
from gmviz.quadrature import Grid, gauss_hermite

NAMED = {scene.id: scene for scene in SCENES}
CHECKERBOARD = next(data for data in DATASETS if data.name == "checkerboard")


@pytest.fixture(scope="module")
def result():
    return run(Request())


def integral(p, squared_error, sigma):
    """½E_p of a squared error by quadrature, on a grid that resolves kernels of width σ."""
    grid = Grid.covering(p, step=min(p.smallest_sd(), sigma) / 6, reach=8.0)
    return grid.integral(lambda x: p.log_prob(x).exp() * squared_error(x) / 2).value.item()


def test_widths_are_geometric_and_many() -> None:
    assert len(SIGMAS) >= 60
    assert SIGMAS[0].item() == 0.005
    assert SIGMAS[-1].item() == pytest.approx(2.0, rel=0.02)
    torch.testing.assert_close(SIGMAS[1:] / SIGMAS[:-1], torch.full((69,), 2**0.125, dtype=torch.float64))


@pytest.mark.parametrize("sigma", [0.16, 0.32, 1.28])
def test_errors_are_what_quadrature_reads(result, sigma) -> None:
    """A and B of these very points, within five standard errors of their Monte Carlo means."""
    i = nearest(SIGMAS, sigma)
    p, kernels = P2.density, KernelDensity(result.points, SIGMAS[i].item())
    noised = p.noised(SIGMAS[i].item())
    sampling = integral(noised, lambda x: (kernels.score(x) - noised.score(x)).square().sum(-1), sigma)
    clean = integral(p, lambda x: (kernels.score(x) - p.score(x)).square().sum(-1), sigma)
    bias = integral(p, lambda x: (noised.score(x) - p.score(x)).square().sum(-1), sigma)
    errors = result.errors
    for average, exact in ((errors.sampling, sampling), (errors.clean, clean), (errors.bias, bias)):
        assert abs(average.value[i].item() - exact) < 5 * average.error[i].item()
        assert 0 < average.error[i].item() < 0.2 * exact


def test_bias_alone_is_the_printed_one() -> None:
    """½E_p|∇log p_σ − ∇log p|², what n = ∞ leaves of B: trapezoid, Gauss-Hermite and the printed digits."""
    printed = {0.05: 0.000175, 0.1: 0.002654, 0.2: 0.034824, 0.4: 0.296109, 0.6: 0.717008}
    p = P2.density
    z, weights = gauss_hermite(100, 2)
    x = p.means[:, None] + z @ torch.linalg.cholesky(p.covariances).mT
    for sigma in (*printed, 1.0, 2.0):
        noised = p.noised(sigma)
        found = integral(p, lambda x, q=noised: (q.score(x) - p.score(x)).square().sum(-1), 1.0)
        hermite = p.weights @ ((noised.score(x) - p.score(x)).square().sum(-1) @ weights) / 2
        assert found == pytest.approx(hermite.item(), rel=3e-5)
        assert found == pytest.approx(printed.get(sigma, found), abs=6e-7)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "printed_a", "printed_b"),
    [
        (50, (9962, 565, 27.1, 4.27, 1.16, 0.195, 0.0251, 0.0021), None),
        (
            200,
            (2729, 137, 6.04, 0.983, 0.274, 0.0463, 0.0056, 0.00036),
            (2703, 131, 4.95, 0.753, 0.416, 0.718, 1.386, 1.901),
        ),
    ],
)
def test_both_errors_are_the_printed_ones(n, printed_a, printed_b) -> None:
    """Means over 12 data sets; the printed ones are means over 2 to 10 others."""
    p, generator = P2.density, torch.Generator().manual_seed(0)
    sigmas = torch.tensor([0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 1.0, 2.0], dtype=torch.float64)
    a, b = [], []
    for _ in range(12):
        data, x = p.sample(n, generator), p.sample(2000, generator)
        z = torch.randn(2000, 2, dtype=torch.float64, generator=generator)
        y = x + sigmas[:, None, None] * z
        apart = recall(data, x, z, sigmas).score - p.noised(sigmas).score(y)
        a.append(apart.square().sum(-1).mean(-1) / 2)
        apart = recall(data, x, torch.zeros_like(x), sigmas).score - p.score(x)
        b.append(apart.square().sum(-1).mean(-1) / 2)
    for found, printed in ((torch.stack(a), printed_a), (torch.stack(b), printed_b)):
        if printed is not None:
            expected = torch.tensor(printed, dtype=torch.float64)
            spread = found.std(0)
            # Their mean over as few as two data sets, ours over twelve.
            error = spread * math.sqrt(1 / 2 + 1 / 12) + 5e-4 * expected
            assert ((found.mean(0) - expected).abs() < 3 * error).all()
            assert ((found.mean(0) - expected).abs() < 0.5 * expected).all()


def test_maps_are_those_of_the_kernel_density(result) -> None:
    window, p = result.truth.window, P2.density
    for sigma in (0.01, 0.16, 1.28):
        i = nearest(SIGMAS, sigma)
        kernels, noised = KernelDensity(result.points, SIGMAS[i].item()), p.noised(SIGMAS[i].item())
        log_prob, score = kernels.value_and_score(window.nodes)
        torch.testing.assert_close(result.log_prob[i].flatten().double(), log_prob, rtol=1e-6, atol=1e-5)
        integrand = noised.log_prob(window.nodes).exp() * (score - noised.score(window.nodes)).square().sum(
            -1
        )
        torch.testing.assert_close(
            result.integrand[i].flatten().double(), integrand / 2, rtol=1e-2, atol=1e-6 + 1e-9 / sigma**4
        )


def test_arrows_of_the_denoiser_end_at_the_mean_of_the_data(result) -> None:
    rows, columns = experiment.ARROWS
    x0, x1, y0, y1 = result.truth.window.extent
    ys, xs = experiment.cells((y0, y1), rows), experiment.cells((x0, x1), columns)
    x = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), dim=-1)
    for i in (0, 40, 69):
        squared = (x[..., None, :] - result.points).square().sum(-1)
        expected = torch.softmax(-squared / (2 * SIGMAS[i] ** 2), dim=-1) @ result.points - x
        torch.testing.assert_close(result.pull[i].double(), expected, rtol=1e-5, atol=1e-5)
    # At the smallest σ the arrows end on the nearest points.
    ends = x + result.pull[0]
    assert torch.cdist(ends.flatten(0, 1), result.points).amin(-1).max() < 1e-4


def test_the_voronoi_picture() -> None:
    result = run(Request(show=VORONOI, n=40))
    picture, window = result.voronoi, result.truth.window
    assert picture is not None
    for i in (0, 45, 69):
        kernels = KernelDensity(result.points, SIGMAS[i].item())
        others = 1 - kernels.responsibilities(window.nodes).amax(-1)
        torch.testing.assert_close(picture.shared[i].flatten().double(), others, rtol=1e-5, atol=1e-6)
    coarse = torch.cdist(window.nodes, result.points).argmin(-1)
    every = picture.nearest[:: experiment.GLASS, :: experiment.GLASS].flatten()
    assert (every != coarse).double().mean() < 1e-3
    assert picture.shared[0].mean() < 0.01 < 0.5 < picture.shared[-1].mean()


def test_the_truth_is_reached_with_many_points() -> None:
    """A falls about like 1/n: 16 times the points, between 8 and 32 times less error at σ = .32."""
    i = nearest(SIGMAS, 0.32)
    few, many = (run(Request(n=n)).errors.sampling.value[i].item() for n in (50, 800))
    assert 8 < few / many < 32


def test_the_datas_own_points_flatter_a_memory() -> None:
    """At the data a memorised score is about 0, so B stays near ½E|∇log p|²; A reads d/2σ²."""
    result = run(Request(probes=OWN))
    clean, sampling = result.errors.clean, result.errors.sampling
    assert clean is not None
    information = P2.density.score(result.points[torch.arange(PROBES) % 200]).square().sum(-1).mean()
    assert 0.9 * information / 2 < clean.value[0] < 10 * information / 2  # neighbours closer than σ add to it
    assert abs(sampling.value[0].item() - 1 / 0.005**2) < 5 * sampling.error[0].item()
    fresh = run(Request()).errors.sampling.value[0].item()
    assert fresh > 100 * sampling.value[0].item()


def test_the_constant_of_a_line_scales_the_mass_not_the_score(result) -> None:
    """σ√2π: .251 at .1, .752 at .3, 2.507 at 1."""
    line = run(Request(normaliser=LINE))
    for sigma, printed in ((0.1, 0.251), (0.3, 0.752), (1.0, 2.507)):
        assert sigma * math.sqrt(2 * math.pi) == pytest.approx(printed, abs=5e-4)
    torch.testing.assert_close(line.mass, SIGMAS * math.sqrt(2 * math.pi))
    torch.testing.assert_close(line.pull, result.pull)
    torch.testing.assert_close(line.training, result.training + line.mass.log())
    assert line.best_sigma > result.best_sigma
    panel = figure.blurred(line).layers[0].values[50]
    x0, x1, y0, y1 = line.truth.window.extent
    area = (x1 - x0) * (y1 - y0) / (panel.shape[0] - 1) / (panel.shape[1] - 1)
    assert panel.sum() * area == pytest.approx(line.mass[50].item(), rel=0.03)


def test_the_scene_of_training_likelihood(result) -> None:
    """The smallest σ wins by +3.46 while a point left out reads about −890; the best is near −2.936 at .4."""
    scene = NAMED["training"]
    read = run(scene.request).at(scene.at)
    assert read["training"] == pytest.approx(3.46, abs=0.01)
    assert read["leave_one_out"] == pytest.approx(-890, abs=5)
    assert read["best_leave_one_out"] == pytest.approx(-2.936, abs=0.005)
    assert read["best_sigma"] == pytest.approx(0.4, rel=0.06)
    assert result.training.argmax() == 0


def test_the_other_scenes() -> None:
    read = {scene.id: run(scene.request).at(scene.at) for scene in SCENES}
    assert read["line"]["mass"] == pytest.approx(0.04 * math.sqrt(2 * math.pi))
    assert read["memorised"]["remembered"] == pytest.approx(95.6, abs=5)
    assert read["halved"]["sampling"] > 10 * read["halved"]["sampling_doubled"]
    for scene in SCENES:
        assert scene.at in (0.005, 0.01, 0.04, 0.08)
        assert SIGMAS[nearest(SIGMAS, scene.at)].item() == pytest.approx(scene.at)
        assert "nan" not in scene.takeaway.format(**read[scene.id])


def test_leave_one_out_sets_the_poster(result) -> None:
    assert result.best_sigma == SIGMAS[result.leave_one_out.argmax()].item()
    assert figure.poster(result) == result.best
    clean = result.errors.clean
    assert clean is not None
    assert clean.value[result.best] < 2 * clean.value.min()


def test_one_point_has_no_best_width() -> None:
    result = run(Request(n=1))
    assert result.best is None
    assert result.best_sigma is None
    assert (result.errors.remembered.value == 1).all()
    torch.testing.assert_close(result.pull[0].double(), result.pull[-1].double(), rtol=1e-4, atol=1e-4)
    assert figure.animation(result).nbytes < 2 * 2**20
    assert result.at(0.1)["best_sigma"] == pytest.approx(0.1, rel=0.05)
    assert len(figure.animation(replace(result, request=Request(n=1, show=LIKELIHOOD))).panels) == 3


@pytest.mark.parametrize("show", [SCORE, DENOISER, VORONOI, LIKELIHOOD])
def test_two_points_make_every_picture(show) -> None:
    animation = figure.animation(run(Request(show=show, n=2)))
    assert animation.nbytes < 2 * 2**20
    assert len(animation.panels) == 3


@pytest.mark.slow
def test_five_thousand_points_make_a_small_picture() -> None:
    result = run(Request(n=5000))
    assert figure.animation(result).nbytes < 2 * 2**20
    assert result.best_sigma == pytest.approx(0.218, rel=0.25)


@pytest.mark.slow
@pytest.mark.parametrize("data", DATASETS, ids=lambda data: data.name)
def test_every_law_makes_a_picture(data) -> None:
    for reference in experiment.references(data):
        result = run(Request(data=data, n=60, reference=reference))
        assert result.log_prob.isfinite().all()
        assert result.integrand.isfinite().all()
        assert figure.animation(result).nbytes < 2 * 2**20


def test_hard_edges_have_no_clean_score() -> None:
    assert experiment.references(CHECKERBOARD) == (NOISED,)
    with pytest.raises(ValueError, match="reference must be noised for checkerboard"):
        Request(data=CHECKERBOARD, reference=CLEAN)
    result = run(Request(data=CHECKERBOARD))
    assert result.errors.clean is None
    assert [track.symbol for track in figure.tracks(result)] == ["A", "%"]
    assert math.isnan(result.at(0.1)["clean"])


def test_points_are_added_one_by_one() -> None:
    """More points keep those that were there."""
    few, many = (run(Request(n=n)).points for n in (3, 50))
    torch.testing.assert_close(few, many[:3])
    torch.testing.assert_close(many, sample(P2.density, 5000, Request().seed)[:50])


def test_bad_settings_are_named() -> None:
    for n in (0, 5001):
        with pytest.raises(ValueError, match="n must be a whole number from 1 to 5000"):
            Request(n=n)
    with pytest.raises(ValueError, match="show must be one of score"):
        Request(show=NOISED)
    assert {field.name for field, _ in controls_of(Request)} >= {"data", "n", "show", "seed"}
    assert Request(probes=FRESH, normaliser=PLANE) == Request()
    assert isinstance(P2.density, GaussianMixture)
