"""What Langevin's chains converge to, and how slowly: exact laws on the line where possible."""

import math

import pytest
import torch

from gmviz.samplers import MALA, Langevin, State
from gmviz.samplers.langevin_kernel import LangevinKernel
from gmviz.score_models import exact_model
from tests.samplers.laws import BIM, mixture

NORMAL = mixture([1.0], [0.0], [1.0])


@pytest.mark.parametrize("v", [0.25, 1.0, 4.0])
@pytest.mark.parametrize("share", [0.01, 0.3, 1.2, 1.9])
def test_stationary_variance_is_biased_exactly(v, share):
    """On N(0, v) a step is x' = ax + bz, of stationary variance b²/(1 − a²) = v/(1 − h/2v); h = share·v."""
    model, h = exact_model(mixture([1.0], [0.0], [v])), share * v
    one, zero = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    sampler = Langevin(step_size=h)
    a = sampler.step(model, State(one), 0.0, h, zero[None]).x.item()
    b = sampler.step(model, State(zero), 0.0, h, one[None]).x.item()
    assert b**2 / (1 - a**2) == pytest.approx(v / (1 - h / (2 * v)), rel=1e-12)


def test_the_chain_reaches_that_variance():
    """20000 particles, h = v = 1: variance 2 within four standard errors, and no other moment is off."""
    n = 20000
    x = torch.randn(n, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    chain = Langevin(step_size=1.0, steps=30)
    final = chain.run(exact_model(NORMAL), x, torch.Generator().manual_seed(1), frames=1).final
    assert final.var().item() == pytest.approx(2.0, abs=4 * 2.0 * math.sqrt(2 / n))
    assert final.mean().item() == pytest.approx(0.0, abs=4 * math.sqrt(2 / n))


def test_mala_has_no_such_bias():
    """With the test, h = 1 leaves N(0, 1) as it is: variance 1 and kurtosis 3 from a wrong start."""
    n = 20000
    x = 1.3 * torch.randn(n, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    chain = MALA(step_size=1.0, steps=30)
    trajectory = chain.run(exact_model(NORMAL), x, torch.Generator().manual_seed(1), frames=1)
    final = trajectory.final
    assert final.var().item() == pytest.approx(1.0, abs=4 * math.sqrt(2 / n))
    assert final.pow(4).mean().item() == pytest.approx(3.0, abs=4 * math.sqrt(96 / n))


@pytest.mark.parametrize("h", [0.3, 1.0, 2.5])
def test_mala_is_reversible(h):
    """∫∫ over both orders of x and y agree: π(x) q(y|x) a(x, y) is symmetric, tested on drawn pairs."""
    model = exact_model(BIM)
    x = BIM.sample(400, torch.Generator().manual_seed(0))
    z = torch.randn(400, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    y = x + h * model.score(x, 1.0, 0.0) + math.sqrt(2 * h) * z

    def flow(a, b):
        """log π(a) q(b|a) α(a, b), α by bisection on u: where the step begins to be refused."""
        noise = (b - a - h * model.score(a, 1.0, 0.0)) / math.sqrt(2 * h)
        low, high = torch.full_like(a, -37.0), torch.full_like(a, 9.0)
        for _ in range(60):
            middle = (low + high) / 2
            moved = MALA(step_size=h).step(model, State(a), 0.0, h, torch.stack([noise, middle])).memory[2]
            taken = moved[:, None] > 0
            low, high = torch.where(taken, middle, low), torch.where(taken, high, middle)
        log_accept = torch.special.log_ndtr(low)
        return BIM.log_prob(a)[:, None] - noise.square() / 2 + log_accept, low > -36.0

    (forth, found), (back, found_too) = flow(x, y), flow(y, x)
    sure = found & found_too  # the others are so unlikely that u lies beyond the bisection's ends
    assert sure.double().mean() > 0.9
    torch.testing.assert_close(forth[sure], back[sure], rtol=1e-7, atol=1e-6)


@pytest.mark.parametrize(
    ("weights", "centre", "time"), [([0.5, 0.5], 1.0, 104), ([0.8, 0.2], 1.5, 736), ([0.7, 0.3], 2.0, 19415)]
)
def test_relaxation_time_grows_exponentially_in_the_barrier(weights, centre, time):
    """Steps of h = .02 until an error of the weights falls by e, bumps of sd .5 at ± 1, 1.5, 2."""
    kernel = LangevinKernel.of(mixture(weights, [-centre, centre], [0.25, 0.25]), 0.02)
    assert kernel.relaxation_time() == pytest.approx(time, abs=0.5)


def test_a_chain_started_in_the_wrong_mode():
    """Its mass and KL(ρ|p) after 100, 1000, 10⁴ and 10⁵ steps of h = .02, exactly."""
    kernel = LangevinKernel.of(BIM, 0.02)
    law = kernel.law_of(mixture([1.0], [2.0], [0.25]))
    expected = [
        (0, 0.99997, 1.2038),
        (100, 0.9964, 1.178),
        (1000, 0.9649, 1.023),
        (10**4, 0.7187, 0.372),
        (10**5, 0.3054, 0.0005),
    ]
    for steps, mass, kl in expected:
        after = kernel.after(law, steps)
        assert after.sum().item() == pytest.approx(1.0, abs=1e-9)
        assert after[kernel.nodes > 0].sum().item() == pytest.approx(mass, abs=1e-4)
        assert kernel.kl(after, BIM) == pytest.approx(kl, abs=6e-4)


def test_the_kernel_has_the_biased_variance():
    """.26042 = .25/(1 − .02/.5) instead of .25."""
    law = mixture([1.0], [0.0], [0.25])
    kernel = LangevinKernel.of(law, 0.02)
    settled = kernel.after(kernel.law_of(law), 4000)
    assert (settled * kernel.nodes.square()).sum().item() == pytest.approx(0.25 / (1 - 0.02 / 0.5), rel=1e-6)


def test_the_kernel_is_the_chain():
    """The law of 40 steps from one point against 20000 particles: F̂ within 4 · ½n^−½."""
    n, kernel = 20000, LangevinKernel.of(BIM, 0.02)
    chain = Langevin(step_size=0.02, steps=40)
    x = torch.full((n, 1), kernel.nodes[kernel.nodes > 0.3][0].item(), dtype=torch.float64)
    final = chain.run(exact_model(BIM), x, torch.Generator().manual_seed(0), frames=1).final[:, 0]
    law = kernel.after((kernel.nodes == x[0]).double(), 40)
    middle = kernel.nodes[:-1] + 0.01
    empirical = (final[:, None] <= middle).double().mean(0)
    assert (empirical - law.cumsum(0)[:-1]).abs().max() < 4 * 0.5 / math.sqrt(n)


def test_kernels_refuse_what_they_cannot_do():
    with pytest.raises(ValueError, match=r"^density must be on the line"):
        LangevinKernel.of(mixture([1.0], [[0.0, 0.0]], [1.0]), 0.02)
    with pytest.raises(ValueError, match=r"^spacing must be"):
        LangevinKernel.of(NORMAL, 1e-4, spacing=0.02)
    with pytest.raises(ValueError, match=r"^step_size must be"):
        LangevinKernel.of(NORMAL, 0.0)
