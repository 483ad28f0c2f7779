"""A control refuses what it does not admit, and names what it is."""

from dataclasses import dataclass

import pytest

from gmviz.knobs import check_knobs, choice, controls_of, knob


@dataclass(frozen=True)
class Settings:
    sigma: float = knob(0.5, 0.0, 2.0, 0.1, label="Noise σ")
    n: int = knob(10, 1, 100, 1, label="Points")
    colour: str = choice("blue", ("blue", "red"), label="Colour")

    def __post_init__(self):
        check_knobs(self)


def test_defaults_and_ends_are_admitted():
    assert Settings(sigma=0.0, n=100, colour="red") == Settings(0.0, 100, "red")
    assert [each.name for each, _ in controls_of(Settings)] == ["sigma", "n", "colour"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sigma": 2.1}, "sigma must be a number from 0 to 2, got 2.1"),
        ({"sigma": float("nan")}, "sigma must be a number from 0 to 2, got nan"),
        ({"sigma": "1"}, "sigma must be a number from 0 to 2, got '1'"),
        ({"sigma": True}, "sigma must be a number from 0 to 2, got True"),
        ({"n": 1.5}, "n must be a whole number from 1 to 100, got 1.5"),
        ({"colour": "green"}, "colour must be one of blue, red, got 'green'"),
    ],
)
def test_what_is_not_admitted_is_named(values, message):
    with pytest.raises(ValueError, match="must be") as caught:
        Settings(**values)
    assert str(caught.value) == message
