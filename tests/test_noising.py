"""KL as the area under Fisher: printed areas, shares and weightings, and the errors of bad input."""

import pytest
import torch

from gmviz.divergences import fisher, kl
from gmviz.noising import along, fine_grid, fisher_area, likelihood_weight, weighted_fisher
from gmviz.pairs import P1, P2, Q1, Q2, far_modes
from gmviz.schedules import VE, VP

E8 = far_modes(8.0)

# pair, KL, VE area to σ = 10, what is left there, VE area to σ = 50, VP area, what is left at t = 1
AREAS = [
    (E8.p, E8.q, 0.831688630964, 0.728135357960, 1.036e-1, 0.827101261779, 0.831191351051, 4.973e-4),
    (P1, Q1, 0.298058775246, 0.291044698972, 7.014e-3, 0.297771082774, 0.298027683753, 3.109e-5),
    (P2, Q2, 0.450288619186, 0.450111066739, 1.776e-4, 0.450281634553, 0.450287865508, 7.54e-7),
]


def left_over(p, q, alpha: float, sigma: float) -> float:
    return along(kl, p, q, [(alpha, sigma)])[0].item()


@pytest.mark.parametrize(("p", "q", "total", "to_10", "left_10", "to_50", "vp", "left_vp"), AREAS)
def test_areas(p, q, total, to_10, left_10, to_50, vp, left_vp) -> None:
    """Areas and their ends as printed, and area + end = KL to 1e-12: against variance and along VP."""
    exact = kl(p, q, fine_grid(p, q)).value.item()
    assert exact == pytest.approx(total, abs=6e-13)
    area, end = fisher_area(p, q, 10.0, nodes=40).item(), left_over(p, q, 1.0, 10.0)
    assert area == pytest.approx(to_10, abs=6e-13)
    assert end == pytest.approx(left_10, rel=5e-4)
    assert area + end == pytest.approx(exact, abs=1e-12)
    assert fisher_area(p, q, 50.0).item() == pytest.approx(to_50, abs=6e-13)
    area = weighted_fisher(p, q, VP(), likelihood_weight(VP()), nodes=40).item()
    end = left_over(p, q, VP().alpha(1.0).item(), VP().sigma(1.0).item())
    assert area == pytest.approx(vp, abs=6e-13)
    assert end == pytest.approx(left_vp, rel=1e-3)
    assert area + end == pytest.approx(exact, abs=1e-12)


def test_nodes_converge() -> None:
    """40 Gauss-Legendre nodes give twelve digits already; 10 do not."""
    fine = fisher_area(P1, Q1, 10.0, nodes=80).item()
    assert fisher_area(P1, Q1, 10.0, nodes=40).item() == pytest.approx(fine, abs=1e-12)
    assert abs(fisher_area(P1, Q1, 10.0, nodes=6).item() - fine) > 1e-7


@pytest.mark.parametrize(
    ("p", "q", "shares"),
    [
        (E8.p, E8.q, {1.0: 0.0076, 2.0: 0.117, 3.0: 0.315, 6.0: 0.706, 10.0: 0.875}),
        (P1, Q1, {0.5: 0.118, 1.0: 0.292, 2.0: 0.625, 6.0: 0.937}),
    ],
    ids=["far modes", "line"],
)
def test_where_the_kl_sits(p, q, shares) -> None:
    """The share of KL that noise up to σ removes."""
    total = kl(p, q, fine_grid(p, q)).value.item()
    for sigma, share in shares.items():
        digits = 5e-5 if share < 0.01 else 5.1e-4
        assert fisher_area(p, q, sigma, nodes=30).item() / total == pytest.approx(share, abs=digits)


def test_weightings_of_geometric_levels() -> None:
    """λ = σ² of NCSN is λ = g² of likelihood up to 2 ln(σ_max/σ_min) = 17.0344; λ = 1 is another thing."""
    schedule = VE(sigma_min=0.01, sigma_max=50.0)
    assert 2 * schedule.log_ratio == pytest.approx(17.0344, abs=6e-5)
    ncsn = weighted_fisher(E8.p, E8.q, schedule, lambda t: schedule.sigma(t).square()).item()
    assert ncsn == pytest.approx(0.0485547979, abs=6e-11)
    likelihood = weighted_fisher(E8.p, E8.q, schedule, likelihood_weight(schedule)).item()
    assert likelihood == pytest.approx(0.8271011875, abs=6e-11)
    ends = along(kl, E8.p, E8.q, [(1.0, 0.01), (1.0, 50.0)])
    assert likelihood == pytest.approx((ends[0] - ends[1]).item(), abs=1e-12)
    assert weighted_fisher(E8.p, E8.q, schedule, torch.ones_like).item() == pytest.approx(0.00618, abs=6e-6)
    assert weighted_fisher(P1, Q1, schedule, torch.ones_like).item() > ncsn


def test_weightings_of_the_variance_preserving_schedule() -> None:
    schedule = VP()
    for weight, printed in (
        (likelihood_weight(schedule), 0.8311914),
        (lambda t: 1 - schedule.alpha(t).square(), 0.0720484),
        (torch.ones_like, 0.08153984),
    ):
        assert weighted_fisher(E8.p, E8.q, schedule, weight, nodes=40).item() == pytest.approx(
            printed, abs=6e-8
        )


def test_rate() -> None:
    """At t = .15 on the line: −β Fisher = −.34110996, as an independent difference quotient says."""
    schedule, t, h = VP(), 0.15, 1e-3
    levels = [(schedule.alpha(s).item(), schedule.sigma(s).item()) for s in (t - h, t, t + h)]
    before, _, after = along(kl, P1, Q1, levels)
    rate = -schedule.beta(t) * along(fisher, P1, Q1, levels[1:2])[0]
    assert rate.item() == pytest.approx(-0.34110996, abs=6e-9)
    assert ((after - before) / (2 * h)).item() == pytest.approx(rate.item(), abs=1e-5)


def test_bad_noise_is_refused() -> None:
    with pytest.raises(ValueError, match="sigma must be positive, got 0"):
        fisher_area(P1, Q1, 0.0)
