"""What the page of the two divergences reads, against closed forms and known values."""

import math
from dataclasses import replace

import pytest
import torch

from gmviz.divergences import fisher, kl
from gmviz.experiments import divergences as page
from gmviz.experiments.presets import BLOBS, CIGAR, COMB, FAR, PRESETS, SHIFTS
from gmviz.experiments.scene import nearest
from gmviz.figures import divergences as figure
from gmviz.knobs import Knob, controls_of
from gmviz.pairs import P2, Q2

DEFAULT = page.Request()


def test_the_default_sweep_reads_the_table_of_far_modes():
    result = page.run(DEFAULT)
    table = {2: (0.44069, 0.26871), 4: (0.77092, 0.14188), 6: (0.82807, 0.018167), 8: (0.83168863, 7.4220e-4)}
    for separation, (kl_value, fisher_value) in table.items():
        read = result.at(separation)
        assert read["kl"] == pytest.approx(kl_value, rel=1e-5)
        assert read["fisher"] == pytest.approx(fisher_value, rel=1e-4)


def test_every_number_holds_its_stated_error_against_a_finer_grid():
    for request in (
        DEFAULT,
        replace(DEFAULT, moves=page.NOISE),
        replace(DEFAULT, pair=COMB, moves=page.WIDTH),
    ):
        result = page.run(request)
        for i in (0, 20, 40):
            setting = replace_swept(request, result.values[i].item())
            p, q = (batch for batch in request.pair.densities(setting))
            for name, exact in (("kl", kl(p, q)), ("fisher", fisher(p, q))):
                read = result.numbers[name]
                slack = read.error[i] + exact.error[0] + 1e-10  # the last: what lies outside the box
                assert (read.value[i] - exact.value[0]).abs() <= slack, (request.pair.name, name, i)


def replace_swept(request, value):
    names = ("separation", "weight_p", "weight_q", "width", "rotation", "noise", *SHIFTS)
    settings = {name: torch.tensor([getattr(request, name)], dtype=torch.float64) for name in names}
    return settings | {request.moves.name: torch.tensor([value], dtype=torch.float64)}


@pytest.mark.parametrize(
    ("scene", "reads"),
    [
        ("far", {"kl": (0.8317, 5e-5), "fisher": (7.4220e-4, 5e-8)}),
        ("comb", {"kl": (0.0163, 5e-5), "fisher": (0.3852, 5e-5)}),
        ("missed", {"kl": (0.1246, 5e-5), "fisher": (0.1771, 5e-5), "squared_log_ratio": (1.077, 5e-4)}),
        (
            "hallucinated",
            {"kl": (0.0098, 5e-5), "fisher": (0.0012, 5e-5), "squared_log_ratio": (2.4e-4, 5e-6)},
        ),
    ],
)
def test_a_scene_reveals_what_the_theory_says(scene, reads):
    played = next(each for each in page.SCENES if each.id == scene)
    read = page.run(played.request).at(played.at)
    for name, (value, tolerance) in reads.items():
        assert read[name] == pytest.approx(value, abs=tolerance)
    played.takeaway.format(**read)


def test_the_answers_are_what_the_numbers_say():
    read = {scene.id: page.run(scene.request).at(scene.at) for scene in page.SCENES}
    assert read["far"]["fisher"] < 0.001
    assert read["comb"]["fisher"] > 10 * read["comb"]["kl"]
    assert read["missed"]["fisher"] > read["missed"]["kl"]
    for name in ("kl", "fisher"):
        assert read["hallucinated"][name] < read["missed"][name] / 10


def test_the_presets_are_the_pairs_they_are_named_after():
    p, q = BLOBS.named()
    for drawn, named in ((p, P2), (q, Q2)):
        torch.testing.assert_close(drawn.weights, named.weights)
        torch.testing.assert_close(drawn.means, named.means)
        torch.testing.assert_close(drawn.covariances, named.covariances)
    p, q = FAR.named()
    assert p.means.tolist() == [[-4, 0], [4, 0]]
    assert p.weights.tolist() == pytest.approx([0.8, 0.2])
    assert COMB.named()[1].means[:, 0].diff().tolist() == pytest.approx([0.8] * 8)


def test_an_offset_moves_kl_and_nothing_that_reads_gradients():
    plain, shifted = page.run(DEFAULT), page.run(replace(DEFAULT, offset=0.5))
    torch.testing.assert_close(shifted.numbers["kl"].value, plain.numbers["kl"].value - 0.5)
    torch.testing.assert_close(shifted.numbers["fisher"].value, plain.numbers["fisher"].value)
    torch.testing.assert_close(
        shifted.numbers["half_variance"].value, plain.numbers["half_variance"].value, atol=1e-6, rtol=0
    )


def test_two_rotated_gaussians_have_their_closed_form():
    """KL = ½(tr(S₁⁻¹S₀) − d), Fisher = ½ tr(Δ S₀ Δ) with Δ = S₁⁻¹ − S₀⁻¹."""
    result = page.run(replace(DEFAULT, pair=CIGAR, moves=page.ROTATION))
    base = torch.tensor([[4.0, 0.0], [0.0, 0.25]], dtype=torch.float64)
    for i in (0, 7, 20, 33):
        angle = math.radians(result.values[i].item())
        turn = torch.tensor(
            [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], dtype=torch.float64
        )
        inverse = turn @ base.inverse() @ turn.mT
        gap = inverse - base.inverse()
        assert result.numbers["kl"].value[i].item() == pytest.approx(
            ((inverse @ base).trace().item() - 2) / 2, abs=1e-6
        )
        assert result.numbers["fisher"].value[i].item() == pytest.approx(
            (gap @ base @ gap).trace().item() / 2, abs=1e-6
        )


def test_maps_are_what_the_numbers_integrate():
    """The drawn maps, summed over a window that holds nearly all of the mass, give the numbers back."""
    result = page.run(replace(DEFAULT, pair=BLOBS, weight_p=0.5, weight_q=0.6))
    x0, x1, y0, y1 = result.window.extent
    cell = (x1 - x0) / 96 * (y1 - y0) / 72
    i = 30
    assert result.values[i].item() == pytest.approx(8.0)
    total = kl.at(result.ratio)[i].sum().item() * cell
    assert total == pytest.approx(result.numbers["kl"].value[i].item(), rel=0.01)
    total = fisher.at(result.ratio)[i].sum().item() * cell
    assert total == pytest.approx(result.numbers["fisher"].value[i].item(), rel=0.05)


def test_a_centre_is_where_it_was_dropped():
    shifts = page.dragged(DEFAULT, 8.0, {"first centre of p": (-3.0, 1.0), "last centre of q": (5.0, -2.0)})
    assert shifts == pytest.approx({"p_first_x": 1.0, "p_first_y": 1.0, "q_last_x": 1.0, "q_last_y": -2.0})
    moved = page.run(replace(DEFAULT, **shifts))
    i = 30
    assert moved.centres_p[i, 0].tolist() == pytest.approx([-3.0, 1.0])
    assert moved.centres_q[i, -1].tolist() == pytest.approx([5.0, -2.0])
    assert page.dragged(DEFAULT, 8.0, {"first centre of p": (-99.0, 0.0)})["p_first_x"] == -6.0


def test_a_draft_is_the_run_at_fewer_values_within_its_error():
    request = replace(DEFAULT, p_first_x=1.5)
    full = page.run(request)
    draft = page.draft(request, 8.0, full.window)
    torch.testing.assert_close(draft.ratio.log_p[0], full.ratio.log_p[30], atol=1e-5, rtol=1e-5)
    for value in (2.0, 8.0, 10.0):
        i, j = nearest(draft.values, value), nearest(full.values, value)
        for name in ("kl", "fisher"):
            a, b = draft.numbers[name], full.numbers[name]
            assert (a.value[i] - b.value[j]).abs() <= a.error[i] + b.error[j] + 1e-10


def test_where_p_is_q_the_maps_are_blank():
    """All integrands vanish, so every code of the Fisher map is "at most its smallest value"."""
    result = page.run(replace(DEFAULT, weight_q=0.8))
    fisher_map = figure.maps(result).panels[2].layers[0]
    assert (fisher_map.values <= fisher_map.limits[0]).all()


def test_one_centred_blob_each_has_nothing_to_separate():
    assert page.SEPARATION not in page.moves_of(CIGAR)
    assert "separation" not in page.acting(CIGAR, page.ROTATION)


@pytest.mark.parametrize("end", ["minimum", "maximum"])
@pytest.mark.parametrize("pair", PRESETS, ids=lambda pair: pair.name)
def test_all_knobs_at_one_end_make_a_picture(pair, end):
    knobs = {each.name: control for each, control in controls_of(DEFAULT) if isinstance(control, Knob)}
    ends = {name: getattr(control, end) for name, control in knobs.items()}
    result = page.run(page.Request(pair=pair, moves=page.WIDTH, **ends))
    assert result.numbers["kl"].value.isfinite().all()
    assert figure.maps(result).nbytes < 2 * 2**20


def test_a_weight_that_a_pair_has_not_cannot_move():
    with pytest.raises(ValueError, match=r"moves must be one of .* for the pair comb, got weight_q"):
        page.Request(pair=COMB, moves=page.WEIGHT)
