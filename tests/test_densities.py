import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.neighbors import KernelDensity as ScikitKernelDensity

import gmviz.densities.mixture as mixture
from gmviz.densities import GaussianMixture, KernelDensity
from gmviz.quadrature import gauss_hermite

f64 = torch.float64


def tensor(values) -> torch.Tensor:
    return torch.tensor(values, dtype=f64)


def random_mixture(d: int, K: int = 3, batch: tuple[int, ...] = (), seed: int = 1) -> GaussianMixture:
    generator = torch.Generator().manual_seed(seed)
    weights = torch.rand(*batch, K, dtype=f64, generator=generator) + 0.2
    means = torch.randn(*batch, K, d, dtype=f64, generator=generator)
    root = 0.4 * torch.randn(*batch, K, d, d, dtype=f64, generator=generator)
    covariances = root @ root.mT + 0.1 * torch.eye(d, dtype=f64)
    return GaussianMixture(weights / weights.sum(-1, keepdim=True), means, covariances)


def random_kernels(d: int, n: int = 7, sigma: float = 0.4) -> KernelDensity:
    return KernelDensity(points(n, d, seed=2), sigma)


def points(n: int, d: int, seed: int = 3) -> torch.Tensor:
    return torch.randn(n, d, dtype=f64, generator=torch.Generator().manual_seed(seed))


P2 = GaussianMixture(
    tensor([0.5, 0.3, 0.2]),
    tensor([[-1.5, 0.0], [1.5, 0.5], [0.0, 2.0]]),
    tensor([[[0.5, 0.2], [0.2, 0.4]], [[0.36, 0.0], [0.0, 0.36]], [[0.3, -0.1], [-0.1, 0.6]]]),
)
SMOOTH = {
    "1d": random_mixture(1),
    "p2": P2,
    "2d": random_mixture(2),
    "3d": random_mixture(3),
    "5d": random_mixture(5),
    "kernels 1d": random_kernels(1),
    "kernels 2d": random_kernels(2),
    "kernels 3d": random_kernels(3),
}
PLANE = {name: p for name, p in SMOOTH.items() if p.dimension <= 2}
every = pytest.mark.parametrize("p", SMOOTH.values(), ids=SMOOTH.keys())
in_the_plane = pytest.mark.parametrize("p", PLANE.values(), ids=PLANE.keys())


def box_rule(p) -> tuple[torch.Tensor, float]:
    """Nodes and cell of a uniform grid over ten standard deviations, a third of the finest one apart."""
    h = p.smallest_sd() / 3
    axes = [torch.arange(low, high + h, h, dtype=f64) for low, high in p.bounds(10.0).tolist()]
    return torch.cartesian_prod(*axes).reshape(-1, p.dimension), h**p.dimension


@every
def test_log_prob_is_scipys(p):
    """Sum of `scipy.stats.multivariate_normal` densities."""
    x = 2 * points(20, p.dimension)
    total = sum(
        w * stats.multivariate_normal(m.numpy(), C.numpy()).pdf(x.numpy())
        for w, m, C in zip(p.weights.tolist(), p.means, p.covariances, strict=True)
    )
    assert p.log_prob(x).numpy() == pytest.approx(np.log(total), abs=1e-12)


@in_the_plane
def test_mass_mean_and_covariance_by_quadrature(p):
    x, cell = box_rule(p)
    density = p.log_prob(x).exp() * cell
    mean = density @ x
    covariance = (density[:, None] * (x - mean)).mT @ (x - mean)
    assert density.sum().item() == pytest.approx(1, abs=1e-12)
    torch.testing.assert_close(p.mean(), mean, rtol=0, atol=1e-12)
    torch.testing.assert_close(p.covariance(), covariance, rtol=0, atol=1e-11)


@every
def test_score_is_the_gradient_of_log_prob(p):
    x = (2 * points(30, p.dimension)).requires_grad_()
    (gradient,) = torch.autograd.grad(p.log_prob(x).sum(), x)
    torch.testing.assert_close(p.score(x), gradient, rtol=1e-12, atol=1e-10)


@every
def test_hessian_is_the_jacobian_of_score(p):
    x = (2 * points(30, p.dimension)).requires_grad_()
    s = p.score(x)
    rows = [torch.autograd.grad(s[:, i].sum(), x, retain_graph=True)[0] for i in range(p.dimension)]
    torch.testing.assert_close(p.hessian(x), torch.stack(rows, dim=-2), rtol=1e-11, atol=1e-9)


@every
def test_value_and_score_are_log_prob_and_score(p):
    x = points(9, p.dimension)
    value, score = p.value_and_score(x)
    torch.testing.assert_close(value, p.log_prob(x), rtol=0, atol=1e-14)
    torch.testing.assert_close(score, p.score(x), rtol=0, atol=0)


@every
def test_responsibilities_are_posterior_probabilities(p):
    """g_k p = w_k N_k, so that the sum over components of g_k is 1."""
    x = points(6, p.dimension)
    k = 1
    joint = p.weights[k] * torch.exp(
        torch.distributions.MultivariateNormal(p.means[k], p.covariances[k]).log_prob(x)
    )
    g = p.responsibilities(x)
    assert g.shape == (6, len(p.weights))
    torch.testing.assert_close(g.sum(-1), torch.ones(6, dtype=f64))
    torch.testing.assert_close(g[:, k] * p.log_prob(x).exp(), joint, rtol=1e-11, atol=1e-300)


@pytest.mark.slow
@every
def test_samples_have_the_exact_moments(p, generator):
    """Mean, covariance and shares of the components within 4 standard errors."""
    n = 40_000
    x = p.sample(n, generator)
    assert x.shape == (n, p.dimension)
    error = (x.mean(0) - p.mean()) / (p.covariance().diagonal() / n).sqrt()
    assert error.abs().max() < 4
    apart = x - p.mean()
    products = apart[:, :, None] * apart[:, None, :]
    error = (products.mean(0) - p.covariance()) / (products.std(0) / math.sqrt(n))
    assert error.abs().max() < 4
    shares = p.responsibilities(x)
    error = (shares.mean(0) - p.weights) / (shares.std(0) / math.sqrt(n))
    assert error.abs().max() < 4


def test_two_draws_from_one_seed_are_equal():
    first, second = (P2.sample(5, torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(first, second)


@every
@pytest.mark.parametrize(("alpha", "sigma"), [(1.0, 0.7), (0.3, 0.9), (-0.5, 0.2), (0.0, 1.0)])
def test_diffused_has_the_moments_of_the_noisy_points(p, alpha, sigma):
    q = p.diffused(alpha, sigma)
    eye = torch.eye(p.dimension, dtype=f64)
    torch.testing.assert_close(q.mean(), alpha * p.mean())
    torch.testing.assert_close(q.covariance(), alpha**2 * p.covariance() + sigma**2 * eye)


@in_the_plane
def test_diffused_is_the_convolution(p):
    """p_t(x) = E_z p((x − σz)/α)/α^d by Gauss-Hermite quadrature."""
    alpha, sigma = 0.8, 0.3
    x = points(8, p.dimension)
    z, w = gauss_hermite(60, p.dimension)
    inner = p.log_prob((x[:, None, :] - sigma * z) / alpha).exp() @ w / alpha**p.dimension
    torch.testing.assert_close(p.diffused(alpha, sigma).log_prob(x).exp(), inner, rtol=1e-9, atol=1e-11)


@every
def test_noise_adds_in_squares(p):
    x = points(9, p.dimension)
    twice, once = p.noised(0.3).noised(0.4), p.noised(0.5)
    torch.testing.assert_close(twice.log_prob(x), once.log_prob(x), rtol=0, atol=1e-13)
    torch.testing.assert_close(twice.score(x), once.score(x), rtol=0, atol=1e-12)
    torch.testing.assert_close(p.noised(0.0).log_prob(x), p.log_prob(x), rtol=0, atol=1e-13)


def test_a_sweep_of_noise_is_the_loop():
    x = points(11, 2)
    sigmas = tensor([0.0, 0.1, 1.0, 5.0])
    for p in (P2, random_kernels(2)):
        sweep = p.diffused(tensor([1.0, 0.9, 0.5, 0.1]), sigmas)
        loop = [p.diffused(a, s) for a, s in zip((1.0, 0.9, 0.5, 0.1), sigmas.tolist(), strict=True)]
        for ask in ("log_prob", "score", "hessian", "responsibilities"):
            together = getattr(sweep, ask)(x)
            apart = torch.stack([getattr(q, ask)(x) for q in loop])
            torch.testing.assert_close(together, apart, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(sweep.mean(), torch.stack([q.mean() for q in loop]))
        torch.testing.assert_close(sweep.covariance(), torch.stack([q.covariance() for q in loop]))
        boxes = torch.stack([q.bounds(6.0) for q in loop])
        hull = torch.stack([boxes[..., 0].amin(0), boxes[..., 1].amax(0)], dim=-1)
        torch.testing.assert_close(sweep.bounds(6.0), hull)
        assert sweep.smallest_sd() == pytest.approx(min(q.smallest_sd() for q in loop))
        torch.testing.assert_close(sweep.resolution(), torch.stack([q.resolution() for q in loop]).amin(0))


def test_batches_of_every_parameter_and_of_points_broadcast():
    x = points(12, 2).reshape(3, 4, 2)
    p = random_mixture(2, batch=(3,))
    single = [GaussianMixture(*part) for part in zip(p.weights, p.means, p.covariances, strict=True)]
    apart = torch.stack([q.log_prob(x[i]) for i, q in enumerate(single)])
    torch.testing.assert_close(p.log_prob(x), apart, rtol=0, atol=1e-13)
    torch.testing.assert_close(P2.score(x).reshape(12, 2), P2.score(x.reshape(12, 2)), rtol=0, atol=1e-13)
    weights = tensor([[0.1, 0.9], [0.5, 0.5]])
    swept = GaussianMixture(weights, tensor([[0.0, 0.0], [2.0, 1.0]]), torch.eye(2, dtype=f64))
    assert swept.sample(6, torch.Generator().manual_seed(0)).shape == (2, 6, 2)
    one = GaussianMixture(weights[0], swept.means[0], swept.covariances[0])
    torch.testing.assert_close(swept.hessian(x[0])[0], one.hessian(x[0]), rtol=0, atol=1e-13)


@pytest.mark.slow
def test_samples_of_a_batch_belong_to_their_members(generator):
    p = random_mixture(2, batch=(2, 3))
    n = 20_000
    x = p.sample(n, generator)
    sd = (p.covariance().diagonal(dim1=-2, dim2=-1) / n).sqrt()
    assert ((x.mean(-2) - p.mean()) / sd).abs().max() < 4


@pytest.mark.parametrize("p", [P2, random_kernels(2, n=500)], ids=["mixture", "kernels"])
def test_chunks_do_not_show(p, monkeypatch):
    x = points(301, 2)
    whole = p.value_and_score(x), p.hessian(x), p.responsibilities(x)
    monkeypatch.setattr(mixture, "CHUNK", 64 * 1024)
    (value, score), hessian, g = p.value_and_score(x), p.hessian(x), p.responsibilities(x)
    torch.testing.assert_close(value, whole[0][0], rtol=0, atol=1e-13)
    torch.testing.assert_close(score, whole[0][1], rtol=0, atol=1e-12)
    torch.testing.assert_close(hessian, whole[1], rtol=0, atol=1e-10)
    torch.testing.assert_close(g, whole[2], rtol=0, atol=1e-13)


def test_no_points_give_no_values():
    value, score = P2.value_and_score(torch.empty(0, 2, dtype=f64))
    assert value.shape == (0,)
    assert score.shape == (0, 2)


@pytest.mark.parametrize("sd", [1e-3, 0.1, 1.0])
def test_far_away_the_nearest_component_is_all(sd):
    """At |x| = 1000 log p is that of one Gaussian to 12 digits, and the score points back to it."""
    means = tensor([[-1.0, 0.0], [1.0, 0.0]])
    for p in (
        GaussianMixture(tensor([0.3, 0.7]), means, sd**2 * torch.eye(2, dtype=f64)),
        KernelDensity(means, sd),
    ):
        x = tensor([[1e3, 0.0], [-1e3, 0.0], [0.0, 1e3]])
        log_w = p.weights.log()[[1, 0]]
        closed = log_w - 999.0**2 / (2 * sd**2) - math.log(2 * math.pi * sd**2)
        torch.testing.assert_close(p.log_prob(x)[:2], closed, rtol=1e-12, atol=0)
        back = tensor([[-999.0, 0.0], [999.0, 0.0]]) / sd**2
        torch.testing.assert_close(p.score(x)[:2], back, rtol=1e-12, atol=1e-9 / sd**2)
        flat = -torch.eye(2, dtype=f64).expand(2, 2, 2) / sd**2
        torch.testing.assert_close(p.hessian(x)[:2], flat, rtol=1e-6, atol=1e-9 / sd**2)
        for value in (p.log_prob(x), p.score(x), p.hessian(x), p.responsibilities(x)):
            assert value.isfinite().all()
        for value in (*p.to(torch.float32).value_and_score(x), p.to(torch.float32).hessian(x)):
            assert value.isfinite().all()


def test_a_component_without_weight_is_not_there():
    x = tensor([[0.0, 0.0], [3.0, 1.0], [1e3, 0.0]])
    eye = torch.eye(2, dtype=f64)
    with_it = GaussianMixture(tensor([1.0, 0.0]), tensor([[0.0, 0.0], [3.0, 1.0]]), eye)
    without = GaussianMixture(tensor([1.0]), tensor([[0.0, 0.0]]), eye)
    for ask in ("log_prob", "score", "hessian"):
        torch.testing.assert_close(getattr(with_it, ask)(x), getattr(without, ask)(x), rtol=0, atol=1e-12)


def test_single_precision_draws_the_same_picture():
    """Relative to the spread of values inside five standard deviations, rounding stays below 1e-5."""
    x = 3 * points(500, 2)
    for p in (P2, random_kernels(2, n=200)):
        low = p.to(torch.float32)
        value, score = low.value_and_score(x.float())
        assert value.dtype == score.dtype == torch.float32
        assert (value.double() - p.log_prob(x)).abs().max() < 1e-4
        assert (score.double() - p.score(x)).abs().max() < 1e-4
        assert low.to(f64).log_prob(x).sub(p.log_prob(x)).abs().max() < 1e-4


def test_resolution_is_the_conditional_standard_deviation():
    """Var(x_i | x_j) = C_ii − C_ij²/C_jj for a Gaussian in the plane, the smallest over components."""
    C = P2.covariances
    variances, shared = C.diagonal(dim1=-2, dim2=-1), C[:, 0, 1].square()[:, None]
    conditional = variances - shared / variances.flip(-1)
    torch.testing.assert_close(P2.resolution(), conditional.amin(0).sqrt())
    assert P2.smallest_sd() == pytest.approx(math.sqrt(0.45 - math.hypot(0.05, 0.2)))
    assert all(len(edges) == 0 for edges in P2.edges())


def test_bounds_reach_as_far_as_asked():
    p = GaussianMixture(tensor([0.5, 0.5]), tensor([[-1.0], [2.0]]), tensor([[[0.25]], [[4.0]]]))
    torch.testing.assert_close(p.bounds(3.0), tensor([[-4.0, 8.0]]))
    torch.testing.assert_close(KernelDensity(tensor([[1.0], [2.0]]), 0.5).bounds(2.0), tensor([[0.0, 3.0]]))


@pytest.mark.parametrize(("d", "sigma"), [(1, 0.3), (2, 0.05), (3, 1.0)])
def test_kernel_density_is_scikit_learns(d, sigma):
    """Near the data, where its tree makes no approximation."""
    data = points(400, d, seed=5)
    x = data[:50] + sigma * points(50, d, seed=6)
    theirs = ScikitKernelDensity(bandwidth=sigma, rtol=1e-12).fit(data.numpy()).score_samples(x.numpy())
    assert KernelDensity(data, sigma).log_prob(x).numpy() == pytest.approx(theirs, abs=1e-10)


def test_kernel_density_is_a_mixture():
    data = points(15, 2)
    kernels = KernelDensity(data, 0.3)
    same = GaussianMixture(torch.full((15,), 1 / 15, dtype=f64), data, 0.09 * torch.eye(2, dtype=f64))
    x = points(20, 2, seed=8)
    for ask in ("log_prob", "score", "hessian", "responsibilities"):
        torch.testing.assert_close(getattr(kernels, ask)(x), getattr(same, ask)(x), rtol=0, atol=1e-11)
    torch.testing.assert_close(kernels.covariance(), same.covariance())
    torch.testing.assert_close(kernels.bounds(), same.bounds())


def test_distances_from_one_product_lose_little():
    """Data at 1000 with σ = 0.01: log p to 1e-9, the score to 1e-7 of its size 1/σ, against differences."""
    data = 1000 + points(300, 2)
    x = data[:40] + 0.02 * points(40, 2, seed=9)
    sigma = 0.01
    apart = x[:, None, :] - data
    g = (-apart.square().sum(-1) / (2 * sigma**2)).softmax(-1)
    direct = (-apart.square().sum(-1) / (2 * sigma**2)).logsumexp(-1) - math.log(300 * 2 * math.pi * sigma**2)
    value, score = KernelDensity(data, sigma).value_and_score(x)
    torch.testing.assert_close(value, direct, rtol=0, atol=1e-9)
    torch.testing.assert_close(score, -(g[..., None] * apart).sum(1) / sigma**2, rtol=0, atol=1e-7 / sigma)


def test_five_thousand_points_on_a_map_fit():
    """The intermediate of 5000 × 16384 numbers (655 MB) is never made; a far corner is checked."""
    data = points(5000, 2, seed=7)
    axis = torch.linspace(-4, 4, 128, dtype=f64)
    x = torch.cartesian_prod(axis, axis)
    value, score = KernelDensity(data, 0.2).value_and_score(x)
    apart = x[-1] - data
    log_g = -apart.square().sum(-1) / 0.08
    assert value[-1].item() == pytest.approx(
        log_g.logsumexp(0).item() - math.log(5000 * 2 * math.pi * 0.04), abs=1e-10
    )
    torch.testing.assert_close(score[-1], -(log_g.softmax(0) @ apart) / 0.04, rtol=1e-10, atol=0)


EYE = [[1.0, 0.0], [0.0, 1.0]]
TWO = [[0.0, 0.0], [1.0, 1.0]]


@pytest.mark.parametrize(
    ("weights", "means", "covariances", "message"),
    [
        ([0.5, 0.6], TWO, EYE, "weights must be of sum 1 within 1e-6, got sum 1.1"),
        ([0.5, 0.50001], TWO, EYE, "weights must be of sum 1"),
        ([1.5, -0.5], TWO, EYE, "weights must be at least 0, got -0.5"),
        ([0.5, math.nan], TWO, EYE, "weights must be finite, got NaN"),
        ([0.5, 0.5], [[0.0, math.inf], [1.0, 1.0]], EYE, "means must be finite, got"),
        ([0.5, 0.5], TWO, [[math.nan, 0.0], [0.0, 1.0]], "covariances must be finite, got"),
        ([0.5, 0.5], TWO, [[1.0, 0.1], [0.0, 1.0]], "covariances must be symmetric, got .* up to 0.1"),
        ([0.5, 0.5], TWO, [[1.0, 2.0], [2.0, 1.0]], "covariances must be positive definite, got .* -1"),
        ([0.5, 0.5], TWO, [[1.0, 1.0], [1.0, 1.0]], "covariances must be positive definite, got"),
        ([0.5, 0.5], TWO, [[1.0, 0.1], [0.1, 0.01]], "covariances must be positive definite, got"),
        ([1.0], TWO, EYE, r"weights, means, covariances must be of shapes .*got \(1,\), \(2, 2\), \(2, 2\)"),
        ([0.5, 0.5], [0.0, 1.0], EYE, r"must be of shapes .*got \(2,\), \(2,\), \(2, 2\)"),
        ([0.5, 0.5], TWO, [[1.0]], r"must be of shapes .*got \(2,\), \(2, 2\), \(1, 1\)"),
        ([0.5, 0.5], TWO, [EYE, EYE, EYE], r"must be of shapes .*got \(2,\), \(2, 2\), \(3, 2, 2\)"),
        ([], np.empty((0, 2)), EYE, r"must be of shapes .*got \(0,\), \(0, 2\), \(2, 2\)"),
        ([[0.5, 0.5]] * 2, [TWO] * 3, EYE, r"batches that broadcast, got \(2, 2\), \(3, 2, 2\), \(2, 2\)"),
    ],
)
def test_a_mixture_says_what_is_wrong_with_it(weights, means, covariances, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(tensor(weights), tensor(means), tensor(covariances))


def test_singular_covariances_do_not_pass_by_rounding():
    """vvᵀ with v = (0.7, 0.8) has a Cholesky factor, whose last pivot is a rounding error."""
    v = tensor([0.7, 0.8])
    assert torch.linalg.cholesky_ex(torch.outer(v, v))[1] == 0
    with pytest.raises(ValueError, match="covariances must be positive definite, got"):
        GaussianMixture(tensor([1.0]), tensor([[0.0, 0.0]]), torch.outer(v, v))


def test_types_must_agree():
    with pytest.raises(ValueError, match=r"one dtype, got torch.float32, torch.float64"):
        GaussianMixture(torch.ones(1), tensor([[0.0]]), tensor([[1.0]]))
    with pytest.raises(ValueError, match=r"means must be a floating-point tensor, got torch.int64"):
        GaussianMixture(torch.ones(1), torch.zeros(1, 1, dtype=torch.int64), torch.ones(1, 1))


@pytest.mark.parametrize(
    ("data", "sigma", "message"),
    [
        (np.empty((0, 2)), 1.0, r"points must be of shape \(..., n, d\) with n ≥ 1, got shape \(0, 2\)"),
        ([0.0, 1.0], 1.0, r"points must be of shape .*got shape \(2,\)"),
        ([[0.0, math.nan]], 1.0, "points must be finite, got NaN"),
        (TWO, 0.0, "sigma must be finite and above 0, got 0.0"),
        (TWO, -1.0, "sigma must be finite and above 0, got -1.0"),
        (TWO, math.inf, "sigma must be finite and above 0, got inf"),
    ],
)
def test_kernels_say_what_is_wrong_with_them(data, sigma, message):
    with pytest.raises(ValueError, match=message):
        KernelDensity(tensor(data), sigma)


@every
def test_bad_noise_and_bad_points_are_refused(p):
    for sigma in (-0.1, math.nan, math.inf):
        with pytest.raises(ValueError, match="sigma must be at least 0 and finite, got"):
            p.noised(sigma)
    with pytest.raises(ValueError, match="sigma must be at least 0 and finite, got"):
        p.noised(tensor([0.1, -0.1]))
    with pytest.raises(ValueError, match="alpha must be finite, got nan"):
        p.diffused(math.nan, 1.0)
    with pytest.raises(
        ValueError, match=rf"x must be points of shape \(..., n, {p.dimension}\), got \(4, 7\)"
    ):
        p.score(torch.zeros(4, 7, dtype=f64))
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        p.sample(0, torch.Generator())
