"""The schedule of the rate and the steps that are looked at."""

import itertools
import math

import pytest

from gmviz.fitting import Recipe


def test_the_rate_warms_up_and_falls_to_zero_by_a_cosine():
    recipe = Recipe(steps=400, rate=0.02, warmup=10)
    assert recipe.rate_at(0) == pytest.approx(0.002)
    assert recipe.rate_at(4) == pytest.approx(0.01 * 0.5 * (1 + math.cos(math.pi * 0.01)))
    assert recipe.rate_at(200) == pytest.approx(0.01)
    assert recipe.rate_at(399) == pytest.approx(0.02 * math.sin(math.pi / 800) ** 2)
    assert Recipe(steps=5, warmup=0).rate_at(0) == 0.02
    with pytest.raises(ValueError, match="step must be from 0 to 399"):
        recipe.rate_at(400)


@pytest.mark.parametrize("steps", [1, 2, 7, 400, 50_000])
def test_checkpoints_grow_geometrically_from_0_to_the_budget(steps):
    looks = Recipe(steps=steps, looks=16).checkpoints()
    assert looks[0] == 0
    assert looks[-1] == steps
    assert list(looks) == sorted(set(looks))
    assert len(looks) <= 17
    late = [b / a for a, b in itertools.pairwise(looks) if a > 50]
    ratio = steps ** (1 / 15)
    assert all(abs(each - ratio) < 0.03 for each in late)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 0),
        ("steps", 10**6),
        ("batch", 8),
        ("batch", 10**6),
        ("rate", 0.0),
        ("rate", 1.0),
        ("rate", math.nan),
        ("average", 1.0),
        ("second", 0.0),
        ("looks", 1),
        ("patience", -1),
        ("warmup", -1),
    ],
)
def test_a_recipe_out_of_range_names_the_field(field, value):
    with pytest.raises(ValueError, match=f"{field} must be"):
        Recipe(**{field: value})
