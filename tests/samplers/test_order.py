"""The flow's solvers on an exact mixture flow: their orders, scipy's solve_ivp, the quantile map."""

import math
from functools import cache

import pytest
import torch
from scipy.integrate import solve_ivp

from gmviz.samplers import (
    DDIM,
    DPMSolver2M,
    Euler,
    Heun,
    Karras,
    ProbabilityFlow,
    State,
    UniformLogSNR,
    UniformTime,
)
from gmviz.schedules import VE, VP, SubVP, VPCosine
from gmviz.score_models import ExactModel, exact_model
from tests.samplers.laws import BIM, P2

VE20 = VE(0.01, 20.0)
MODEL = exact_model(P2)


@cache
def solved(schedule):
    """Twelve points of the prior and where the flow takes them, by DOP853 at 1e-11 on the exact densities."""
    x = schedule.prior(P2).sample(12, torch.Generator().manual_seed(0))

    def velocity(t, y):
        x = torch.from_numpy(y).reshape(-1, 2)
        score = P2.diffused(schedule.alpha(t), schedule.sigma(t)).score(x)
        return (schedule.drift(x, t) - schedule.diffusion(t) ** 2 / 2 * score).numpy().ravel()

    y = solve_ivp(velocity, (1, schedule.stop), x.numpy().ravel(), method="DOP853", rtol=1e-11, atol=1e-12).y[
        :, -1
    ]
    return x, torch.from_numpy(y.copy()).reshape(-1, 2)


def errors(family, schedule, grid, counts):
    x, end = solved(schedule)
    found = []
    for count in counts:
        sampler = family(schedule=schedule, grid=grid, steps=count)
        trajectory = sampler.run(MODEL, x, torch.Generator())
        # What ends clean is compared at the schedule's stop, before its last jump.
        y = trajectory.states[-1] if family is Euler else trajectory.states[-2]
        found.append((y - end).square().sum(-1).mean().sqrt().item())
    return found


@pytest.mark.parametrize("schedule", [VP(), VE20], ids=lambda s: s.name)
@pytest.mark.parametrize(
    ("family", "grid", "order"),
    [
        (Euler, UniformTime(), 1),
        (DDIM, UniformLogSNR(), 1),
        (DDIM, UniformTime(), 1),
        (Heun, UniformLogSNR(), 2),
        (Heun, Karras(), 2),
        (DPMSolver2M, UniformLogSNR(), 2),
        (DPMSolver2M, Karras(), 2),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_order_of_convergence(family, grid, order, schedule):
    """Halving the steps divides the error by 2^order, within 8 %."""
    extra = 0 if family is Euler else 1
    coarse, fine = errors(family, schedule, grid, (160 + extra, 320 + extra))
    assert math.log2(coarse / fine) == pytest.approx(order, abs=0.11)


@pytest.mark.parametrize("schedule", [VP(), VE20, SubVP(), VPCosine()], ids=lambda s: s.name)
def test_the_adaptive_solver_against_scipy(schedule):
    x, end = solved(schedule)
    for tolerance in (1e-4, 1e-6, 1e-9):
        final = (
            ProbabilityFlow(schedule, tolerance=tolerance, intervals=2).run(MODEL, x, torch.Generator()).final
        )
        assert (final - end).abs().max() < 50 * tolerance


def test_the_adaptive_solver_spends_as_scipy_does():
    """The same method and tolerance in solve_ivp (RK45): evaluations agree within a tenth."""
    x, _ = solved(VP())
    model = ExactModel(P2)
    calls = 0

    def velocity(t, y):
        nonlocal calls
        calls += 1
        x = torch.from_numpy(y).reshape(-1, 2)
        score = model.score(x, VP().alpha(t).item(), VP().sigma(t).item())
        return (VP().drift(x, t) - VP().diffusion(t) ** 2 / 2 * score).numpy().ravel()

    solve_ivp(velocity, (1, 1e-3), x.numpy().ravel(), rtol=1e-6, atol=1e-6)
    sampler = ProbabilityFlow(tolerance=1e-6, intervals=4)
    trajectory = sampler.run(MODEL, x, torch.Generator())
    assert trajectory.evaluations[-1].item() == pytest.approx(calls, rel=0.1)
    for k in range(1, 5):
        t, s = trajectory.times[[k - 1, k]].tolist()
        restarted = sampler.step(MODEL, State(trajectory.states[k - 1]), t, s, x[:0, None])
        assert (restarted.x - trajectory.states[k]).abs().max() < 1e-4


def test_the_flow_on_a_line_is_the_quantile_map():
    """x = F_stop⁻¹(F₁(x₁)) for nine points of the exact p₁ of the two-bump law, to 1e-8."""
    vp = VP()
    top = BIM.diffused(vp.alpha(1.0), vp.sigma(1.0))
    bottom = BIM.diffused(vp.alpha(vp.stop), vp.sigma(vp.stop))
    x = torch.linspace(-2.4, 2.4, 9, dtype=torch.float64)[:, None]
    final = ProbabilityFlow(tolerance=1e-11, intervals=1).run(exact_model(BIM), x, torch.Generator()).final
    torch.testing.assert_close(cumulative(bottom, final), cumulative(top, x), rtol=0, atol=1e-8)


@pytest.mark.parametrize(("delta", "left"), [(0.0, 0.698), (0.5, 0.508), (1.0, 0.315), (2.0, 0.069)])
def test_the_flow_keeps_a_wrong_prior(delta, left):
    """From N(δ, 1) the left mass is Φ(z* − δ), z* = .51914: what the flow sends to 0, found by bisection."""
    model, low, high = exact_model(BIM), -3.0, 3.0
    flow = ProbabilityFlow(tolerance=1e-8, intervals=1)
    ends = flow.run(
        model, torch.linspace(low, high, 4001, dtype=torch.float64)[:, None], torch.Generator()
    ).final
    watershed = torch.linspace(low, high, 4001, dtype=torch.float64)[(ends[:, 0] < 0).sum() - 1].item()
    assert watershed == pytest.approx(0.51914, abs=2e-3)
    mass = torch.special.ndtr(torch.tensor(watershed - delta)).item()
    assert mass == pytest.approx(left, abs=1e-3)


def cumulative(law, x):
    """F(x) of a mixture on the line."""
    sd = law.covariances[:, 0, 0].sqrt()
    return (law.weights * torch.special.ndtr((x - law.means[:, 0]) / sd)).sum(-1)
