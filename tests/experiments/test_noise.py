"""The page `noise`: its numbers, its scenes, its areas as drawn, and every knob at both ends."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gmviz.divergences import fisher, kl
from gmviz.experiments.noise import (
    EXPLODING,
    PRESERVING,
    SCENES,
    SIGMA_SQUARED,
    Request,
    run,
)
from gmviz.experiments.presets import PRESETS
from gmviz.figures.animation import Bars
from gmviz.figures.noise import animation, words
from gmviz.knobs import Knob, controls_of
from gmviz.noising import along
from gmviz.weightings import UNIFORM, WEIGHTINGS

SCENE = {scene.id: scene for scene in SCENES}
KNOBS = {field.name: control for field, control in controls_of(Request) if isinstance(control, Knob)}


def told(name: str) -> dict[str, float]:
    scene = SCENE[name]
    return run(scene.request).at(scene.at)


def test_the_same_noise_raises_fisher() -> None:
    numbers = told("raises")
    assert numbers["clean_fisher"] == pytest.approx(7.4220e-4, rel=1e-4)
    assert numbers["fisher"] == pytest.approx(3.72454e-2, rel=1e-3)
    assert numbers["times"] == pytest.approx(50, abs=0.5)
    assert numbers["clean_kl"] == pytest.approx(0.83168863, abs=2e-8)
    assert "50 times" in SCENE["raises"].takeaway.format(**numbers)


def test_the_area_is_kl() -> None:
    numbers = told("area")
    assert numbers["removed"] == pytest.approx(0.728135357960, abs=2e-8)
    assert numbers["kl"] == pytest.approx(0.1036, abs=5e-5)
    assert numbers["difference"] < 1e-7
    assert SCENE["area"].takeaway.format(**numbers).startswith("0.7281 + 0.1036 = 0.8317")


def test_the_preserving_process_leaves_nearly_nothing() -> None:
    numbers = told("preserving")
    assert numbers["removed"] == pytest.approx(0.831191351051, abs=2e-8)
    assert numbers["kl"] == pytest.approx(4.973e-4, rel=5e-4)


def test_weights_look_at_different_noise() -> None:
    numbers = told("weights")
    assert numbers["centre_g2"] == pytest.approx(4.333, abs=1e-3)
    assert numbers["centre_sigma2"] == pytest.approx(numbers["centre_g2"], rel=1e-9)
    assert numbers["centre_one"] == pytest.approx(1.6655, abs=1e-3)
    assert numbers["total_sigma2"] == pytest.approx(0.0485547979, abs=1e-9)
    assert numbers["total_one"] == pytest.approx(0.00618, abs=6e-6)


@pytest.mark.parametrize("process", [EXPLODING, PRESERVING], ids=lambda process: process.name)
@pytest.mark.parametrize("pair", PRESETS, ids=lambda pair: pair.name)
def test_every_pair_adds_up_at_every_frame(pair, process) -> None:
    result = run(Request(pair=pair, process=process))
    total = result.removed + result.kl.value
    assert (total - result.kl.value[0]).abs().max() < 1e-6
    assert (result.kl.value.diff() < 1e-9).all()
    i = 20
    p, q = result.request.densities()
    level = [(result.alpha[i].item(), result.sigma[i].item())]
    assert result.kl.value[i].item() == pytest.approx(along(kl, p, q, level).item(), abs=2e-8)
    assert result.fisher[i].item() == pytest.approx(along(fisher, p, q, level).item(), rel=1e-5)


@pytest.mark.parametrize("weighting", WEIGHTINGS, ids=lambda weighting: weighting.name)
@pytest.mark.parametrize("process", [EXPLODING, PRESERVING], ids=lambda process: process.name)
def test_what_is_shaded_is_the_number(process, weighting) -> None:
    """The drawn bars, height times width, are the area so far, up to what lies before the axis begins."""
    result = run(Request(process=process, weighting=weighting))
    (bars,) = [layer for layer in animation(result).panels[2].layers if isinstance(layer, Bars)]
    shaded = (bars.heights * np.diff(bars.edges)).sum(-1)
    before = result.area.so_far[0].item()
    inside = result.area.frames.numpy() >= bars.edges[0, 0]
    drawn, told_ = shaded[inside] + before, result.area.at_frames.numpy()[inside]
    # A cell that the play-head is crossing is shaded in proportion, not at its own shape.
    assert np.abs(drawn - told_).max() < 2e-3 * result.area.total
    assert shaded[-1] + before == pytest.approx(result.area.total, rel=1e-9)
    assert before < 1e-2 * result.area.total


def test_against_variance_the_ordinate_is_fisher_itself() -> None:
    result = run(Request(against=SIGMA_SQUARED))
    area = result.area
    middles = (area.edges[1:] + area.edges[:-1]) / 2
    p, q = result.request.densities()
    for i in (3, 20, 100):
        level = [(1.0, middles[i].sqrt().item())]
        assert area.ordinate[i].item() == pytest.approx(along(fisher, p, q, level).item(), rel=2e-2)
    cells = (area.so_far[1:] - area.so_far[:-1]) / (area.edges[1] - area.edges[0])
    torch.testing.assert_close(area.ordinate[2:], cells[2:], rtol=2e-2, atol=0)


def test_the_words_of_the_page_are_the_numbers() -> None:
    text = words(run(Request()))
    assert (text["total_g2"], text["centre_one"]) == ("0.728", "σ = 1.65")
    assert text["difference"] in ("$10^{-8}$", "$10^{-9}$")
    assert words(run(Request(process=PRESERVING)))["centre_g2"] == "σ/α = 4.39"
    assert words(run(Request(separation=0.0)))["centre_g2"] == "–"
    assert (text["sum"], text["clean_kl"]) == ("0.8317", "0.8317")


@pytest.mark.parametrize("process", [EXPLODING, PRESERVING], ids=lambda process: process.name)
@pytest.mark.parametrize(("name", "end"), [(name, end) for name in KNOBS for end in ("minimum", "maximum")])
def test_every_knob_at_both_ends(name, end, process) -> None:
    request = replace(Request(process=process), **{name: getattr(KNOBS[name], end)})
    result = run(request)
    assert (result.removed + result.kl.value - result.kl.value[0]).abs().max() < 1e-6
    assert animation(result).nbytes < 2 * 2**20


def test_coinciding_modes_still_make_a_picture() -> None:
    """At D = 0 p and q are one law: nothing to remove, and every number is 0."""
    result = run(Request(separation=0.0, weighting=UNIFORM))
    assert result.fisher.abs().max() < 1e-12
    assert result.removed.abs().max() < 1e-12
    assert animation(result).nbytes > 0


def test_bad_values_are_refused() -> None:
    with pytest.raises(ValueError, match="nodes must be a whole number from 40 to 80"):
        Request(nodes=39)
    with pytest.raises(ValueError, match="weighting must be one of g2, sigma2, one"):
        Request(weighting=replace(UNIFORM, name="another"))
    with pytest.raises(ValueError, match="end must be a number from 1 to 50"):
        Request(end=float("nan"))
