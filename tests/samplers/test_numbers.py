"""What the samplers do with the exact score of three modes, in numbers that a picture will be read by.

SW₁ of 20000 exact samples is .011 ± .005, so two runs agree within 4·√2·.005 = .028 and no better.
"""

import math

import pytest
import torch

from gmviz.densities import KernelDensity
from gmviz.metrics import EnergyDistance, SlicedWasserstein, mode_weights, mode_weights_sd
from gmviz.samplers import (
    DDPM,
    AnnealedLangevin,
    DPMSolver2M,
    Euler,
    Heun,
    Hold,
    Langevin,
    PredictorCorrector,
    ProbabilityFlow,
    ReverseSDE,
)
from gmviz.schedules import VE, VP
from gmviz.score_models import exact_model
from tests.samplers.laws import BIM, P7

MODEL, SW1 = exact_model(P7), SlicedWasserstein(nodes=512)
N, SAME = 20000, 0.028
LADDER = VE(0.1, 20.0)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(n=N, d=2, seed=1):
    return torch.randn(n, d, dtype=torch.float64, generator=seeded(seed))


def end(sampler, x, seed=0, model=MODEL):
    return sampler.run(model, x, seeded(seed), frames=1).final


def sw1(sampler, x, seed=0):
    return SW1(P7, end(sampler, x, seed)).item()


@pytest.mark.slow
def test_langevin_does_not_leave_its_mode():
    """Started in the first mode, h = .02: .9965 of the mass is there after 200 steps, .9439 after 5000."""
    n = 4000
    start = P7.means[:1] + 0.4 * normal(n)
    film = Langevin(step_size=0.02, steps=5000).run(MODEL, start, seeded(), frames=25)
    for frame, there in ((1, 0.9965), (5, 0.9851), (25, 0.9439)):
        sd = math.sqrt(there * (1 - there) * (1 / n + 1 / N))
        assert mode_weights(P7, film.states[frame])[0].item() == pytest.approx(there, abs=4 * sd)


@pytest.mark.slow
def test_langevin_keeps_the_weights_of_its_start():
    """Started from N(0, I): modes (.421, .319, .261), then (.432, .323, .244); SW₁ .369, then .349."""
    film = Langevin(step_size=0.02, steps=1000).run(MODEL, normal(), seeded(), frames=5)
    for frame, modes, distance in ((1, (0.421, 0.319, 0.261), 0.369), (5, (0.432, 0.323, 0.244), 0.349)):
        sd = math.sqrt(2 * 0.25 / N)
        assert mode_weights(P7, film.states[frame]).tolist() == pytest.approx(modes, abs=4 * sd)
        assert SW1(P7, film.states[frame]).item() == pytest.approx(distance, abs=SAME)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("levels", "inner", "distance"), [(10, 20, 0.119), (10, 100, 0.0247), (20, 100, 0.0110)]
)
def test_annealing_finds_the_weights(levels, inner, distance):
    """σ from 20 to .1, ε = .004 (h = .2 σ²), compared with p at σ = .1: .119, .0247, .0110."""
    sampler = AnnealedLangevin(LADDER, levels=levels, inner=inner, ratio=0.2)
    film = sampler.run(MODEL, 20 * normal(), seeded(), frames=1)
    noisy = film.states[-2]  # before the final denoising
    assert film.sigmas[-2].item() == pytest.approx(0.1)
    assert SW1(P7.noised(0.1), noisy).item() == pytest.approx(distance, abs=SAME)
    if (levels, inner) == (20, 100):
        off = mode_weights(P7, noisy) - torch.tensor([0.597, 0.302, 0.101], dtype=torch.float64)
        assert (off.abs() < 4 * math.sqrt(2) * mode_weights_sd(P7, N)).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("steps", "sde", "ddpm", "euler"),
    [
        (10, 0.119, None, 0.0485),
        (20, 0.036, None, 0.0324),
        (50, 0.019, 0.027, 0.0238),
        (100, 0.016, 0.014, 0.0218),
    ],
)
def test_steps_against_distance_on_vp(steps, sde, ddpm, euler):
    """Euler-Maruyama with its last noise, DDPM with its large variance, the flow by Euler."""
    noisy = ReverseSDE(steps=steps).run(MODEL, normal(), seeded(), frames=1).states[-2]
    assert SW1(P7, noisy).item() == pytest.approx(sde, abs=SAME)
    assert sw1(Euler(steps=steps), normal()) == pytest.approx(euler, abs=SAME)
    if ddpm is not None:
        assert sw1(DDPM(variance="large", steps=steps), normal()) == pytest.approx(ddpm, abs=SAME)


@pytest.mark.slow
def test_few_evaluations_suffice_to_a_flow_of_second_order():
    """20 evaluations: 2M on VP is within the null, the reverse equation is not."""
    null = SW1.null(P7, N, seeded(9), repeats=5)
    second_order = sw1(DPMSolver2M().within(20), normal())
    assert second_order < null.mean + 4 * null.sd
    assert sw1(ReverseSDE().within(20), normal()) > 1.5 * second_order


@pytest.mark.slow
def test_what_predictor_and_corrector_are_good_for():
    """At equal steps the pair beats the predictor; at equal cost it does not; a corrector alone is lost."""
    start = 20 * normal()

    def read(corrections, steps, predictor=DDPM):
        pair = PredictorCorrector(predictor(schedule=LADDER, steps=steps), corrections=corrections)
        return SW1(P7, end(pair, start)).item()

    alone, pair = read(0, 20), read(1, 20)
    assert pair < 0.8 * alone
    assert read(0, 40) < pair + SAME
    assert read(1, 50, Hold) > 100 * read(1, 50)


@pytest.mark.slow
def test_equal_marginals_different_joint():
    """corr(x₁, x₀): flow (.886, .827), noise (.008, .012); two noisy runs from one x₁ differ by 2 tr Cov."""
    n = 8000
    x1 = P7.diffused(VP().alpha(1.0), VP().sigma(1.0)).sample(n, seeded(5))
    flow = ProbabilityFlow(tolerance=1e-4, intervals=1)
    ode, again = end(flow, x1), end(flow, x1, seed=1)
    sde, other = end(ReverseSDE(steps=200), x1), end(ReverseSDE(steps=200), x1, seed=1)
    null = EnergyDistance(nodes=512).null(P7, n, seeded(2), repeats=10)
    for samples in (ode, sde):
        assert EnergyDistance(nodes=512)(P7, samples).item() < null.mean + 5 * null.sd
    sd = 1 / math.sqrt(n)

    def correlation(a, b):
        return [torch.corrcoef(torch.stack([a[:, i], b[:, i]]))[0, 1].item() for i in (0, 1)]

    assert correlation(x1, ode) == pytest.approx([0.886, 0.827], abs=4 * sd)
    assert correlation(x1, sde) == pytest.approx([0.008, 0.012], abs=4 * sd)
    assert torch.equal(ode, again)
    apart = (sde - other).square().sum(-1)
    assert abs(apart.mean().item() - 8.665) < 4 * apart.std().item() * sd
    left = x1[:, 0] < 0
    assert mode_weights(P7, ode[left])[0].item() == pytest.approx(0.980, abs=0.01)
    assert mode_weights(P7, sde[left])[0].item() == pytest.approx(0.601, abs=4 * 0.5 / math.sqrt(n / 2))


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0, 2.0])
def test_a_wrong_prior_stays_with_the_flow_and_is_forgotten_by_the_noise(shift):
    """From N(δ, 1): the flow's left mass is Φ(z* − δ), z* = .51914; the reverse equation's is .70."""
    n = 6000
    model, start = exact_model(BIM), normal(n, 1, seed=3) + shift
    ode = end(ProbabilityFlow(tolerance=1e-5, intervals=1), start, model=model)
    sde = end(ReverseSDE(steps=200), start, model=model)
    kept = torch.special.ndtr(torch.tensor(0.51914 - shift)).item()
    # The flow keeps the order of the points: its left mass is a count of the starts, to the particle or two.
    assert (ode < 0).double().mean().item() == pytest.approx(
        (start < 0.51914).double().mean().item(), abs=3 / n
    )
    assert (ode < 0).double().mean().item() == pytest.approx(kept, abs=4 * 0.5 / math.sqrt(n))
    assert (sde < 0).double().mean().item() == pytest.approx(0.70, abs=4 * 0.46 / math.sqrt(n) + 0.01)


@pytest.mark.slow
def test_the_prior_of_an_exploding_schedule_matters():
    """From N(0, 20²I) the flow reads .031, from the matched normal law .011 (means of 5 sets of starts)."""
    schedule = VE(0.01, 20.0)
    flow = ProbabilityFlow(schedule, tolerance=1e-4, intervals=1)
    means = []
    for prior in (schedule.prior(P7), schedule.matched_prior(P7)):
        means.append(sum(sw1(flow, prior.sample(N, seeded(seed))) for seed in range(5)) / 5)
    assert means == pytest.approx([0.031, 0.011], abs=4 * math.sqrt(2 / 5) * 0.005)
    assert means[0] > 2 * means[1]


def test_memorised_data_against_the_true_score(generator):
    """The flow of a kernel density to σ = .005 ends on its points; that of the true score does not.

    Median distance to the nearest of 50 points: σ √(2 ln 2) = .0059, what is left of the noise, against .156.
    """
    points = P7.sample(50, generator)
    sampler = Heun(schedule=VE(0.005, 20.0), steps=60)
    kde = exact_model(KernelDensity(points, 1e-6))  # the points, as sharp as a density can be
    n = 2000
    start = VE(0.005, 20.0).matched_prior(P7).sample(n, seeded(4))
    # The last state before the final denoising, which would put every particle onto a point exactly.
    nearest = []
    for model in (kde, MODEL):
        noisy = sampler.run(model, start, seeded(), frames=1).states[-2]
        nearest.append(torch.cdist(noisy, points).amin(-1).median().item())
    assert nearest[0] == pytest.approx(0.005 * math.sqrt(2 * math.log(2)), rel=0.05)
    assert nearest[1] == pytest.approx(0.156, rel=0.2)


def test_heun_and_2m_agree_with_the_adaptive_solver():
    """Three roads to one end: the same starts land within 1e-3 at 400 evaluations, on VP and on VE."""
    for schedule in (VP(), VE(0.01, 20.0)):
        start = schedule.matched_prior(P7).sample(200, seeded(6))
        exact = end(ProbabilityFlow(schedule, tolerance=1e-8, intervals=1), start)
        for sampler in (Heun(schedule=schedule).within(400), DPMSolver2M(schedule=schedule).within(400)):
            film = sampler.run(MODEL, start, seeded(), frames=1)
            assert (film.states[-2] - exact).norm(dim=-1).median() < 1e-3
