"""Single steps against hand-worked values with given noise, and the identities between methods."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from scipy import stats

from gmviz.samplers import (
    DDIM,
    DDPM,
    MALA,
    AnnealedCorrector,
    AnnealedLangevin,
    DPMSolver2M,
    Euler,
    Heun,
    Hold,
    Karras,
    Langevin,
    LangevinCorrector,
    PredictorCorrector,
    ReverseDiffusion,
    ReverseSDE,
    State,
    UniformLogSNR,
)
from gmviz.samplers.annealed import matched_ratio
from gmviz.schedules import SCHEDULES, VE, VP, SubVP
from gmviz.score_models import exact_model
from tests.samplers.laws import P2, P7, Counting, Linear, mixture

X = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
Z = torch.tensor([[[0.5, 0.25]]], dtype=torch.float64)
SCORE = -X / 2  # of Linear(2)
MODEL = Linear(2.0)
each_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s.name)


def moved(sampler, t, s, z=Z, x=X, model=MODEL):
    return sampler.step(model, State(x), t, s, z).x


def close(actual, expected, rtol=1e-12, atol=1e-13):
    torch.testing.assert_close(actual, expected, rtol=rtol, atol=atol)


def test_langevin():
    """(1, −2) + .1·(−.5, 1) + √.2·(.5, .25)."""
    expected = [0.95 + 0.5 * math.sqrt(0.2), -1.9 + 0.25 * math.sqrt(0.2)]
    close(moved(Langevin(step_size=0.1), 0.0, 0.1), torch.tensor([expected], dtype=torch.float64))


def test_annealed_langevin():
    """h = r σ²: at σ = .05·400^½ = 1 and r = .2 it is .2."""
    sampler = AnnealedLangevin(schedule=VE(0.05, 20.0), ratio=0.2)
    close(sampler.level(0.5).sigma * torch.ones(1), torch.ones(1))
    close(moved(sampler, 1.0, 0.5), X + 0.2 * SCORE + math.sqrt(0.4) * Z[0])


def test_annealed_langevin_visits_each_level_in_turn():
    sampler = AnnealedLangevin(schedule=VE(0.1, 10.0), levels=3, inner=2)
    sigmas = [round(sampler.level(t).sigma, 12) for t in sampler.times().tolist()]
    assert sigmas == [10.0, 10.0, 10.0, 1.0, 1.0, 0.1, 0.1]


@pytest.mark.parametrize(
    ("published", "sigma_1", "levels", "inner"),
    [(6.2e-6, 50.0, 232, 5), (3.3e-6, 90.0, 500, 5)],  # CIFAR-10 and CelebA 64 of NCSNv2, table 4
)
def test_the_step_rule_of_ncsnv2_gives_the_published_steps(published, sigma_1, levels, inner):
    gamma = (sigma_1 / 0.01) ** (1 / (levels - 1))
    assert matched_ratio(gamma, inner) * 0.01**2 == pytest.approx(published, rel=0.02)
    ladder = AnnealedLangevin(schedule=VE(0.01, sigma_1), levels=levels, inner=inner).with_matched_step()
    assert ladder.ratio == pytest.approx(matched_ratio(gamma, inner), rel=1e-4)


@pytest.mark.parametrize("u", [0.05, 0.75, 0.76, 0.95])
def test_mala_by_normal_densities(u):
    """One step on N(0, 2) at x = 1.2 with h = .9 and z = 1.4, the test written with scipy's densities."""
    x, h, z, v = 1.2, 0.9, 1.4, 2.0
    y = x - h * x / v + math.sqrt(2 * h) * z
    proposal, target = stats.norm(scale=math.sqrt(2 * h)), stats.norm(scale=math.sqrt(v))
    ratio = (
        target.pdf(y) * proposal.pdf(x - y + h * y / v) / (target.pdf(x) * proposal.pdf(y - x + h * x / v))
    )
    assert ratio == pytest.approx(0.754714, abs=1e-6)  # between the two middle u
    draws = torch.tensor([[[z]], [[stats.norm.ppf(u)]]], dtype=torch.float64)
    model = Counting(exact_model(mixture([1.0], [0.0], [v])))
    start = State(torch.tensor([[x]], dtype=torch.float64))
    state = MALA(step_size=h).step(model, start, 0.0, h, draws)
    assert state.x.item() == pytest.approx(y if u < ratio else x, rel=1e-12)
    log_p, score, count = state.memory
    assert log_p.item() == pytest.approx(target.logpdf(state.x.item()), rel=1e-12)
    assert score.item() == pytest.approx(-state.x.item() / v, rel=1e-12)
    assert count.item() == (u < ratio)
    MALA(step_size=h).step(model, state, h, 2 * h, draws)
    assert model.calls == 3  # two for the first step, then one: value and score are remembered


def test_reverse_sde_and_euler():
    """β(.5) = 10.05, h = .1: x + (β/2 x + β s) h + √(βh) z, and without noise x + β/2 (x + s) h."""
    beta, h = 10.05, 0.1
    mean = X + (beta / 2 * X + beta * SCORE) * h
    close(moved(ReverseSDE(), 0.5, 0.4), mean + math.sqrt(beta * h) * Z[0])
    close(moved(Euler(), 0.5, 0.4, Z[:0]), X + beta / 2 * (X + SCORE) * h)


def test_ends_on_the_mean():
    sampler = ReverseSDE(steps=3)
    state = sampler.step(MODEL, State(X), 0.5, 0.4, Z)
    close(sampler.finish(MODEL, state).x, moved(sampler, 0.5, 0.4, 0 * Z))
    assert sampler.finish(MODEL, state).evaluations == 1


def test_ancestral_sampling_is_ho_s_on_vp():
    """x̂₀ and the posterior N(c₁x̂₀ + c₂x, ·) of Ho et al. 2020, eq. 6-7, for ᾱ_t = .25 and ᾱ_s = .64."""
    vp = VP()
    t, s = (
        vp.time_at(torch.tensor(0.5 * math.log(a / (1 - a)), dtype=torch.float64)).item()
        for a in (0.25, 0.64)
    )
    beta = 1 - 0.25 / 0.64
    clean = (X + 0.75 * SCORE) / 0.5
    mean = math.sqrt(0.64) * beta / 0.75 * clean + math.sqrt(1 - beta) * 0.36 / 0.75 * X
    for variance, v in (("large", beta), ("small", beta * 0.36 / 0.75)):
        close(moved(DDPM(variance=variance), t, s), mean + math.sqrt(v) * Z[0], rtol=1e-10)


def test_ancestral_sampling_is_song_s_on_ve():
    """x + (σ_t² − σ_s²) s + √((σ_t² − σ_s²) σ_s²/σ_t²) z at σ_t = 2, σ_s = 1."""
    ve = VE(0.5, 2.0)
    close(moved(DDPM(ve, variance="small"), 1.0, 0.5), X + 3 * SCORE + math.sqrt(3 / 4) * Z[0])
    close(moved(ReverseDiffusion(ve), 1.0, 0.5), X + 3 * SCORE + math.sqrt(3) * Z[0])


def test_reverse_diffusion_is_song_s_on_vp():
    """(2 − √(1 − β)) x + β s + √β z with β = 1 − (α_t/α_s)²."""
    a = math.exp(-(VP().integral(0.5) - VP().integral(0.4)).item() / 2)
    beta = 1 - a**2
    close(moved(ReverseDiffusion(), 0.5, 0.4), (2 - a) * X + beta * SCORE + math.sqrt(beta) * Z[0])


@each_schedule
def test_equal_methods_under_two_names(schedule):
    """DDIM(1) = DDPM small; DDIM(0) = Euler in τ = DPM-Solver++(1); on VE DDPM is reverse diffusion."""
    model, x = (
        exact_model(P2),
        torch.randn(9, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)),
    )
    z = torch.randn(1, 9, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for t, s in ((1.0, 0.9), (0.5, 0.3), (0.1, 0.05)):
        given = {"t": t, "s": s, "x": x, "model": model}
        close(
            moved(DDIM(schedule, eta=1.0), z=z, **given),
            moved(DDPM(schedule, variance="small"), z=z, **given),
            1e-9,
        )
        ddim = moved(DDIM(schedule), z=z, **given)
        close(moved(DPMSolver2M(schedule), z=z[:0], **given), ddim, 1e-9, 1e-10)
        (a, b), (c, d) = ((f(t), f(s)) for f in (schedule.alpha, schedule.sigma))
        noise = -c * model.score(x, a.item(), c.item())
        close(b * (x / a + (d / b - c / a) * noise), ddim, 1e-9, 1e-10)
        if isinstance(schedule, VE):
            large = moved(DDPM(schedule, variance="large"), z=z, **given)
            close(moved(ReverseDiffusion(schedule), z=z, **given), large, 1e-9, 1e-10)


def test_the_last_step_of_ddim_heun_and_dpm_solver_is_tweedie_s():
    """To σ = 0 each lands on E[x₀ | x], one evaluation more."""
    model = exact_model(P7)
    for family in (DDIM, DDPM, Heun, DPMSolver2M):
        trajectory = family(schedule=VP(), steps=8).run(
            model, X.expand(4, 2), torch.Generator().manual_seed(0)
        )
        alpha, sigma = VP().alpha(1e-3).item(), VP().sigma(1e-3).item()
        before, after = trajectory.states[-2:]
        posterior = P7.diffused(alpha, sigma)
        close(after, (before + sigma**2 * posterior.score(before)) / alpha)
        assert (trajectory.alphas[-1].item(), trajectory.sigmas[-1].item()) == (1.0, 0.0)


def test_heun_is_edm_s():
    """Algorithm 2 of Karras et al. written with their denoiser, churn and all, for N(0, 4) data."""

    def denoiser(x, sigma):
        return x * 4 / (4 + sigma**2)

    sampler = Heun(schedule=VE(0.01, 10.0), steps=5, churn=3.0, churn_noise=1.007, churn_to=8.0)
    model = exact_model(mixture([1.0], [[0.0, 0.0]], [4.0]))
    times = sampler.times().tolist()
    sigmas = [0.01 * 1000**t for t in times]
    x = 3 * X
    state = State(x)
    for t, s, sigma, goal in zip(times, times[1:], sigmas, sigmas[1:], strict=False):
        gamma = min(3.0 / 5, math.sqrt(2) - 1) if sigma <= 8 else 0.0
        raised = sigma * (1 + gamma)
        raised_x = x + math.sqrt(raised**2 - sigma**2) * 1.007 * Z[0]
        d = (raised_x - denoiser(raised_x, raised)) / raised
        euler = raised_x + (goal - raised) * d
        x = raised_x + (goal - raised) / 2 * (d + (euler - denoiser(euler, goal)) / goal)
        state = sampler.step(model, state, t, s, Z)
    close(state.x, x, rtol=1e-11)
    last = sigmas[-1]
    close(sampler.finish(model, state).x, x + (0 - last) * (x - denoiser(x, last)) / last, rtol=1e-11)
    assert sampler.finish(model, state).evaluations == 2 * 5 - 1


def test_dpm_solver_is_lu_s():
    """Algorithm 2 with the denoiser of N(0, 4) data, its steps uneven: h = 1.5 then .5 in λ."""
    vp = VP()
    lambdas = [-1.0, 0.5, 1.0]
    times = [vp.time_at(torch.tensor(value, dtype=torch.float64)).item() for value in lambdas]
    alphas = [1 / math.sqrt(1 + math.exp(-2 * value)) for value in lambdas]
    sigmas = [1 / math.sqrt(1 + math.exp(2 * value)) for value in lambdas]
    model = exact_model(mixture([1.0], [[0.0, 0.0]], [4.0]))

    def denoiser(x, a, c):
        return x * 4 * a / (4 * a**2 + c**2)

    first = denoiser(X, alphas[0], sigmas[0])
    x = sigmas[1] / sigmas[0] * X - alphas[1] * (math.exp(-1.5) - 1) * first
    second = denoiser(x, alphas[1], sigmas[1])
    mixed = (1 + 1 / (2 * 3)) * second - 1 / (2 * 3) * first  # r = 1.5/.5
    expected = sigmas[2] / sigmas[1] * x - alphas[2] * (math.exp(-0.5) - 1) * mixed
    sampler = DPMSolver2M(schedule=vp)
    state = sampler.step(model, State(X), times[0], times[1], Z[:0])
    close(state.x, x, rtol=1e-10)
    close(sampler.step(model, state, times[1], times[2], Z[:0]).x, expected, rtol=1e-10)


def test_the_corrector_s_step():
    """h = 2a (r mean‖z‖/mean‖s‖)², means over the particles; a = 1 − β on VP, 1 on VE."""
    x = torch.tensor([[3.0, 4.0], [0.0, 5.0]], dtype=torch.float64)
    z = torch.tensor([[[1.0, 0.0], [0.0, 3.0]]], dtype=torch.float64)
    score = -x / 2  # norms 2.5 and 2.5, of z 1 and 3
    corrector = LangevinCorrector(signal_to_noise=0.5)
    for schedule, a in ((VE(0.5, 2.0), 1.0), (VP(), (VP().alpha(0.5) / VP().alpha(0.4)).item() ** 2)):
        h = 2 * a * (0.5 * 2 / 2.5) ** 2
        only = PredictorCorrector(Hold(schedule), corrector)
        close(moved(only, 0.5, 0.4, z, x), x + h * score + math.sqrt(2 * h) * z[0])
        level = only.level(0.4)
        state = AnnealedCorrector(signal_to_noise=0.5).step(MODEL, State(x), level, a, z[0])
        h = 2 * a * (0.5 * level.sigma) ** 2
        close(state.x, x + h * score + math.sqrt(2 * h) * z[0])


def test_predictor_then_corrector():
    """One step is the predictor's, then the corrector's; without corrections only the first."""
    model, generator = exact_model(P7), torch.Generator().manual_seed(0)
    x, z = (
        torch.randn(7, 2, dtype=torch.float64, generator=generator),
        torch.randn(3, 7, 2, dtype=torch.float64, generator=generator),
    )
    for predictor in (ReverseDiffusion(SubVP()), DDPM(VE(0.01, 20.0)), DPMSolver2M(VP())):
        both = PredictorCorrector(predictor, AnnealedCorrector(), corrections=2)
        draws = z[: both.draws]
        state = predictor.step(model, State(x), 0.5, 0.4, draws[: predictor.draws])
        now, then = predictor.level(0.5), predictor.level(0.4)
        for draw in draws[predictor.draws :]:
            state = AnnealedCorrector().step(model, state, then, (now.alpha / then.alpha) ** 2, draw)
        close(both.step(model, State(x), 0.5, 0.4, draws).x, state.x)
        alone = replace(both, corrections=0).run(model, x, torch.Generator().manual_seed(1))
        expected = predictor.run(model, x, torch.Generator().manual_seed(1))
        assert torch.equal(alone.states, expected.states)
        assert alone.evaluations[-1] == expected.evaluations[-1]


def test_corrector_only_is_annealed_langevin():
    """No predictor and the step from σ with 2r² = h/σ²: the ladder of SMLD, one step per level."""
    model, ve = exact_model(P7), VE(0.05, 20.0)
    x = 20 * torch.randn(9, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    only = PredictorCorrector(Hold(ve, steps=10), AnnealedCorrector(signal_to_noise=0.25))
    annealed = AnnealedLangevin(ve, levels=11, inner=1, ratio=2 * 0.25**2)
    corrected = only.run(model, x, torch.Generator().manual_seed(5))
    # The ladder also walks once at its first level, where the corrector has not yet arrived.
    state = State(x)
    generator = torch.Generator().manual_seed(5)
    times = annealed.times()[1:].tolist()
    for t, s in pairwise(times):
        state = annealed.step(model, state, t, s, annealed.noise(x, generator))
    close(corrected.states[-2], state.x)


def test_grids_are_used():
    """A sampler's clock is its grid's."""
    sampler = DPMSolver2M(schedule=VP(), grid=Karras(5.0), steps=9)
    assert torch.equal(sampler.times(), Karras(5.0).times(VP(), 8))
    assert torch.equal(Euler(grid=UniformLogSNR(), steps=9).times(), UniformLogSNR().times(VP(), 9))
