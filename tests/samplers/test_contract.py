"""What every sampler promises, over the whole family."""

import math
from dataclasses import replace

import pytest
import torch

from gmviz.metrics import SlicedWasserstein
from gmviz.samplers import (
    CORRECTORS,
    DDIM,
    DDPM,
    MALA,
    PREDICTORS,
    SAMPLERS,
    AnnealedLangevin,
    Euler,
    Heun,
    Hold,
    Langevin,
    LangevinCorrector,
    PredictorCorrector,
    ProbabilityFlow,
    ReverseDiffusion,
    ReverseSDE,
    State,
    probability_flow,
)
from gmviz.schedules import SCHEDULES, VE, VP
from gmviz.score_models import exact_model
from tests.samplers.laws import P7, Counting, Linear, mixture

MODEL = exact_model(P7)
VARIANTS = (
    *SAMPLERS,
    DDPM(variance="small"),
    DDIM(eta=0.5),
    Heun(churn=10.0),
    *(PredictorCorrector(predictor=each, corrections=2) for each in PREDICTORS),
    PredictorCorrector(corrector=CORRECTORS[1], corrections=3),
    PredictorCorrector(corrections=0),
)
each_sampler = pytest.mark.parametrize("sampler", VARIANTS, ids=lambda s: s.name)


def short(sampler):
    """The sampler with about a dozen evaluations."""
    if isinstance(sampler, PredictorCorrector):
        return replace(sampler, predictor=replace(sampler.predictor, steps=5))
    return sampler.within(13)


def starts(n=50, seed=0, scale=3.0):
    return scale * torch.randn(n, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@each_sampler
def test_a_step_is_pure(sampler):
    x = starts()
    kept = x.clone()
    t, s = sampler.times()[:2].tolist()
    z = sampler.noise(x, seeded())
    assert z.shape == (sampler.draws, 50, 2)
    kept_z = z.clone()
    first = sampler.step(MODEL, State(x), t, s, z)
    second = sampler.step(MODEL, State(x), t, s, z)
    assert torch.equal(x, kept)
    assert torch.equal(z, kept_z)
    assert torch.equal(first.x, second.x)
    memory = [part.clone() for part in first.memory]
    u = sampler.times()[2].item()
    sampler.step(MODEL, first, s, u, z)
    assert all(torch.equal(a, b) for a, b in zip(first.memory, memory, strict=True))


@each_sampler
def test_evaluations_are_counted_exactly(sampler):
    model = Counting(MODEL)
    trajectory = short(sampler).run(model, starts(), seeded())
    assert trajectory.stopped is None
    assert trajectory.evaluations[-1].item() == model.calls
    assert (trajectory.evaluations.diff() >= 0).all()
    assert trajectory.evaluations[0] == 0
    cost = short(sampler).cost
    assert cost is None or cost == model.calls


@each_sampler
def test_two_runs_of_one_seed_are_equal(sampler):
    first, second = (short(sampler).run(MODEL, starts(), seeded(7)) for _ in range(2))
    assert torch.equal(first.states, second.states)


@each_sampler
def test_frames_are_a_part_of_the_run(sampler):
    """Fewer frames change what is kept, not what happens: same ends, evaluations and levels."""
    whole, part = (short(sampler).run(MODEL, starts(), seeded(), frames) for frames in (None, 3))
    assert len(part.times) < len(whole.times)
    # An adaptive solver interpolates its frames, but its ends are its own.
    torch.testing.assert_close(part.final, whole.final, rtol=1e-12, atol=1e-12)
    assert torch.equal(part.states[0], whole.states[0])
    assert part.evaluations[-1] == whole.evaluations[-1]
    level = sampler.level(sampler.times()[0].item())
    assert (part.alphas[0].item(), part.sigmas[0].item()) == (level.alpha, level.sigma)


@each_sampler
def test_an_equal_budget_is_nearly_spent(sampler):
    for budget in (20, 101, 1000):
        if sampler.cost is not None:
            cost = sampler.within(budget).cost
            dearest = 10 if isinstance(sampler, AnnealedLangevin) else 4
            assert budget - dearest < cost <= budget


@each_sampler
def test_the_number_of_particles_does_not_matter_to_each(sampler):
    """Without noise a particle goes where it goes alone (norms over all particles are noise-driven too)."""
    if isinstance(sampler, ProbabilityFlow):
        return  # its error norm couples particles within the tolerance
    x = starts(6)
    t, s = sampler.times()[:2].tolist()
    together = sampler.step(MODEL, State(x), t, s, torch.zeros(sampler.draws, 6, 2, dtype=x.dtype)).x
    alone = sampler.step(MODEL, State(x[:1]), t, s, torch.zeros(sampler.draws, 1, 2, dtype=x.dtype)).x
    torch.testing.assert_close(together[:1], alone, rtol=1e-12, atol=1e-12)


@each_sampler
def test_a_score_of_nan_stops_the_run_and_says_so(sampler):
    model = Counting(MODEL, broken_from=5)
    trajectory = short(sampler).run(model, starts(), seeded())
    assert trajectory.stopped is not None
    assert "score is not finite" in trajectory.stopped.message
    assert trajectory.states.isfinite().all()
    assert len(trajectory.states) >= 1


@pytest.mark.parametrize("seed", range(3))
def test_a_chain_with_too_large_a_step_stops_and_says_which_works(seed):
    """On N(0, v) Langevin diverges for h ≥ 2v; the remedy is below that, and it does run."""
    narrow = exact_model(mixture([1.0], [[0.0, 0.0]], [0.01]))
    sampler = Langevin(step_size=0.1, steps=100)
    trajectory = sampler.run(narrow, starts(seed=seed), seeded(seed))
    stop = trajectory.stopped
    assert stop.step < 100
    assert len(trajectory.states) == stop.step
    assert trajectory.states.isfinite().all()
    assert stop.remedy.step_size < 2 * 0.01
    assert f"h = {stop.remedy.step_size:.3g} works" in stop.message
    assert stop.remedy.run(narrow, starts(seed=seed), seeded(seed)).stopped is None
    exact_edge = Langevin(step_size=0.0199, steps=100).run(narrow, starts(seed=seed), seeded(seed))
    assert exact_edge.stopped is None


def test_a_diverging_run_leaves_its_generator_where_it_stopped():
    narrow = exact_model(mixture([1.0], [[0.0, 0.0]], [0.01]))
    generator, again = seeded(), seeded()
    stopped = Langevin(step_size=0.1, steps=100).run(narrow, starts(), generator).stopped
    for _ in range(stopped.step):
        torch.empty(1, 50, 2, dtype=torch.float64).normal_(generator=again)
    assert torch.equal(generator.get_state(), again.get_state())


def test_annealed_langevin_and_corrector_have_remedies_too():
    annealed = AnnealedLangevin(ratio=5.0, inner=30).run(MODEL, starts(scale=20.0), seeded())
    assert annealed.stopped.remedy.ratio < 2
    corrector = PredictorCorrector(corrector=LangevinCorrector(signal_to_noise=2.0), corrections=20)
    assert corrector.gentler().corrector.signal_to_noise == pytest.approx(2**0.5)
    assert corrector.gentler().predictor.steps == 100


def test_the_adaptive_solver_gives_up_in_words(monkeypatch):
    """A tolerance it cannot reach in its evaluations stops it; its states are kept, and a tolerance works."""
    monkeypatch.setattr(probability_flow, "MOST_EVALUATIONS", 150)
    trajectory = ProbabilityFlow(tolerance=1e-9).run(MODEL, starts(10, scale=1.0), seeded())
    stop = trajectory.stopped
    assert "150 evaluations did not reach the end" in stop.message
    assert len(trajectory.states) > 5
    assert trajectory.evaluations[-1] <= 150
    assert 1e-9 < stop.remedy.tolerance < 1e-3
    assert stop.remedy.run(MODEL, starts(10, scale=1.0), seeded()).stopped is None


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s.name)
@pytest.mark.parametrize(
    "family",
    [ReverseSDE, ReverseDiffusion, DDPM, DDIM, Euler, Heun, PREDICTORS[6].__class__, ProbabilityFlow],
)
def test_every_sampler_on_every_schedule_reaches_the_data(family, schedule):
    """At 150 steps the sliced distance is within the null and a discretisation error of 0.1."""
    schedule = VE(0.01, 20.0) if schedule.name == "VE" else schedule
    sampler = family(schedule=schedule)
    sampler = sampler if family is ProbabilityFlow else replace(sampler, steps=150)
    generator = seeded(3)
    x = schedule.matched_prior(P7).sample(1500, generator)
    final = sampler.run(MODEL, x, generator, frames=1).final
    metric = SlicedWasserstein(nodes=512)
    null = metric.null(P7, 1500, seeded(4), repeats=5)
    assert metric(P7, final).item() < null.mean + 6 * null.sd + 0.02


@pytest.mark.parametrize("steps", [2, 5, 10, 20])
def test_few_steps_on_vp_are_no_fault(steps):
    """β_N = 20/N ≥ 1 breaks the published tables for N ≤ 20; exact α(t) does not."""
    for family in (DDPM, ReverseDiffusion, ReverseSDE):
        trajectory = family(steps=steps).run(MODEL, starts(scale=1.0), seeded())
        assert trajectory.stopped is None
        assert trajectory.states.isfinite().all()


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Langevin(step_size=0.0), "step_size"),
        (lambda: Langevin(steps=0), "steps"),
        (lambda: Langevin(sigma=-1.0), "sigma"),
        (lambda: MALA(step_size=math.inf), "step_size"),
        (lambda: AnnealedLangevin(levels=1), "levels"),
        (lambda: ReverseSDE(steps=1), "steps"),
        (lambda: DDIM(eta=1.5), "eta"),
        (lambda: DDPM(variance="medium"), "variance"),
        (lambda: Heun(churn=-1.0), "churn"),
        (lambda: Heun(churn_from=2.0, churn_to=1.0), "churn_from"),
        (lambda: LangevinCorrector(signal_to_noise=0.0), "signal_to_noise"),
        (lambda: ProbabilityFlow(tolerance=0.0), "tolerance"),
        (lambda: Heun().within(2), "budget"),
        (lambda: PredictorCorrector().within(3), "budget"),
        (lambda: PredictorCorrector(predictor=Hold(), corrections=0).within(30), "corrections"),
        (lambda: Langevin().run(MODEL, torch.zeros(3, 3, dtype=torch.float64), seeded()), "x"),
        (lambda: Langevin().run(MODEL, torch.full((3, 2), math.nan, dtype=torch.float64), seeded()), "x"),
        (lambda: Langevin().run(MODEL, starts(), seeded(), frames=0), "frames"),
        (lambda: MALA().run(Linear(1.0), starts(), seeded()), "model"),
    ],
)
def test_bad_input_is_named(make, named):
    with pytest.raises(ValueError, match=f"^{named} must be"):
        make()


def test_float32_particles_stay_float32():
    model = exact_model(P7.to(torch.float32))
    for sampler in SAMPLERS:
        sampler = replace(sampler, tolerance=1e-3) if isinstance(sampler, ProbabilityFlow) else short(sampler)
        assert sampler.run(model, starts().float(), seeded()).final.dtype == torch.float32


def test_vp_defaults_are_named_once():
    """Names are unique: they stand in links."""
    names = [sampler.name for sampler in SAMPLERS]
    assert len(set(names)) == len(names)
    assert VP() in {sampler.schedule for sampler in SAMPLERS if hasattr(sampler, "schedule")}
