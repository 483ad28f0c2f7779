"""The bias of the finite-difference objectives: order ε², with the coefficients of the expansion."""

import pytest
import torch

from gmviz.models import ExactDensity, ExactScore
from gmviz.objectives import DSM, FDDSM, FDSSM, ISM, SSMVR, Draw
from gmviz.pairs import P2, Q2
from gmviz.quadrature import Grid
from tests.objectives.laws import GAUSSIANS_2, circle, noise_given

SIGMA = 0.3
ANGLES = 24


def mean_loss(objective, model, p=P2):
    """E[losses] over x̃ by quadrature, directions by equal angles, the noise by its conditional moments."""
    grid = Grid.covering(p.noised(SIGMA), step=0.12, reach=7.0)
    x, mass = grid.nodes, p.noised(SIGMA).log_prob(grid.nodes).exp()
    directions = circle(ANGLES).unsqueeze(1).expand(ANGLES, *x.shape)
    noises = noise_given(p, SIGMA, x) if "dsm" in objective.name else torch.zeros(1, *x.shape, dtype=x.dtype)
    total = sum(objective.losses(model, x - SIGMA * z, Draw(z, directions)) for z in noises) / len(noises)
    return grid.integrate(mass * total).value.item()


@pytest.fixture(scope="module")
def model():
    return ExactDensity(Q2.noised(SIGMA))


@pytest.fixture(scope="module")
def exact(model):
    return {"fd-ssm": mean_loss(ISM(sigma=SIGMA), model), "fd-dsm": mean_loss(DSM(sigma=SIGMA), model)}


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        (FDSSM, {0.4: -7.609e-3, 0.1: -5.377e-4, 0.01: -5.42e-6}),
        (FDDSM, {0.4: -8.962e-3, 0.1: -6.288e-4, 0.01: -6.34e-6}),
    ],
)
def test_the_printed_bias(model, exact, family, expected):
    for epsilon, bias in expected.items():
        objective = family(sigma=SIGMA, epsilon=epsilon)
        found = mean_loss(objective, model) - exact[objective.name]
        assert abs(found - bias) < 1.5e-3 * abs(bias), (epsilon, found)


@pytest.mark.parametrize(("family", "coefficient"), [(FDSSM, -0.054221), (FDDSM, -0.063378)])
def test_the_bias_is_of_order_epsilon_squared(model, exact, family, coefficient):
    biases = []
    for epsilon in (0.08, 0.04, 0.02):
        objective = family(sigma=SIGMA, epsilon=epsilon)
        biases.append((mean_loss(objective, model) - exact[objective.name]) / epsilon**2)
    extrapolated = (4 * biases[2] - biases[1]) / 3
    assert abs(extrapolated - coefficient) < 1e-5
    # what is left beyond ε² is of order ε⁴: the next differences fall by four
    assert abs((biases[0] - biases[1]) / (biases[1] - biases[2]) - 4) < 0.1


def test_the_score_form_is_of_order_epsilon_squared_too():
    model = ExactScore(Q2.noised(SIGMA))
    exact = mean_loss(SSMVR(sigma=SIGMA), model)
    biases = [mean_loss(FDSSM(sigma=SIGMA, epsilon=e), model) - exact for e in (0.08, 0.04, 0.02)]
    assert biases[0] / biases[1] == pytest.approx(4, rel=0.02)
    assert biases[1] / biases[2] == pytest.approx(4, rel=0.02)


@pytest.mark.parametrize("family", [FDSSM, FDDSM])
@pytest.mark.parametrize("epsilon", [0.05, 0.5, 1.0])
def test_gaussian_models_have_no_bias_at_any_step(family, epsilon):
    p, q = GAUSSIANS_2
    reference = ISM(sigma=SIGMA) if family is FDSSM else DSM(sigma=SIGMA)
    expected = mean_loss(reference, ExactDensity(q), p)
    found = mean_loss(family(sigma=SIGMA, epsilon=epsilon), ExactDensity(q), p)
    assert abs(found - expected) < 1e-9


def test_at_the_truth_fd_dsm_is_biased_only_at_the_fourth_order():
    truth = ExactDensity(P2.noised(SIGMA))
    ism, dsm = mean_loss(ISM(sigma=SIGMA), truth), mean_loss(DSM(sigma=SIGMA), truth)
    sliced = [(mean_loss(FDSSM(sigma=SIGMA, epsilon=e), truth) - ism) / e**2 for e in (0.04, 0.02)]
    assert abs((4 * sliced[1] - sliced[0]) / 3 + 0.1428) < 1e-4
    denoising = [(mean_loss(FDDSM(sigma=SIGMA, epsilon=e), truth) - dsm) / e**4 for e in (0.1, 0.05)]
    assert abs((4 * denoising[1] - denoising[0]) / 3 - 0.177) < 1e-3


def test_single_precision_wants_a_step_that_is_not_too_small(generator):
    """Round-off of the log-density form is u/ε²: 6e-5 at ε = .1, 6e-3 at .01 (rms per sample)."""
    p, q = P2, Q2.noised(SIGMA)
    x = p.sample(4000, generator)
    for epsilon, expected in ((0.1, 6e-5), (0.01, 6e-3)):
        objective = FDSSM(sigma=SIGMA, epsilon=epsilon)
        draw = objective.draw(x, generator)
        small = Draw(draw.noise.float(), draw.probes.float())
        # the same float32 points in both precisions, so that only the evaluation rounds
        single = objective.losses(ExactDensity(q.to(torch.float32)), x.float(), small)
        double = objective.losses(
            ExactDensity(q), x.float().double(), Draw(small.noise.double(), small.probes.double())
        )
        error = (single.double() - double).square().mean().sqrt().item()
        assert expected / 4 < error < expected * 4, error
