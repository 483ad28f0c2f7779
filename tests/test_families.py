"""Families on the line: against the mixtures of `densities`, scipy, autograd and quadrature."""

import pytest
import torch
from scipy.stats import norm

from gmviz.densities import GaussianMixture
from gmviz.families import OneGaussian, Target, TwoModes
from gmviz.landscapes import Line
from gmviz.quartic import QuarticPlane

X = torch.linspace(-9.0, 9.0, 37, dtype=torch.float64)
TARGET = Target(0.5)
FAMILIES = [
    (TwoModes(0.5), 0.0),
    (TwoModes(0.7), 1.3),
    (OneGaussian(), 0.0),
    (OneGaussian(), 0.8),
    (QuarticPlane(TARGET), 0.0),
]


def number(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def mixture(weights, means, sd) -> GaussianMixture:
    weights, means = (torch.tensor(each, dtype=torch.float64) for each in (weights, means))
    return GaussianMixture(weights, means[:, None], number(sd**2).expand(len(means), 1, 1))


@pytest.mark.parametrize(
    ("w", "m", "sd", "sigma"), [(0.7, 0.0, 0.5, 0.0), (0.02, 1.2, 0.4, 0.0), (0.9, -0.7, 0.5, 2.0)]
)
def test_two_modes_are_the_noised_mixture(w, m, sd, sigma) -> None:
    law = mixture([w, 1 - w], [m - 2, m + 2], sd).noised(sigma)
    log_q, score = TwoModes(sd).law(torch.stack([number(w), number(m)]), number(sigma), X)
    torch.testing.assert_close(log_q, law.log_prob(X[:, None]), atol=1e-11, rtol=1e-12)
    torch.testing.assert_close(score, law.score(X[:, None])[:, 0], atol=1e-10, rtol=1e-11)


def test_the_target_is_seventy_thirty() -> None:
    law = mixture([0.7, 0.3], [-2.0, 2.0], 0.5).noised(0.4)
    torch.testing.assert_close(
        TARGET.law(number(0.4), X)[0], law.log_prob(X[:, None]), atol=1e-11, rtol=1e-12
    )


def test_one_gaussian_is_scipys() -> None:
    log_q, score = OneGaussian().law(torch.tensor([0.3, 1.2], dtype=torch.float64), number(0.5), X)
    own = norm(0.3, 1.3)
    assert torch.from_numpy(own.logpdf(X.numpy())).allclose(log_q, atol=1e-12, rtol=0)
    assert ((0.3 - X) / 1.69).allclose(score, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("family", "sigma"), FAMILIES)
def test_every_member_has_mass_one_and_its_own_score(family, sigma) -> None:
    """∫ q = 1 at the corners and the middle of the box, on the line that is said to cover it."""
    line = Line.covering(family, TARGET, torch.tensor([sigma], dtype=torch.float64))
    for share in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.5, 0.5)):
        theta = family.at_share(torch.tensor(share, dtype=torch.float64))
        assert family.inside(theta)
        log_q, _ = family.law(theta, number(sigma), line.x[0])
        assert (log_q.exp().sum() * line.step[0]).item() == pytest.approx(1.0, abs=1e-8)
        x = X.clone().requires_grad_()
        own = family.law(theta, number(sigma), x)
        (slope,) = torch.autograd.grad(own[0].sum(), x)
        torch.testing.assert_close(own[1].detach(), slope, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize(("family", "sigma"), FAMILIES)
def test_tangents_are_the_derivatives_of_log_q(family, sigma) -> None:
    theta = family.at_share(torch.tensor([0.3, 0.6], dtype=torch.float64))
    jacobian = torch.autograd.functional.jacobian(lambda at: family.law(at, number(sigma), X)[0], theta)
    torch.testing.assert_close(family.tangents(theta, number(sigma), X), jacobian.T, atol=1e-9, rtol=1e-9)


def test_what_is_refused() -> None:
    for make in (TwoModes, Target):
        with pytest.raises(ValueError, match="sd must be positive, got 0"):
            make(0.0)
    with pytest.raises(ValueError, match="sigma must be 0 for the quartic family, got 1"):
        QuarticPlane(TARGET).law(torch.zeros(2).double(), number(1.0), X)
    assert not TwoModes().inside(torch.tensor([1.0, 0.0]))
    assert not OneGaussian().inside(torch.tensor([0.0, -1.0]))
