"""Metrics against closed forms, a brute-force count and an independent library; every null against theory."""

import math

import pytest
import torch
from scipy.stats import wasserstein_distance

from gmviz.densities import Density, GaussianMixture, KernelDensity
from gmviz.metrics import (
    METRICS,
    MMD,
    Coverage,
    EnergyDistance,
    ModeError,
    SlicedWasserstein,
    mode_weights,
    mode_weights_sd,
    reverse_kl,
    total_variance,
)
from gmviz.projections import directions, distances, exact_lines


def normal(mean, sd) -> GaussianMixture:
    mean = torch.tensor([mean], dtype=torch.float64)
    d = mean.shape[-1]
    return GaussianMixture(torch.ones(1).double(), mean, sd**2 * torch.eye(d).double()[None])


@pytest.fixture
def three_modes() -> GaussianMixture:
    means = torch.tensor([[-2.0, 0.0], [2.0, 1.0], [0.5, -2.0]], dtype=torch.float64)
    weights = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)
    return GaussianMixture(weights, means, 0.16 * torch.eye(2, dtype=torch.float64).expand(3, 2, 2))


class OnlyValues(Density):
    """A density that hides that it is a mixture."""

    def __init__(self, inner):
        self.inner = inner

    dimension = property(lambda self: self.inner.dimension)

    def log_prob(self, x):
        return self.inner.log_prob(x)

    def value_and_score(self, x):
        return self.inner.value_and_score(x)

    def hessian(self, x):
        return self.inner.hessian(x)

    def sample(self, n, generator):
        return self.inner.sample(n, generator)

    def diffused(self, alpha, sigma):
        return OnlyValues(self.inner.diffused(alpha, sigma))

    def mean(self):
        return self.inner.mean()

    def covariance(self):
        return self.inner.covariance()

    def bounds(self, reach=10.0):
        return self.inner.bounds(reach)

    def smallest_sd(self):
        return self.inner.smallest_sd()

    def resolution(self):
        return self.inner.resolution()

    def to(self, dtype):
        return OnlyValues(self.inner.to(dtype))


def test_directions_average_the_length_of_a_projection():
    """E_u |u·v| = |v|/c_d with c = 1, π/2, 2: what links the sliced energy distance to the full one."""
    for d, c in ((1, 1.0), (2, math.pi / 2), (3, 2.0)):
        u = directions(d, 256)
        v = torch.arange(1, d + 1, dtype=torch.float64)
        assert torch.allclose(u.norm(dim=-1), torch.ones(()).double())
        assert ((u @ v).abs().mean() * c).item() == pytest.approx(v.norm().item(), rel=1e-3)


def test_exact_lines_are_distribution_functions(three_modes):
    lines = exact_lines(three_modes, directions(2, 4), 2001)
    x = three_modes.sample(200000, torch.Generator().manual_seed(1)) @ directions(2, 4).mT
    share = (x.mT[:, :, None] <= lines.nodes[:, None, ::100]).double().mean(1)
    assert (share - lines.values[:, ::100]).abs().max() < 5 * 0.5 / math.sqrt(200000)
    assert lines.values[:, 0].max() < 1e-12
    assert (1 - lines.values[:, -1]).abs().max() < 1e-12


def test_w1_of_few_points_against_scipy(generator):
    """Three points against N(0,1): scipy's W₁ to a million equally likely quantiles."""
    points = torch.tensor([[-1.3], [0.2], [9.7]], dtype=torch.float64)  # the last lies beyond the line's end
    share = (torch.arange(1000000, dtype=torch.float64) + 0.5) / 1000000
    oracle = wasserstein_distance(points[:, 0].numpy(), torch.special.ndtri(share).numpy())
    read = SlicedWasserstein(nodes=4096)(normal([0.0], 1.0), points)
    assert read.item() == pytest.approx(oracle, rel=1e-3)


def test_w1_of_a_shift_is_the_shift():
    """Quantiles of N(0,1) moved by 0.7: W₁ = 0.7; in the plane a shift v reads E|u·v| = 2|v|/π."""
    share = (torch.arange(100000, dtype=torch.float64) + 0.5) / 100000
    x = torch.special.ndtri(share)[:, None] + 0.7
    assert SlicedWasserstein()(normal([0.0], 1.0), x).item() == pytest.approx(0.7, abs=1e-4)
    far = torch.full((1, 2), 300.0, dtype=torch.float64)
    shifted = SlicedWasserstein()(normal([0.0, 0.0], 1e-3), far).item()
    assert shifted == pytest.approx(300 * math.sqrt(2) * 2 / math.pi, rel=1e-3)


def test_energy_distance_of_one_point_in_closed_form():
    """X = x, Y ~ N(0, I₂): 2E|x−Y| − E|Y−Y'|, both by Rice's mean."""
    for r in (0.0, 0.8, 3.0):
        half = r**2 / 4
        bessel = (1 + 2 * half) * torch.special.i0e(torch.tensor(half).double()).item()
        bessel += 2 * half * torch.special.i1e(torch.tensor(half).double()).item()
        rice = math.sqrt(math.pi / 2) * bessel
        oracle = 2 * rice - math.sqrt(math.pi)
        x = torch.tensor([[r, 0.0]], dtype=torch.float64)
        assert EnergyDistance(256, 4096)(normal([0.0, 0.0], 1.0), x).item() == pytest.approx(oracle, rel=1e-3)


def test_energy_distance_against_all_pairs(three_modes, generator):
    """Biased samples read what the pairs of a large exact sample read, within its standard error."""
    x = normal([0.0, 0.3], 1.2).sample(400, generator)
    y = three_modes.sample(8000, generator)
    between = torch.cdist(x, y).mean()
    oracle = 2 * between - torch.cdist(x, x).mean() - torch.cdist(y[:4000], y[4000:]).mean()
    assert EnergyDistance(256)(three_modes, x).item() == pytest.approx(oracle.item(), abs=0.03)


def test_mmd_of_normals_in_closed_form(generator):
    """Point x, N(0, s²I₂): 1 − 2a exp(−|x|²/2(ℓ²+s²)) + b, a = ℓ²/(ℓ²+s²), b = ℓ²/(ℓ²+2s²)."""
    ell, s, r2 = 0.7, 1.3, 2.0
    x = torch.tensor([[1.0, 1.0]], dtype=torch.float64)
    a, b = ell**2 / (ell**2 + s**2), ell**2 / (ell**2 + 2 * s**2)
    oracle = 1 - 2 * a * math.exp(-r2 / (2 * (ell**2 + s**2))) + b
    assert MMD(ell)(normal([0.0, 0.0], s), x).item() == pytest.approx(oracle, abs=1e-12)


def test_mmd_by_quadrature_equals_the_closed_form(three_modes):
    hidden = MMD(0.5).self_similarity(OnlyValues(three_modes))
    assert hidden.item() == pytest.approx(MMD(0.5).self_similarity(three_modes).item(), abs=1e-10)


def test_mmd_against_all_pairs(three_modes, generator):
    x = three_modes.sample(300, generator) + 0.2
    y = three_modes.sample(6000, generator)

    def k(a, b):
        return (-torch.cdist(a, b).square() / 2).exp().mean().item()

    oracle = k(x, x) - 2 * k(x, y) + k(y[:3000], y[3000:])
    assert MMD(1.0)(three_modes, x).item() == pytest.approx(oracle, abs=0.01)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_batches_equal_single_calls(metric, three_modes, generator):
    """A track is one call: laws (T,) meet sets of samples (T, n, d)."""
    sigma = torch.tensor([0.1, 1.0, 5.0], dtype=torch.float64)
    laws = three_modes.noised(sigma)
    x = laws.sample(500, generator)
    singles = [metric(three_modes.noised(s), each) for s, each in zip(sigma.tolist(), x, strict=True)]
    assert torch.allclose(metric(laws, x), torch.stack(singles), atol=1e-12)


@pytest.mark.parametrize("metric", [SlicedWasserstein(), EnergyDistance()], ids=lambda metric: metric.name)
def test_a_density_without_components_is_integrated(metric, three_modes, generator):
    x = normal([0.0, 0.0], 2.0).sample(1000, generator)
    assert metric(OnlyValues(three_modes), x).item() == pytest.approx(metric(three_modes, x).item(), rel=0.01)


def test_null_of_the_energy_distance(three_modes, generator):
    """n exact samples read E|Y−Y'|/n on average."""
    n, repeats = 500, 60
    null = EnergyDistance().null(three_modes, n, generator, repeats)
    y = three_modes.sample(8000, generator)
    oracle = torch.cdist(y[:4000], y[4000:]).mean().item() / n
    assert abs(null.mean - oracle) < 4 * null.sd / math.sqrt(repeats)


def test_null_of_mmd(three_modes, generator):
    """n exact samples read (1 − E k(Y,Y'))/n on average."""
    n, repeats = 500, 60
    metric = MMD(1.0)
    null = metric.null(three_modes, n, generator, repeats)
    oracle = (1 - metric.self_similarity(three_modes).item()) / n
    assert abs(null.mean - oracle) < 4 * null.sd / math.sqrt(repeats)


def test_null_of_w1_on_a_line(generator):
    """E W₁ of n samples on the line tends to (2/πn)^½ ∫ (F(1−F))^½ (CLT for each F̂(x))."""
    n, repeats = 2000, 60
    null = SlicedWasserstein().null(normal([0.0], 1.0), n, generator, repeats)
    x = torch.linspace(-10, 10, 20001, dtype=torch.float64)
    F = torch.special.ndtr(x)
    oracle = math.sqrt(2 / (math.pi * n)) * torch.trapezoid((F * (1 - F)).sqrt(), x).item()
    assert abs(null.mean - oracle) < 4 * null.sd / math.sqrt(repeats)


@pytest.mark.slow
def test_null_of_sw1_on_three_modes(three_modes, generator):
    """20000 exact samples read .006 to .018, .011 on average."""
    null = SlicedWasserstein().null(three_modes, 20000, generator, 20)
    assert abs(null.mean - 0.011) < 4 * null.sd / math.sqrt(20)
    assert null.n == 20000


def test_mode_weights_are_unbiased(three_modes, generator):
    n = 20000
    off = mode_weights(three_modes, three_modes.sample(n, generator)) - three_modes.weights
    assert (off.abs() < 4 * mode_weights_sd(three_modes, n)).all()


def test_sd_of_mode_weights(three_modes, generator):
    """Separated modes: (w(1−w)/n)^½; overlapping ones less, checked against repetition."""
    w = three_modes.weights
    assert torch.allclose(mode_weights_sd(three_modes, 100), (w * (1 - w) / 100).sqrt(), rtol=2e-2)
    blurred = three_modes.noised(2.0)
    read = mode_weights(blurred, torch.stack([blurred.sample(200, generator) for _ in range(400)]))
    assert torch.allclose(read.std(0), mode_weights_sd(blurred, 200), rtol=0.15)


def test_mode_error_and_coverage(three_modes):
    """All samples in the first of .6/.3/.1: 40 % of the mass is wrong and one mode of three is covered."""
    x = three_modes.means[:1].expand(50, 2)
    assert ModeError()(three_modes, x).item() == pytest.approx(0.4, abs=1e-6)
    assert Coverage()(three_modes, x).item() == pytest.approx(1 / 3)
    x = three_modes.means[[0] * 60 + [1] * 16 + [2] * 5]
    assert Coverage()(three_modes, x).item() == pytest.approx(1.0)
    assert Coverage(0.65)(three_modes, x).item() == pytest.approx(2 / 3)


def test_reverse_kl_from_samples(generator):
    """KL(N(1,1)|N(0,4)) = .4431471806."""
    q, p = normal([1.0], 1.0), normal([0.0], 2.0)
    x = q.sample(20000, generator)
    kl = reverse_kl(q.log_prob(x), p, x)
    assert abs(kl.value - 0.4431471806) < 4 * kl.standard_error
    assert kl.standard_error == pytest.approx((q.log_prob(x) - p.log_prob(x)).std().item() / math.sqrt(20000))


def test_total_variance_of_noised_data(three_modes, generator):
    """tr Cov(αx₀ + σz) = α² tr Cov₀ + dσ², which is 4.3325 at the start here."""
    assert three_modes.covariance().trace().item() == pytest.approx(4.3325)
    n = 20000
    x = three_modes.diffused(0.5, 2.0).sample(n, generator)
    assert total_variance(x).item() == pytest.approx(4.3325 / 4 + 8, rel=4 * math.sqrt(1 / n))


def test_diverged_samples_read_infinity(three_modes):
    x = torch.full((10, 2), math.nan, dtype=torch.float64)
    assert SlicedWasserstein()(three_modes, x).item() == math.inf
    assert EnergyDistance()(three_modes, x).item() == math.inf
    assert MMD()(three_modes, x).item() == math.inf
    assert ModeError()(three_modes, x).item() == math.inf


def test_a_kernel_density_is_a_mixture(three_modes, generator):
    points = three_modes.sample(50, generator)
    kde = KernelDensity(points, 0.3)
    same = GaussianMixture(kde.weights, kde.means, kde.covariances)
    x = kde.sample(300, generator)
    for metric in METRICS:
        assert metric(kde, x).item() == pytest.approx(metric(same, x).item(), abs=1e-12)


def test_refusals(three_modes):
    with pytest.raises(ValueError, match="x must be"):
        SlicedWasserstein()(three_modes, torch.zeros(5, 3).double())
    with pytest.raises(ValueError, match="density must be a mixture"):
        ModeError()(OnlyValues(three_modes), torch.zeros(5, 2).double())
    with pytest.raises(ValueError, match="dimension must be"):
        directions(4, 8)
    with pytest.raises(ValueError, match="repeats must be"):
        SlicedWasserstein().null(three_modes, 10, torch.Generator(), 1)


def test_samples_beyond_the_line_count_exactly():
    """Half of the samples at 0, half at 100 against N(0, 1e-6): W₁ = 50, ∫(F̂−F)² = 25."""
    x = torch.tensor([[0.0], [100.0]], dtype=torch.float64)
    line = normal([0.0], 1e-3)
    along = directions(1, 1)
    assert distances(line, x, along, 1024, 1).item() == pytest.approx(50, rel=1e-4)
    assert distances(line, x, along, 1024, 2).item() == pytest.approx(25, rel=1e-4)
