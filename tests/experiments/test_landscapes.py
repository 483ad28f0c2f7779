"""The page `landscapes`: its scenes, its maps, dragging, and every control at both ends."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gmviz.experiments.landscapes import (
    BALL,
    GAUSSIAN,
    HEIGHTS,
    MODES,
    NOISE,
    QUARTIC,
    SCENES,
    SIGMAS,
    Request,
    acting,
    dragged,
    run,
    starts,
    sweeps_of,
)
from gmviz.experiments.lowest_points import fits
from gmviz.figures.animation import Points, Polyline
from gmviz.figures.landscapes import above_lowest, animation, rows
from gmviz.figures.surfaces import surfaces
from gmviz.knobs import Knob, controls_of

SCENE = {scene.id: scene for scene in SCENES}
KNOBS = {field.name: control for field, control in controls_of(Request) if isinstance(control, Knob)}
KINDS = (MODES, GAUSSIAN, QUARTIC)


def told(name: str) -> dict[str, float]:
    scene = SCENE[name]
    return run(scene.request).at(scene.at)


def words(name: str) -> str:
    return SCENE[name].takeaway.format(**told(name))


def test_the_ditch() -> None:
    numbers = told("ditch")
    assert numbers["left_condition"] == pytest.approx(1.19, abs=5e-3)
    assert numbers["right_condition"] == pytest.approx(951, abs=0.5)
    assert numbers["left_x"] == pytest.approx(0.7, abs=1e-3)
    assert numbers["right_x"] < 0.35
    assert "(condition 1.19)" in words("ditch")


def test_noise_one_is_the_roundest() -> None:
    numbers = told("roundest")
    assert numbers["noise"] == 1.0
    assert numbers["right_clean_condition"] == pytest.approx(951, abs=0.5)
    assert numbers["right_condition"] == pytest.approx(2.4, abs=0.05)
    result = run(SCENE["roundest"].request)
    assert SIGMAS[result.right.condition.argmin()].item() == pytest.approx(1.0, abs=0.13)
    assert "from 951 to 2.4" in words("roundest")


def test_the_same_broad_gaussian() -> None:
    numbers = told("same")
    for side in ("left", "right"):
        assert (numbers[f"{side}_x"], numbers[f"{side}_y"]) == pytest.approx((-0.8, 1.9), abs=1e-3)
    assert (numbers["left"], numbers["right"]) == pytest.approx((0.724222, 1.858629), abs=1e-5)
    assert "m = -0.8, s = 1.9" in words("same")


def test_reverse_fisher_reports_nothing() -> None:
    numbers = told("dropped")
    assert numbers["right"] == pytest.approx(0.00197, abs=6e-6)
    assert numbers["left"] == pytest.approx(0.356615, abs=1e-6)
    assert numbers["right_low_x"] == pytest.approx(-2.0009, abs=6e-5)
    assert words("dropped").startswith("0.002")


def test_each_quartic_fit_wins_on_its_own_map() -> None:
    numbers = told("quartic")
    assert (numbers["left_low_x"], numbers["right_low_x"]) == pytest.approx((1.0, 0.0), abs=1e-6)
    assert (numbers["left_low"], numbers["right_low"]) == pytest.approx((0.0554, 0.4281), abs=5.1e-5)
    assert "a = 0.00 (0.4281)" in words("quartic")


def test_the_table_of_all_six() -> None:
    """One Gaussian: the printed fits; at p = q: two condition numbers among six divergences."""
    table = {fit.kind.name: fit for fit in fits(Request(family=GAUSSIAN))}
    assert table["kl"].theta == pytest.approx((-0.8, 1.9), abs=1e-6)
    assert table["fisher"].theta == pytest.approx((-0.8, 1.9), abs=1e-6)
    assert table["squared_log_ratio"].theta == pytest.approx((-0.8101, 1.9668), abs=6e-5)
    assert table["reverse_kl"].theta == pytest.approx((-1.9999, 0.5003), abs=6e-5)
    assert table["reverse_fisher"].theta == pytest.approx((-2.0009, 0.4992), abs=6e-5)
    assert table["reverse_fisher"].height == pytest.approx(0.00197, abs=6e-6)
    conditions = [fit.condition for fit in fits(Request())]
    assert conditions == pytest.approx([1.192, 1.192, 951.32, 951.32, 1.192, 1.192], rel=1e-3)
    result = run(Request())
    text = rows(fits(Request()), result)
    assert text[2]["condition"] == "951.3"
    assert text[0]["weight w"] == "0.7000"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("height", HEIGHTS, ids=lambda height: height.name)
def test_the_lowest_point_is_below_the_whole_map(kind, height) -> None:
    result = run(Request(family=kind, left=height, right=height, moves=BALL, evaluations=20))
    side = result.left
    assert side.height.item() <= side.map.min().item() + 1e-4 * (1 + side.map.min().abs().item())
    assert (side.eigenvalues > 0).all()
    assert (side.path.heights >= side.height - 1e-9).all()


def test_the_picture_shows_the_numbers() -> None:
    """The ball's dot, the lowest point's dot and the density reached are those of the result."""
    result = run(Request())
    panel = animation(result).panels[1]
    low, ball = [layer.positions[:, 0] for layer in panel.layers if isinstance(layer, Points)]
    np.testing.assert_allclose(low, result.right.lowest)
    np.testing.assert_allclose(ball, result.right.path.theta[-1])
    p, left, right = [
        layer.points for layer in animation(result).panels[2].layers if isinstance(layer, Polyline)
    ]
    step = p[0, 1, 0] - p[0, 0, 0]
    for curve in (p, left, right):
        assert curve[0, :, 1].sum() * step == pytest.approx(1.0, abs=1e-6)
    assert above_lowest(result.right)[0].max() == pytest.approx(
        np.log10(float(result.right.map[0].max())), abs=1e-3
    )


def test_dragging_sets_the_start_and_stays_on_the_map() -> None:
    family = MODES.family(Request())
    assert dragged({"start": (0.5, 0.0)}, family) == {"start_x": 0.5, "start_y": 0.5}
    assert dragged({"start": (9.0, -9.0)}, family) == {"start_x": 1.0, "start_y": 0.0}
    assert dragged({}, family) == {}
    assert starts(GAUSSIAN) == {"moves": NOISE, "start_x": 0.3, "start_y": 0.9}
    assert Request(family=QUARTIC, **starts(QUARTIC)).moves is BALL


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match=r"start_x must be a number from 0 to 1, got 1\.5"):
        Request(start_x=1.5)
    with pytest.raises(ValueError, match="moves must be ball for the quartic family"):
        Request(family=QUARTIC, moves=NOISE)
    assert sweeps_of(QUARTIC) == (BALL,)
    assert "noise" in acting(MODES, BALL)
    assert "noise" not in acting(QUARTIC, BALL)


ENDS = [(MODES, name) for name in (*KNOBS, "all")] + [(GAUSSIAN, "all"), (QUARTIC, "all"), (QUARTIC, "width")]


@pytest.mark.parametrize("end", ["minimum", "maximum"])
@pytest.mark.parametrize(("kind", "name"), ENDS, ids=[f"{kind.name}-{name}" for kind, name in ENDS])
def test_every_knob_at_both_ends(kind, name, end) -> None:
    ends = {each: getattr(knob, end) for each, knob in KNOBS.items() if name in (each, "all")}
    result = run(replace(Request(family=kind, moves=BALL, evaluations=20), **ends))
    assert animation(result).nbytes < 2 * 2**20
    assert torch.isfinite(result.left.path.heights).all()
    assert torch.isfinite(result.right.path.theta).all()


def test_all_widths_under_noise() -> None:
    for request in (Request(width=0.4, stretch=2.4), Request(width=1.0, stretch=0.6, evaluations=20)):
        result = run(request)
        assert len(result.values) == len(SIGMAS)
        assert animation(result).nbytes < 2 * 2**20
        assert all(len(column) == len(SIGMAS) for column in result.table().values())


def test_surfaces_have_both_maps_and_paths() -> None:
    figure = surfaces(run(Request()), 0)
    assert [trace.type for trace in figure.data] == ["surface", "scatter3d"] * 2
    assert figure.data[0].z.shape == (37, 49)
