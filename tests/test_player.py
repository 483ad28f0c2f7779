"""The Python side of the player: what it sends to the browser and what it believes of what comes back."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from gmviz.figures import animation as a
from gmviz.figures.palette import KL, P_DENSITY, P, Q
from gmviz.ui.player import dragged, script
from tests.test_animation import unpacked

HANDLES = a.Handles(
    np.array([[[0.0, 0.0], [1.5, 1.5]]]), ("centre of p", "centre of q"), (P, Q), (-2.0, 2.0, -2.0, 2.0)
)


def film():
    heat = a.Heatmap(np.zeros((3, 4, 4)), P_DENSITY, (0.0, 1.0))
    panel = a.Panel("p", (-3.0, 3.0, -3.0, 3.0), (heat, HANDLES))
    track = a.Track("KL", "KL", np.array([0.1, 0.2, 0.3]), KL, unit="nats")
    return a.Animation(a.Axis("separation", "", np.array([2.0, 4.0, 8.0]), "D"), (panel,), (track,))


def page():
    from gmviz.ui.player import player
    from tests.test_player import film

    player(film(), key="film", at=4.0, veiled=True, link={"dv_pair": "far"})


def sent(app):
    """The options and the header of the animation that the page sent."""
    data = app.get("bidi_component")[0].proto.bytes
    n = int.from_bytes(data[:4], "little")
    options, _ = unpacked(data)
    header, array = unpacked(data[4 + n :])
    return options, header, array


def test_the_page_sends_options_around_the_animation():
    app = AppTest.from_function(page).run()
    assert not app.exception
    options, header, array = sent(app)
    assert options == {"at": 4.0, "veiled": True, "link": {"dv_pair": "far"}, "seen": None}
    assert array(header["axis"]["values"]).tolist() == [2.0, 4.0, 8.0]
    assert array(header["tracks"][0]["values"]).tolist() == [0.1, 0.2, 0.3]


@pytest.mark.parametrize("at", [float("nan"), float("inf")])
def test_a_place_that_is_no_number_is_refused(at):
    from gmviz.ui.player import player

    with pytest.raises(ValueError, match=r"at must be finite, got"):
        player(film(), key="film", at=at)


class TestWhatABrowserSends:
    animation = film()

    def test_is_held_in_the_handles_box(self):
        moved = dragged(self.animation, {"positions": {"centre of p": [9.0, -0.5], "centre of q": [1, 1]}})
        assert dict(moved) == {"centre of p": (2.0, -0.5), "centre of q": (1.0, 1.0)}
        assert (moved.at, moved.held) == (2.0, False)

    def test_says_where_the_play_head_was_and_whether_a_finger_holds(self):
        message = {"positions": {"centre of p": [0.5, 0.5]}, "at": 4.5, "held": True}
        assert (dragged(self.animation, message).at, dragged(self.animation, message).held) == (4.5, True)
        message = {"positions": {"centre of p": [0.5, 0.5]}, "at": "soon", "held": "yes"}
        assert (dragged(self.animation, message).at, dragged(self.animation, message).held) == (2.0, False)

    @pytest.mark.parametrize(
        "message",
        [
            {},
            {"positions": None},
            {"positions": [1, 2]},
            {"positions": {"somebody": [0, 0]}},
            {"positions": {"centre of p": [float("nan"), 0.0]}},
            {"positions": {"centre of p": [float("inf"), 0.0]}},
            {"positions": {"centre of p": "12"}},
            {"positions": {"centre of p": [1.0]}},
            {"positions": {"centre of p": [None, 1.0]}},
        ],
    )
    def test_is_ignored_unless_it_is_a_finite_place_of_a_known_handle(self, message):
        assert not dragged(self.animation, message)


def test_the_modules_join_to_one():
    text = script()
    assert "import " not in [line[:7] for line in text.splitlines()]
    assert [line for line in text.splitlines() if line.startswith("export ")] == [
        "export default function play(component) {"
    ]
