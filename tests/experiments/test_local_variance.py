"""What the page of the jiggled point reads, against Gauss-Hermite and the known table."""

import itertools
from dataclasses import replace

import pytest
import torch

from gmviz.experiments import local_variance as page
from gmviz.experiments.presets import PRESETS
from gmviz.local_variance import expansion, response
from gmviz.pairs import P2, Q2
from gmviz.plane_maps import LINEAR, TANH

DEFAULT = page.Request()


def test_the_probe_reads_the_table():
    read = page.run(DEFAULT).at(0.1)
    assert read["variance"] == pytest.approx(0.8262288275, abs=1e-9)
    assert read["mean_square"] == pytest.approx(0.8280660885, abs=1e-9)
    assert read["limit"] == pytest.approx(0.8538701997, abs=1e-9)
    assert page.run(DEFAULT).at(0.01)["variance"] == pytest.approx(0.8535694393, abs=1e-9)
    assert read["start"] == pytest.approx(0.6398987952, abs=1e-8)


def test_the_averages_tend_to_fisher_and_to_kl():
    """(d/2) E_p G at ε = .1 is 1.68142575; E_p E_e f there is .44024 (known values); the limits are exact."""
    result = page.run(replace(DEFAULT, view=page.EVERYWHERE))
    read = result.at(0.1)
    assert read["fisher_like"] == pytest.approx(1.68142575, abs=1e-6)
    assert read["kl_like"] == pytest.approx(0.44024, abs=5e-6)
    assert result.at(0.01)["fisher_like"] == pytest.approx(read["fisher"], abs=1e-4)
    assert result.at(0.01)["kl_like"] == pytest.approx(read["kl"], abs=2e-4)
    square = page.run(replace(DEFAULT, view=page.EVERYWHERE, form=page.MEAN_SQUARE))
    assert square.at(0.05)["fisher_like"] > result.at(0.05)["fisher_like"]


@pytest.mark.parametrize("pair", PRESETS, ids=lambda pair: pair.name)
def test_at_the_smallest_jiggle_the_average_is_fisher(pair):
    """(d/2) E_p G = Fisher + O(ε²), and the ε² term is what two values of ε give."""
    result = page.run(replace(DEFAULT, pair=pair, view=page.EVERYWHERE))
    small, smaller = result.fisher_like[-8], result.fisher_like[-1]
    ratio = float((page.EPSILONS[-1] / page.EPSILONS[-8]) ** 2)
    limit = float((smaller - ratio * small) / (1 - ratio))
    assert limit == pytest.approx(float(result.fisher.value), rel=1e-4)


def test_a_flat_ratio_reads_zero_and_not_its_rounding():
    request = replace(DEFAULT, pair=PRESETS[0], probe_x=6.0, probe_y=0.0)
    result = page.run(request)
    assert result.local_variance[-1].item() == 0
    assert result.lens[-1].abs().max() == 0


def test_a_probe_outside_the_map_widens_it():
    x0, x1, y0, y1 = page.run(replace(DEFAULT, probe_x=6.0, probe_y=-6.0)).window.extent
    assert x0 < 6 < x1
    assert y0 < -6 < y1


@pytest.mark.parametrize("index", [0, 10, 17, 30, 36, 40])
def test_the_map_is_exact_to_a_thousandth(index):
    result = page.run(replace(DEFAULT, view=page.EVERYWHERE))
    x = result.window.nodes.unflatten(0, (73, 97))[4::16, 4::16].flatten(0, 1)
    epsilon = page.EPSILONS[index].item()
    for form, exact in (
        ("local_variance", response(P2, Q2, x, epsilon, nodes=60).local_variance),
        ("mean_square", response(P2, Q2, x, epsilon, nodes=60).mean_square),
    ):
        drawn = getattr(result.map, form)[index][4::16, 4::16].flatten()
        torch.testing.assert_close(drawn, exact, rtol=1e-3, atol=1e-6)


def test_the_lens_shows_gradient_and_curvature():
    """[f(x + εu) − f(x)]/ε = ∇f·u + ½ε uᵀHu + O(ε²)."""
    result, x = page.run(DEFAULT), DEFAULT.probe[None]
    u = torch.linspace(-3, 3, page.LENS, dtype=torch.float64)
    u = torch.stack(torch.meshgrid(u, u, indexing="xy"), dim=-1)
    gradient, H = (P2.score(x) - Q2.score(x))[0], (P2.hessian(x) - Q2.hessian(x))[0]
    expected = u @ gradient + page.EPSILONS[-1] / 2 * (u @ H * u).sum(-1)
    assert (result.lens[-1] - expected).abs().max() < 3e-3 * expected.abs().max()


def test_the_histogram_has_the_variance_that_is_shown():
    """Its second moment is 2G within five standard errors of `VALUES` draws (and the cut-off at 1 %)."""
    result = page.run(DEFAULT)
    centres = (result.edges[1:] + result.edges[:-1]) / 2
    width = result.edges[1] - result.edges[0]
    mean = (result.heights * centres).sum(-1) * width
    variance = (result.heights * centres.square()).sum(-1) * width - mean.square()
    expected = 2 * result.local_variance
    assert (variance[20:] / expected[20:] - 1).abs().max() < 5 * (2 / page.VALUES) ** 0.5 + 0.03


def test_a_linear_map_answers_with_its_squared_norm_at_every_jiggle():
    x = DEFAULT.probe
    for epsilon in (0.01, 0.1, 0.5):
        assert LINEAR.response(x, epsilon).item() == pytest.approx(
            LINEAR.jacobian(x).square().sum().item() / 2, rel=1e-12
        )


def test_a_bent_map_answers_with_it_only_in_the_limit():
    x = DEFAULT.probe
    limit = TANH.jacobian(x).square().sum().item() / 2
    off = [abs(TANH.response(x, epsilon).item() - limit) for epsilon in (0.1, 0.05, 0.025, 0.0125)]
    orders = [torch.tensor(a / b).log2().item() for a, b in itertools.pairwise(off)]
    assert orders[-1] == pytest.approx(2, abs=0.1)
    jacobian = torch.autograd.functional.jacobian(TANH, x)
    torch.testing.assert_close(TANH.jacobian(x), jacobian)


def test_the_scene_of_the_critical_point_stands_on_one():
    scene = page.SCENES[1]
    result = page.run(scene.request)
    assert float(expansion(P2, Q2, scene.request.probe[None]).limit) < 0.002
    assert 0.005 < result.at(0.1)["variance"] < 0.01


def test_a_dragged_probe_stays_where_its_sliders_reach():
    assert page.dragged({"probe": (99.0, -1.234)}) == {"probe_x": 6.0, "probe_y": -1.23}
    assert page.dragged({}) == {}


@pytest.mark.parametrize(("x", "y"), [(-6, -6), (6, 6), (-6, 6)])
@pytest.mark.parametrize("view", [page.POINT, page.OUTPUTS], ids=lambda view: view.name)
def test_far_probes_make_a_picture(x, y, view):
    from gmviz.figures import local_variance as figure

    result = page.run(replace(DEFAULT, view=view, probe_x=float(x), probe_y=float(y)))
    assert figure.animation(result).nbytes < 2 * 2**20
