"""Every objective: the mean loss plus its constant is the divergence it says it estimates."""

from dataclasses import replace

import pytest
import torch

from gmviz.models import ExactDensity, ExactScore, Need
from gmviz.networks import Architecture, Head
from gmviz.objectives import FDSSM, ISM, OBJECTIVES, PROBES, RADEMACHER, SSM, SSMVR, Draw, Sliced
from gmviz.quadrature import Grid
from tests.objectives.laws import PAIRS, noise_given

SIGMA = 0.3
N = 20_000
BAD = [("sigma", -0.1), ("sigma", float("nan")), ("sigma", 7.0), ("slices", 0), ("epsilon", 0.0)]
IDS = [objective.name for objective in OBJECTIVES]


def at_noise(objective, sigma):
    """The objective at a noise level, with a difference step whose bias is below the error bars."""
    fine = {"epsilon": 0.01} if hasattr(objective, "epsilon") else {}
    return replace(objective, sigma=sigma, **fine)


def exact(objective, q):
    return ExactDensity(q) if Need.LOG_DENSITY in objective.needs else ExactScore(q)


def variants():
    """Every objective, with every law of probes and several slices where it has them."""
    for objective in OBJECTIVES:
        yield objective
        if isinstance(objective, Sliced):
            for probes in PROBES:
                yield replace(objective, probes=probes, slices=3 if probes is RADEMACHER else 1)


@pytest.fixture(scope="module")
def grids():
    return {
        name: Grid.covering(p.noised(SIGMA), reach=10.0 if p.dimension == 2 else 7.0)
        for name, (p, _) in PAIRS.items()
    }


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("objective", list(variants()), ids=lambda o: o.name)
def test_mean_loss_plus_offset_is_the_divergence(generator, grids, objective, pair):
    p, q = PAIRS[pair]
    objective = at_noise(objective, SIGMA)
    x = p.sample(N, generator)
    losses = objective.losses(exact(objective, q), x, objective.draw(x, generator), p)
    assert losses.shape == (N,)
    truth = objective.estimates(p.noised(SIGMA), q, grids[pair])
    offset = objective.offset(p)
    assert max(truth.error, offset.error) < 1e-5
    error = losses.std() / N**0.5
    assert abs(losses.mean() + offset.value - truth.value) < 4 * error


@pytest.mark.parametrize("objective", [FDSSM(epsilon=0.01, sigma=SIGMA)], ids=["log-density form"])
@pytest.mark.parametrize("pair", PAIRS)
def test_fd_ssm_of_a_log_density(generator, grids, objective, pair):
    p, q = PAIRS[pair]
    x = p.sample(N, generator)
    losses = objective.losses(ExactDensity(q), x, objective.draw(x, generator), p)
    truth = objective.estimates(p.noised(SIGMA), q, grids[pair])
    assert abs(losses.mean() + objective.offset(p).value - truth.value) < 4 * losses.std() / N**0.5


@pytest.mark.parametrize("name", ["gaussian-2d", "mixture-2d"])
@pytest.mark.parametrize("objective", OBJECTIVES, ids=IDS)
def test_without_sampling_the_contract_is_exact(name, objective):
    """Quadrature over x̃, all four sign probes and the conditional moments of the noise: no error bars."""
    p, q = PAIRS[name]
    objective = at_noise(objective, SIGMA)
    grid = Grid.covering(p.noised(SIGMA), reach=9.0)
    mass = p.noised(SIGMA).log_prob(grid.nodes).exp()
    signs = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64).unsqueeze(1).expand(2, len(mass), 2)
    probes = signs if isinstance(objective, Sliced) else signs[:0]
    total = 0.0
    noises = noise_given(p, SIGMA, grid.nodes)
    if objective.name == "dsm-antithetic":
        pytest.skip("its second point is not the node: the sampled contract covers it")
    for z in noises:
        losses = objective.losses(exact(objective, q), grid.nodes - SIGMA * z, Draw(z, probes), p)
        total = total + grid.integrate(mass * losses).value / len(noises)
    truth = objective.estimates(p.noised(SIGMA), q, grid)
    slack = 1e-4 if hasattr(objective, "epsilon") else 1e-9
    assert abs(total + objective.offset(p).value - truth.value) < slack


@pytest.mark.parametrize("objective", OBJECTIVES, ids=IDS)
def test_at_the_truth_the_divergence_is_zero(generator, objective):
    p, _ = PAIRS["mixture-2d"]
    objective = at_noise(objective, 0.5)
    x = p.sample(N, generator)
    losses = objective.losses(exact(objective, p.noised(0.5)), x, objective.draw(x, generator), p)
    assert abs(losses.mean() + objective.offset(p).value) < 4 * losses.std() / N**0.5 + 1e-12


@pytest.mark.parametrize("objective", OBJECTIVES, ids=IDS)
def test_nothing_is_changed_and_the_same_draw_gives_the_same_losses(generator, objective):
    p, q = PAIRS["mixture-2d"]
    x = p.sample(50, generator)
    draw = objective.draw(x, generator)
    before = x.clone(), draw.noise.clone(), draw.probes.clone()
    first = objective.losses(exact(objective, q), x, draw, p)
    again = objective.losses(exact(objective, q), x, draw, p)
    assert torch.equal(first, again)
    assert all(torch.equal(a, b) for a, b in zip(before, (x, draw.noise, draw.probes), strict=True))


@pytest.mark.parametrize("objective", OBJECTIVES, ids=IDS)
def test_a_batch_of_models_is_its_members(generator, objective):
    p, _ = PAIRS["mixture-2d"]
    shape, head = Architecture(width=8, depth=1, frequencies=16), Head.ENERGY
    grid = Grid.covering(p, step=0.4, reach=5.0)
    seeds = [torch.Generator().manual_seed(seed) for seed in (1, 2, 3)]
    net = shape.draw(head, p.mean(), 1.3, seeds, grid)
    x = p.sample(60, generator).unflatten(0, (3, 20))
    draw = objective.draw(x, generator)
    together = objective.losses(net, x, draw, p)
    assert together.shape == (3, 20)
    for index in range(3):
        alone = Draw(draw.noise[index], draw.probes[:, index])
        losses = objective.losses(net.member(index), x[index], alone, p)
        torch.testing.assert_close(losses, together[index], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("head", Head)
@pytest.mark.parametrize("objective", OBJECTIVES, ids=IDS)
def test_the_declared_work_is_what_is_done(generator, objective, head, monkeypatch):
    """Evaluations and tangents per point, counted where the network does them."""
    p, _ = PAIRS["mixture-2d"]
    if objective.refusal(head.provides, p):
        return
    grid = Grid.covering(p, step=1.0, reach=3.0)
    net = Architecture(width=8, depth=1, frequencies=16).draw(head, p.mean(), 1.0, [generator], grid)
    counts = [0, 0]

    def count(self, x):
        counts[0] += x.shape[-2]
        return (x - self.centre) / self.spread

    directions = type(net)._directions

    def count_tangents(self, u, v):
        counts[1] += len(v) * u.shape[-2]
        return directions(self, u, v)

    monkeypatch.setattr(type(net), "_standardised", count)
    monkeypatch.setattr(type(net), "_directions", count_tangents)
    x = p.sample(50, generator)
    objective.losses(net, x, objective.draw(x, generator), p)
    nodes = len(grid.nodes) if objective.name in ("kl", "squared-log-ratio") else 0
    work = objective.work(head.provides, 2)
    assert counts == [work.evaluations * 50 + nodes, work.tangents * 50]


def test_which_objective_runs_where():
    energy, score = Head.ENERGY.provides, Head.SCORE.provides
    p, _ = PAIRS["mixture-2d"]
    runs = {
        o.name: (not o.refusal(score, p), not o.refusal(energy, p), not o.refusal(energy, None))
        for o in OBJECTIVES
    }
    assert runs == {
        "esm": (True, True, False),
        "ism": (True, True, True),
        "dsm": (True, True, True),
        "dsm-antithetic": (True, True, True),
        "ssm": (True, True, True),
        "ssm-vr": (True, True, True),
        "fd-ssm": (True, True, True),
        "fd-dsm": (False, True, True),
        "kl": (False, True, True),
        "squared-log-ratio": (False, True, False),
    }


@pytest.mark.parametrize(
    "objective", [o for o in OBJECTIVES if Need.LOG_DENSITY in o.needs], ids=lambda o: o.name
)
def test_a_refusal_says_what_to_choose(generator, objective):
    p, q = PAIRS["mixture-2d"]
    x = p.sample(5, generator)
    with pytest.raises(ValueError, match="needs log q: choose an energy network"):
        objective.losses(ExactScore(q), x, objective.draw(x, generator), p)


@pytest.mark.parametrize("name", ["esm", "squared-log-ratio"])
def test_an_objective_without_its_truth_says_so(generator, name):
    (objective,) = (o for o in OBJECTIVES if o.name == name)
    p, q = PAIRS["mixture-2d"]
    x = p.sample(5, generator)
    with pytest.raises(ValueError, match="needs the true density, which uploaded points do not have"):
        objective.losses(ExactDensity(q), x, objective.draw(x, generator))


@pytest.mark.parametrize("objective", OBJECTIVES, ids=IDS)
@pytest.mark.parametrize(("field", "value"), BAD)
def test_knobs_out_of_range_name_themselves(objective, field, value):
    if hasattr(objective, field):
        with pytest.raises(ValueError, match=f"{field} must be "):
            replace(objective, **{field: value})


def test_denoising_needs_noise():
    for objective in OBJECTIVES:
        if "dsm" in objective.name:
            with pytest.raises(ValueError, match=r"sigma must be a number from 0\.005"):
                replace(objective, sigma=0.0)
        else:
            assert replace(objective, sigma=0.0).sigma == 0


def test_every_objective_introduces_itself():
    assert len({o.name for o in OBJECTIVES}) == len({o.label for o in OBJECTIVES}) == len(OBJECTIVES) == 10
    for objective in OBJECTIVES:
        assert all((objective.formula, objective.reference, objective.needs))
        orders = [objective.work(head.provides, 2).order for head in Head]
        assert orders[0] <= orders[1] <= 2


def test_ism_probed_along_the_axes_is_ssm_vr(generator):
    """The trace is the sum over axes: slices √d e_i, one of each, give ISM itself."""
    p, q = PAIRS["mixture-3d"]
    x = p.sample(20, generator)
    noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
    axes = (3**0.5 * torch.eye(3, dtype=x.dtype)).unsqueeze(1).expand(3, 20, 3)
    ism = ISM(sigma=SIGMA).losses(ExactScore(q), x, Draw(noise, axes[:0]))
    for sliced in (SSM(sigma=SIGMA, slices=3), SSMVR(sigma=SIGMA, slices=3)):
        torch.testing.assert_close(sliced.losses(ExactScore(q), x, Draw(noise, axes)), ism)
