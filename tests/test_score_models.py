"""The exact model of a density against the density itself."""

import pytest
import torch

from gmviz.densities import KernelDensity
from gmviz.score_models import ExactModel, MixtureModel, ScoreModel, exact_model
from tests.samplers.laws import BIM, P2, P7, Linear, mixture

LEVELS = [(1.0, 0.0), (1.0, 0.05), (1.0, 50.0), (0.3, 0.95), (0.0066, 0.99998)]


@pytest.mark.parametrize("density", [P2, P7, BIM, mixture([0.2, 0.8], [[0.0] * 3, [9.0] * 3], [1e-4, 4.0])])
@pytest.mark.parametrize(("alpha", "sigma"), LEVELS)
def test_two_products_give_the_score_of_the_mixture(density, alpha, sigma):
    law = density.diffused(alpha, sigma)
    x = torch.cat([law.sample(200, torch.Generator().manual_seed(0)), 30 * torch.ones(1, density.dimension)])
    model = exact_model(density)
    assert isinstance(model, MixtureModel)
    scale = law.score(x).abs().max().item()
    torch.testing.assert_close(model.score(x, alpha, sigma), law.score(x), rtol=1e-9, atol=1e-11 * scale)
    value, score = model.value_and_score(x, alpha, sigma)
    torch.testing.assert_close(value, law.log_prob(x), rtol=1e-10, atol=1e-9)
    assert torch.equal(score, model.score(x, alpha, sigma))
    torch.testing.assert_close(model.log_prob(x, alpha, sigma), value)


def test_chunks_agree_with_one_piece(monkeypatch):
    x = torch.randn(1000, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    whole = exact_model(P2).value_and_score(x, 0.7, 0.4)
    monkeypatch.setattr("gmviz.score_models.CHUNK", 1000)
    parts = exact_model(P2).value_and_score(x, 0.7, 0.4)
    for a, b in zip(whole, parts, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-13)


def test_any_other_density_is_diffused():
    points = P7.sample(40, torch.Generator().manual_seed(0))
    model = exact_model(KernelDensity(points, 0.1))
    assert isinstance(model, ExactModel)
    x = P7.sample(20, torch.Generator().manual_seed(1))
    expected = KernelDensity(0.5 * points, (0.05**2 + 0.3**2) ** 0.5).score(x)
    torch.testing.assert_close(model.score(x, 0.5, 0.3), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("alpha", "sigma"), LEVELS[1:])
def test_denoised_is_the_posterior_mean(alpha, sigma):
    """Σ_k g_k [m_k + αC_k(α²C_k + σ²I)⁻¹(x − αm_k)] (Tweedie)."""
    law = P2.diffused(alpha, sigma)
    x = law.sample(30, torch.Generator().manual_seed(0))
    gain = alpha * P2.covariances @ torch.linalg.inv(law.covariances)
    posterior = P2.means + (gain @ (x[:, None, :] - alpha * P2.means)[..., None])[..., 0]
    expected = (law.responsibilities(x)[..., None] * posterior).sum(1)
    torch.testing.assert_close(exact_model(P2).denoised(x, alpha, sigma), expected, rtol=1e-8, atol=1e-8)


def test_one_conditional_score_serves_every_schedule():
    """s(x; α, σ) = s(x/α; 1, σ/α)/α."""
    x = P2.sample(30, torch.Generator().manual_seed(0))
    model = exact_model(P2)
    torch.testing.assert_close(model.score(x, 0.4, 0.6), model.score(x / 0.4, 1.0, 1.5) / 0.4)


def test_a_score_alone_has_no_log_density():
    model = Linear(1.0)
    assert isinstance(model, ScoreModel)
    with pytest.raises(TypeError, match="Linear has no log-density"):
        model.log_prob(torch.zeros(1, 2, dtype=torch.float64), 1.0, 0.0)
