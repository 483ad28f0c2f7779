"""The objectives' identities on pairs of one, two and three dimensions; and that a wrong one is caught."""

from dataclasses import replace

import pytest

from gmviz.identities.objectives import OBJECTIVE_IDENTITIES
from gmviz.pairs import LINE_PAIR, PLANE_PAIR
from tests.objectives.laws import GAUSSIANS_3

PAIRS = {"line": (LINE_PAIR.p, LINE_PAIR.q), "plane": (PLANE_PAIR.p, PLANE_PAIR.q), "space": GAUSSIANS_3}


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("identity", OBJECTIVE_IDENTITIES, ids=lambda each: each.name)
def test_it_holds(identity, pair):
    verdict = identity.check(*PAIRS[pair])
    assert verdict.holds, (verdict.left, verdict.right)


def test_a_wrong_constant_is_caught():
    (identity,) = (each for each in OBJECTIVE_IDENTITIES if each.name == "dsm-minus-ism")
    wrong = replace(identity, right=lambda p, q: 1.001 * identity.right(p, q))
    assert not wrong.check(*PAIRS["plane"]).holds
