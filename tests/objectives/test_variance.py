"""The spread of each loss per sample, on the noised mixtures P2 and Q2, against known values."""

import pytest
import torch

from gmviz.models import ExactScore
from gmviz.objectives import DSM, GAUSSIAN, ISM, PROBES, RADEMACHER, SSM, SSMVR, AntitheticDSM
from gmviz.pairs import P2, Q2

N = 60_000
SD = {
    0.02: (3.011, 3.096, 4.321, 3.445, 4.972, 2499.0),
    0.1: (2.918, 3.000, 4.209, 3.345, 4.833, 99.5),
    0.5: (1.580, 1.631, 2.567, 1.891, 2.812, 3.51),
    1.0: (0.622, 0.638, 1.213, 0.819, 1.259, 0.608),
    2.0: (0.204, 0.205, 0.440, 0.287, 0.446, 0.064),
}


def losses(objective, q, generator, n=N):
    x = P2.sample(n, generator)
    return objective.losses(ExactScore(q), x, objective.draw(x, generator), P2)


def spread(values):
    """The standard deviation and its standard error, by the delta method."""
    centred = values - values.mean()
    variance = centred.square().mean()
    error = ((centred**4).mean() - variance**2).sqrt() / len(values) ** 0.5
    return variance.sqrt().item(), (error / (2 * variance.sqrt())).item()


@pytest.mark.parametrize("sigma", SD)
def test_spread_of_the_loss_per_sample(generator, sigma):
    objectives = (
        ISM(sigma=sigma),
        SSMVR(sigma=sigma, probes=RADEMACHER),
        SSMVR(sigma=sigma, probes=GAUSSIAN),
        SSM(sigma=sigma, probes=RADEMACHER),
        SSM(sigma=sigma, probes=GAUSSIAN),
        DSM(sigma=sigma),
    )
    q = Q2.noised(sigma)
    for objective, expected in zip(objectives, SD[sigma], strict=True):
        sd, error = spread(losses(objective, q, generator))
        rounding = 0.5 * 10.0**-3 if expected < 50 else 0.5 * 10.0**-1
        if expected > 1000:
            rounding = 0.5
        assert abs(sd - expected) < 4 * error + rounding, (objective.label, sd, expected, error)


def test_the_spread_of_denoising_grows_as_one_over_sigma_squared(generator):
    """sd → √(d/2)/σ², and the antithetic mean has none of it: the spread of ISM's order remains."""
    q = Q2.noised(0.02)
    sd, error = spread(losses(DSM(sigma=0.02), q, generator))
    assert abs(0.02**2 * sd - 0.9998) < 4 * 0.02**2 * error + 5e-5
    # ¼‖·‖² leaves the constant ‖z‖²/(2σ²), which carries no gradient
    x = P2.sample(N, generator)
    objective = AntitheticDSM(sigma=0.02)
    draw = objective.draw(x, generator)
    rest = objective.losses(ExactScore(q), x, draw) - draw.noise.square().sum(-1) / (2 * 0.02**2)
    sd, error = spread(rest)
    assert sd < 1.6 * 3.011 + 4 * error


@pytest.mark.parametrize("probes", PROBES, ids=lambda p: p.name)
def test_variance_over_the_probes_has_its_closed_form(generator, probes):
    """Var(vᵀJv): 2‖M‖² Gaussian, 2 Σ_{i≠j} M_ij² Rademacher, 2d/(d + 2) ‖M − (tr M/d) I‖² sphere."""
    M = torch.tensor([[-1.0, 0.7, 0.2], [0.7, 0.4, -0.3], [0.2, -0.3, -2.0]], dtype=torch.float64)
    d = 3
    v = probes.draw((400_000, d), generator, torch.float64)
    values = ((v @ M) * v).sum(-1)
    free = M - M.trace() / d * torch.eye(d)
    expected = {
        "gaussian": 2 * M.square().sum(),
        "rademacher": 2 * (M.square().sum() - M.diagonal().square().sum()),
        "sphere": 2 * d / (d + 2) * free.square().sum(),
    }[probes.name]
    sd, error = spread(values)
    assert abs(sd - expected.sqrt()) < 4 * error
    assert abs(values.mean() - M.trace()) < 4 * sd / len(v) ** 0.5
    covariance = v.mT @ v / len(v)
    assert (covariance - torch.eye(d)).abs().max() < 4 * 2**0.5 / len(v) ** 0.5
    if probes.name == "sphere":
        torch.testing.assert_close(v.square().sum(-1), torch.full((len(v),), 3.0).double())


def test_slices_divide_the_variance_of_the_probes(generator):
    """Var = Var(ISM) + Var(probes)/m at any number m of slices."""
    q = Q2.noised(0.5)
    one, many = (losses(SSMVR(sigma=0.5, probes=GAUSSIAN, slices=m), q, generator) for m in (1, 8))
    sd, error = spread(many)
    inner = 1.580**2
    expected = (inner + (2.567**2 - inner) / 8) ** 0.5
    assert abs(sd - expected) < 4 * error + 2e-3
    assert one.std() > sd
