"""Every identity on every pair it can afford; and that a false statement would be caught."""

from dataclasses import replace

import pytest
import torch

from gmviz.densities import GaussianMixture
from gmviz.divergences import f2, fisher, kl
from gmviz.identities import AT_MOST, EQUAL, IDENTITIES, Identity
from gmviz.identities.identity import value
from gmviz.noising import fine_grid
from gmviz.pairs import LINE_PAIR, P1, PLANE_PAIR, Q1, Pair, far_modes, missed_mode


def gaussian(mean: list[float], covariance: list[list[float]]) -> GaussianMixture:
    m, C = (torch.tensor(part, dtype=torch.float64) for part in (mean, covariance))
    return GaussianMixture(torch.ones(1, dtype=torch.float64), m[None], C[None])


SPACE_PAIR = Pair(
    "two-in-space",
    "Two Gaussians in space",
    gaussian([0.0, 0.5, -0.3], [[1.0, 0.3, 0.0], [0.3, 0.8, 0.1], [0.0, 0.1, 0.7]]),
    gaussian([0.4, 0.1, 0.2], [[1.2, -0.2, 0.1], [-0.2, 1.0, 0.0], [0.1, 0.0, 0.9]]),
)
QUICK = [identity for identity in IDENTITIES if identity.page in ("divergences", "objectives")]
CASES = [
    *((identity, pair) for pair in (LINE_PAIR, PLANE_PAIR, far_modes(8.0)) for identity in IDENTITIES),
    *((identity, pair) for pair in (missed_mode(), SPACE_PAIR) for identity in QUICK),
]


@pytest.mark.parametrize(
    ("identity", "pair"), CASES, ids=[f"{identity.name}-{pair.name}" for identity, pair in CASES]
)
def test_identity_holds(identity, pair) -> None:
    verdict = identity.check(pair.p, pair.q)
    assert verdict.left.isfinite().all()
    assert verdict.right.isfinite().all()
    assert verdict.holds, f"{identity.statement} {verdict}"


def test_names_are_unique_and_everything_is_said() -> None:
    names = [identity.name for identity in IDENTITIES]
    assert len(set(names)) == len(names)
    for identity in IDENTITIES:
        assert identity.page
        assert identity.source
        assert identity.statement.endswith((".", ".)"))
        assert 0 < identity.tolerance <= 1e-4
        braces = identity.formula.count("{") - identity.formula.count("}")
        assert braces == 0, identity.formula


NAMED = {identity.name: identity for identity in IDENTITIES}


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("f2-by-parts", -1.0),  # the sign of the integration by parts
        ("fisher-scaling", 3.0),  # a⁻¹ instead of a⁻²
        ("fisher-is-a-local-variance", 2.0),  # without the factor d/2
        ("rate", 0.5),  # with ½g² for a Fisher divergence that has its ½ already
        ("local-variance-second-order", 1.01),
    ],
)
def test_a_wrong_factor_is_caught(name, factor) -> None:
    identity = NAMED[name]
    wrong = replace(identity, right=lambda p, q: factor * identity.right(p, q))
    assert not wrong.check(P1, Q1).holds


def test_what_is_called_equal_but_only_agrees_in_the_limit() -> None:
    """The mean square and the variance differ at second order: taking one for the other fails."""
    variance, square = NAMED["local-variance-second-order"], NAMED["mean-square-second-order"]
    assert not replace(variance, left=square.left).check(P1, Q1).holds


def test_f2_is_bounded_as_printed() -> None:
    """|F2|² = .0060 ≤ 4 KLS Fisher = .3108 on the line."""
    verdict = NAMED["f2-bound"].check(P1, Q1)
    assert verdict.left.item() == pytest.approx(0.0060, abs=6e-5)
    assert verdict.right.item() == pytest.approx(0.3108, abs=6e-5)
    assert not replace(NAMED["f2-bound"], relation=EQUAL).check(P1, Q1).holds


def test_an_inequality_the_wrong_way_round_is_caught() -> None:
    reverse = Identity(
        "wrong", "divergences", "Wrong.", "", "nowhere", value(kl), value(fisher), 1e-9, AT_MOST
    )
    verdict = reverse.check(P1, Q1)
    assert not verdict.holds
    assert verdict.difference == pytest.approx(0.2980587752 - 0.2468861047, abs=1e-9)


def test_nan_never_holds() -> None:
    nowhere = Identity(
        "nan", "divergences", "NaN.", "", "nowhere", lambda p, q: torch.tensor(torch.nan), value(kl), 1e9
    )
    assert not nowhere.check(P1, Q1).holds


def test_large_values_are_compared_relatively() -> None:
    verdict = Identity(
        "large",
        "divergences",
        "Large.",
        "",
        "nowhere",
        lambda p, q: torch.tensor([1e6, 1.0]),
        lambda p, q: torch.tensor([1e6 + 1, 1.0]),
        1e-5,
    ).check(P1, Q1)
    assert verdict.difference == pytest.approx(1e-6, rel=1e-3)
    assert verdict.holds


def test_f2_of_the_far_pair_is_a_vector_in_every_dimension() -> None:
    for d in (1, 2):
        pair = far_modes(3.0, dimension=d)
        assert f2(pair.p, pair.q, fine_grid(pair.p, pair.q)).value.shape == (d,)
