"""The spread of estimators in closed form: known values, samples, probes, and the data that have edges."""

import pytest
import torch

from gmviz.boxes import Boxes
from gmviz.estimator_noise import EstimatorNoise, Scaled, probe_variance
from gmviz.models import ExactScore
from gmviz.objectives import (
    DSM,
    ESM,
    FDSSM,
    GAUSSIAN,
    ISM,
    PROBES,
    RADEMACHER,
    SPHERE,
    SSM,
    SSMVR,
    AntitheticDSM,
    Probes,
)
from gmviz.pairs import P2, Q2

LOSS = {  # ISM, SSM-VR Rademacher and Gaussian, SSM Rademacher and Gaussian, DSM
    0.02: (3.011, 3.096, 4.321, 3.445, 4.972, 2499),
    0.1: (2.918, 3.000, 4.209, 3.345, 4.833, 99.5),
    0.5: (1.580, 1.631, 2.567, 1.891, 2.812, 3.51),
    1.0: (0.622, 0.638, 1.213, 0.819, 1.259, 0.608),
    2.0: (0.204, 0.205, 0.440, 0.287, 0.446, 0.064),
}
GRADIENT = {0.02: (96.9, 5.35), 0.1: (19.3, 5.20), 0.5: (3.02, 2.97), 2.0: (0.149, 0.415)}  # DSM, SSM-VR


def q2(sigma):
    return EstimatorNoise(P2, sigma, ExactScore(Q2.noised(sigma)))


@pytest.mark.parametrize("sigma", LOSS)
def test_known_spreads_of_the_loss(sigma):
    noise = q2(sigma)
    estimators = (ISM(), SSMVR(), SSMVR(probes=GAUSSIAN), SSM(), SSM(probes=GAUSSIAN), DSM())
    for estimator, expected in zip(estimators, LOSS[sigma], strict=True):
        assert noise.spread(estimator).loss == pytest.approx(expected, rel=1.5e-3, abs=6e-4)


@pytest.mark.parametrize("sigma", GRADIENT)
def test_known_spreads_of_the_gradient(sigma):
    noise = q2(sigma)
    dsm, sliced = GRADIENT[sigma]
    assert noise.spread(DSM()).gradient == pytest.approx(dsm, rel=2e-3, abs=6e-4)
    assert noise.spread(SSMVR()).gradient == pytest.approx(sliced, rel=2e-3, abs=6e-4)


def test_the_law_of_small_noise():
    """DSM: σ² sd(loss) → √(d/2) and σ sd(gradient) → √E‖s‖²."""
    spread = q2(0.02).spread(DSM())
    assert 0.02**2 * spread.loss == pytest.approx(0.9998, abs=5e-5)
    assert 0.02 * spread.gradient == pytest.approx(1.939, abs=6e-4)
    assert q2(0.02).spread(ESM()).gradient == pytest.approx(3.60, abs=6e-3)


@pytest.mark.parametrize(
    "objective", [ESM(), ISM(), SSM(), SSMVR(probes=GAUSSIAN), DSM()], ids=lambda o: o.label
)
@pytest.mark.parametrize("sigma", [0.1, 1.0])
def test_samples_agree(objective, sigma, generator):
    """The losses of the library itself, and their derivative in the scale of the score, over many samples."""
    noise = q2(sigma)
    exact, sampled = noise.spread(objective), noise.sampled(objective, 40_000, generator)
    assert abs(sampled.loss - exact.loss) < 4 * sampled.loss_error
    assert abs(sampled.gradient - exact.gradient) < 4 * sampled.gradient_error
    assert exact.loss_error == 0.0


def test_the_quadratic_in_the_scale_is_exact(generator):
    """L'(1) from three values of θ is the derivative that autograd takes."""
    model, objective = ExactScore(Q2.noised(0.3)), SSM(sigma=0.3)
    x = P2.sample(50, generator)
    draw = objective.draw(x, generator)
    none, up, down = (objective.losses(Scaled(model, t), x, draw) for t in (0.0, 1.0, -1.0))
    theta = torch.ones((), dtype=torch.float64, requires_grad=True)

    class Grown(Scaled):
        def __init__(self):
            super().__init__(model, theta)

    (slope,) = torch.autograd.grad(objective.losses(Grown(), x, draw).sum(), theta)
    assert slope.item() == pytest.approx((1.5 * up + 0.5 * down - 2 * none).sum().item(), rel=1e-12)


@pytest.mark.parametrize("slices", [1, 4])
def test_slices_divide_the_variance_of_the_probes(slices):
    noise = q2(0.5)
    whole, one = noise.spread(ISM()).loss ** 2, noise.spread(SSMVR(probes=GAUSSIAN)).loss ** 2
    many = noise.spread(SSMVR(probes=GAUSSIAN, slices=slices)).loss ** 2
    assert many - whole == pytest.approx((one - whole) / slices, rel=1e-12)


@pytest.mark.parametrize("probes", PROBES, ids=lambda p: p.name)
def test_variance_of_probes(probes, generator):
    M = torch.tensor([[-1.0, 0.7, 0.2], [0.7, 0.4, -0.3], [0.2, -0.3, -2.0]], dtype=torch.float64)
    v = probes.draw((200_000, 3), generator, torch.float64)
    values = ((v @ M) * v).sum(-1)
    centred = (values - values.mean()).square()
    assert abs(centred.mean() - probe_variance(probes, M)) < 4 * centred.std() / len(v) ** 0.5


def test_the_antithetic_gradient_has_no_one_over_sigma():
    small, smaller = (q2(sigma).spread(AntitheticDSM()) for sigma in (0.04, 0.02))
    doubt = small.gradient_error + smaller.gradient_error
    assert abs(smaller.gradient - small.gradient) < 4 * doubt
    assert smaller.gradient < q2(0.02).spread(DSM()).gradient / 10
    assert smaller.loss_error > 0


def test_a_law_with_edges(generator):
    """The integration by parts is in the noise, so it holds for noised boxes as well."""
    square = Boxes(
        torch.ones(1, dtype=torch.float64), -torch.ones(1, 2).double(), torch.ones(1, 2, dtype=torch.float64)
    )
    noise = EstimatorNoise(square, 0.3, ExactScore(Q2.noised(0.3)))
    exact, sampled = noise.spread(DSM()), noise.sampled(DSM(), 40_000, generator)
    assert abs(sampled.loss - exact.loss) < 4 * sampled.loss_error
    assert abs(sampled.gradient - exact.gradient) < 4 * sampled.gradient_error


def test_what_has_no_closed_form_is_sampled():
    spread = q2(0.5).spread(FDSSM(epsilon=0.05))
    assert spread.loss_error > 0
    assert abs(spread.loss - q2(0.5).spread(SSMVR(probes=SPHERE)).loss) < 4 * spread.loss_error


def test_bad_values_are_refused():
    with pytest.raises(ValueError, match="sigma must be positive, got 0"):
        q2(0)
    with pytest.raises(ValueError, match="probes must be Rademacher, Gaussian or sphere"):
        probe_variance(Other("other", "other"), torch.eye(2))
    assert probe_variance(RADEMACHER, torch.eye(2)) == 0


class Other(Probes):
    def draw(self, shape, generator, dtype=torch.float32):
        raise NotImplementedError
