import math

import mpmath
import pytest
import torch
from scipy import stats

from gmviz.boxes import Boxes, NoisedBoxes
from gmviz.quadrature import Grid, gauss_legendre

f64 = torch.float64


def tensor(values) -> torch.Tensor:
    return torch.tensor(values, dtype=f64)


def checkerboard() -> Boxes:
    """Eight of the sixteen unit cells of [−2, 2]²."""
    low = tensor([[i - 2.0, j - 2.0] for i in range(4) for j in range(4) if (i + j) % 2 == 0])
    return Boxes(torch.full((8,), 1 / 8, dtype=f64), low, low + 1)


INTERVALS = Boxes(tensor([0.3, 0.7]), tensor([[-1.0], [0.5]]), tensor([[0.5], [2.5]]))
UNEVEN = Boxes(tensor([0.2, 0.8]), tensor([[-1.0, 0.0], [0.5, -2.0]]), tensor([[0.0, 3.0], [1.0, -1.5]]))
BRICKS = Boxes(tensor([0.5, 0.5]), tensor([[-1.0, 0, 0], [1, 1, 1]]), tensor([[0.0, 1, 2], [2.0, 1.5, 3]]))
FAMILY = {"interval": INTERVALS, "checkerboard": checkerboard(), "uneven": UNEVEN, "bricks": BRICKS}
every = pytest.mark.parametrize("p", FAMILY.values(), ids=FAMILY.keys())
in_the_plane = pytest.mark.parametrize(
    "p", [INTERVALS, checkerboard(), UNEVEN], ids=["1d", "board", "uneven"]
)
SIGMA = 0.3


def points(n: int, d: int, spread: float = 2.0, seed: int = 3) -> torch.Tensor:
    return spread * torch.randn(n, d, dtype=f64, generator=torch.Generator().manual_seed(seed))


@every
def test_hard_edges_hold_all_mass(p):
    """Between the edges the density is constant, so that a rule with panels is exact."""
    grid = Grid.covering(p, step=0.5)
    density = p.log_prob(grid.nodes).exp() * grid.weights
    mean = density @ grid.nodes
    apart = grid.nodes - mean
    assert density.sum().item() == pytest.approx(1, abs=1e-13)
    torch.testing.assert_close(p.mean(), mean, rtol=0, atol=1e-12)
    torch.testing.assert_close(p.covariance(), (density[:, None] * apart).mT @ apart, rtol=0, atol=1e-12)


def test_outside_is_impossible_and_edges_belong_to_one_box():
    p = checkerboard()
    x = tensor([[-1.5, -1.5], [-0.5, -1.5], [5.0, 0.0], [0.0, 0.0], [2.0, 2.0]])
    expected = [-math.log(8), -math.inf, -math.inf, -math.log(8), -math.inf]
    assert p.log_prob(x).tolist() == pytest.approx(expected)
    assert [axis.tolist() for axis in p.edges()] == [[-2, -1, 0, 1, 2]] * 2
    assert p.bounds(10.0).tolist() == [[-2, 2], [-2, 2]]
    assert p.smallest_sd() == pytest.approx(1 / math.sqrt(12))


def test_hard_edges_have_no_score():
    x = torch.zeros(1, 2, dtype=f64)
    for ask in (checkerboard().score, checkerboard().value_and_score, checkerboard().hessian):
        with pytest.raises(ValueError, match=r"add noise first, boxes.noised\(sigma\)"):
            ask(x)


def exact_log_prob(p: Boxes, sigma: float, x: list[float]) -> mpmath.mpf:
    """Differences of the normal distribution function in 50 digits, or as many as the tails need."""
    total = mpmath.mpf(0)
    for w, low, high in zip(p.weights.tolist(), p.low.tolist(), p.high.tolist(), strict=True):
        factor = mpmath.mpf(w)
        for at, a, b in zip(x, low, high, strict=True):
            upper, lower = ((at - edge) / (mpmath.mpf(sigma) * mpmath.sqrt(2)) for edge in (a, b))
            if lower > 0:
                upper, lower = -lower, -upper
            factor *= (mpmath.erfc(-upper) - mpmath.erfc(-lower)) / 2 / (b - a)
        total += factor
    return mpmath.log(total)


@every
@pytest.mark.parametrize("sigma", [0.02, 0.3, 2.0, 50.0])
def test_log_prob_to_many_digits(p, sigma):
    """Against 60-digit arithmetic: near the boxes, on an edge, at |x| = 1000."""
    d = p.dimension
    x = torch.cat([points(4, d), p.low[:1], p.high[-1:], 1e3 * torch.eye(d, dtype=f64)[:1]])
    with mpmath.workdps(60):
        exact = [float(exact_log_prob(p, sigma, row)) for row in x.tolist()]
    assert p.noised(sigma).log_prob(x).tolist() == pytest.approx(exact, rel=1e-12, abs=1e-11)


@every
def test_score_is_the_gradient_of_log_prob(p):
    q = p.noised(SIGMA)
    x = points(40, p.dimension).requires_grad_()
    value, score = q.value_and_score(x)
    (gradient,) = torch.autograd.grad(q.log_prob(x).sum(), x)
    torch.testing.assert_close(score, gradient, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(value, q.log_prob(x), rtol=0, atol=1e-13)


@every
def test_hessian_is_the_jacobian_of_score(p):
    q = p.noised(SIGMA)
    x = points(40, p.dimension).requires_grad_()
    s = q.score(x)
    rows = [torch.autograd.grad(s[:, i].sum(), x, retain_graph=True)[0] for i in range(p.dimension)]
    torch.testing.assert_close(q.hessian(x), torch.stack(rows, dim=-2), rtol=1e-9, atol=1e-9)


@in_the_plane
def test_noised_mass_mean_and_covariance_by_quadrature(p):
    q = p.noised(SIGMA)
    grid = Grid.covering(q)
    density = q.log_prob(grid.nodes).exp() * grid.weights
    mean = density @ grid.nodes
    apart = grid.nodes - mean
    assert density.sum().item() == pytest.approx(1, abs=1e-12)
    torch.testing.assert_close(q.mean(), mean, rtol=0, atol=1e-12)
    torch.testing.assert_close(q.covariance(), (density[:, None] * apart).mT @ apart, rtol=0, atol=1e-11)


def test_fisher_information_of_a_noised_edge():
    """E|∇log p_σ|² = 0.9031973/σ for U[−1, 1] and σ ≤ 0.2: ∫φ²/Φ for each of two edges, over 2."""
    u, w = gauss_legendre(400, -30.0, 30.0)
    log_phi = -u.square() / 2 - math.log(2 * math.pi) / 2
    constant = (w * (2 * log_phi - torch.special.log_ndtr(u)).exp()).sum().item()
    assert constant == pytest.approx(0.9031973, abs=1e-7)
    for sigma in (0.2, 0.05):
        q = Boxes(tensor([1.0]), tensor([[-1.0]]), tensor([[1.0]])).noised(sigma)
        grid = Grid.covering(q)
        value, score = q.value_and_score(grid.nodes)
        information = (value.exp() * score.square().sum(-1)) @ grid.weights
        assert information.item() * sigma == pytest.approx(constant, rel=1e-6)


@every
def test_noise_adds_in_squares(p):
    x = points(30, p.dimension)
    for twice, once in (
        (p.noised(0.3).noised(0.4), p.noised(0.5)),
        (p.diffused(0.8, 0.3).diffused(0.5, 0.4), p.diffused(0.4, math.hypot(0.15, 0.4))),
    ):
        torch.testing.assert_close(twice.log_prob(x), once.log_prob(x), rtol=0, atol=1e-12)
        torch.testing.assert_close(twice.score(x), once.score(x), rtol=0, atol=1e-10)


@every
def test_diffused_has_the_moments_of_the_noisy_points(p):
    q, eye = p.diffused(0.5, SIGMA), torch.eye(p.dimension, dtype=f64)
    torch.testing.assert_close(q.mean(), 0.5 * p.mean())
    torch.testing.assert_close(q.covariance(), 0.25 * p.covariance() + SIGMA**2 * eye)
    hard = p.diffused(0.5, 0.0)
    assert isinstance(hard, Boxes)
    torch.testing.assert_close(hard.covariance(), 0.25 * p.covariance())


@pytest.mark.parametrize("sigma", [1e-3, 0.05, 1.0])
def test_far_away_an_edge_looks_like_a_gaussian_tail(sigma):
    """Score −u/σ (1 + 1/u² + …) and curvature −1/σ² at u = 999/σ deviations from the edge of [−1, 1]."""
    p = Boxes(tensor([1.0]), tensor([[-1.0]]), tensor([[1.0]])).noised(sigma)
    x = tensor([[1e3], [-1e3]])
    u = 999 / sigma
    torch.testing.assert_close(p.score(x), tensor([[-u], [u]]) * (1 + u**-2) / sigma, rtol=1e-11, atol=0)
    torch.testing.assert_close(p.hessian(x)[:, 0, 0] * sigma**2, tensor([-1.0, -1.0]), rtol=1e-3, atol=0)
    for q in (p, p.to(torch.float32), checkerboard().noised(sigma)):
        for away in (1e3, -1e3):
            at = torch.full((1, q.dimension), away, dtype=q.low.dtype)
            for value in (*q.value_and_score(at), q.hessian(at), q.responsibilities(at)):
                assert value.isfinite().all()


def test_a_sweep_of_noise_is_the_loop():
    x = points(25, 2)
    alphas, sigmas = (1.0, 0.7, 0.2), (0.1, 0.5, 3.0)
    sweep = checkerboard().diffused(tensor(alphas), tensor(sigmas))
    loop = [checkerboard().diffused(a, s) for a, s in zip(alphas, sigmas, strict=True)]
    for ask in ("log_prob", "score", "hessian"):
        apart = torch.stack([getattr(q, ask)(x) for q in loop])
        torch.testing.assert_close(getattr(sweep, ask)(x), apart, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(sweep.covariance(), torch.stack([q.covariance() for q in loop]))
    assert sweep.smallest_sd() == sweep.resolution().min().item() == 0.1
    assert sweep.bounds(2.0).tolist() == [[-6.4, 6.4]] * 2
    assert sweep.sample(4, torch.Generator().manual_seed(0)).shape == (3, 4, 2)


@pytest.mark.slow
@every
@pytest.mark.parametrize("sigma", [0.0, SIGMA])
def test_samples_follow_the_law(p, sigma, generator):
    """Mean and covariance within 4 standard errors."""
    n, q = 40_000, p.noised(sigma)
    x = q.sample(n, generator)
    error = (x.mean(0) - q.mean()) / (q.covariance().diagonal() / n).sqrt()
    assert error.abs().max() < 4
    apart = x - q.mean()
    products = apart[:, :, None] * apart[:, None, :]
    error = (products.mean(0) - q.covariance()) / (products.std(0) / math.sqrt(n))
    assert error.abs().max() < 4


@pytest.mark.slow
def test_samples_of_one_interval_pass_kolmogorov_and_smirnov(generator):
    p = Boxes(tensor([1.0]), tensor([[-1.0]]), tensor([[3.0]]))
    assert stats.kstest(p.sample(5000, generator)[:, 0].numpy(), stats.uniform(-1, 4).cdf).pvalue > 1e-3
    x = p.sample(5000, generator)
    assert p.log_prob(x).isfinite().all()


def test_single_precision_draws_the_same_picture():
    x = points(400, 2, spread=3.0)
    q = checkerboard().noised(0.2)
    value, score = q.to(torch.float32).value_and_score(x.float())
    assert value.dtype == score.dtype == torch.float32
    torch.testing.assert_close(value.double(), q.log_prob(x), rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(score.double(), q.score(x), rtol=1e-4, atol=2e-3)
    hard = checkerboard().to(torch.float32)
    assert hard.log_prob(x.float()).dtype == torch.float32


@pytest.mark.parametrize(
    ("weights", "low", "high", "message"),
    [
        (
            [1.0],
            [[0.0, 0.0]],
            [[1.0, 0.0]],
            "low must be below high on every axis, got a smallest width of 0",
        ),
        ([0.5, 0.6], [[0.0], [1.0]], [[1.0], [2.0]], "weights must be of sum 1 within 1e-6, got sum 1.1"),
        ([1.5, -0.5], [[0.0], [1.0]], [[1.0], [2.0]], "weights must be at least 0, got -0.5"),
        ([1.0], [[math.nan]], [[1.0]], "low must be finite, got NaN"),
        ([1.0], [[0.0]], [[math.inf]], "high must be finite, got NaN or infinity"),
        (
            [1.0],
            [[0.0], [1.0]],
            [[1.0], [2.0]],
            r"weights, low, high must be of .*got \(1,\), \(2, 1\), \(2, 1\)",
        ),
        ([1.0], [0.0], [1.0], r"must be of shapes .*got \(1,\), \(1,\), \(1,\)"),
    ],
)
def test_boxes_say_what_is_wrong_with_them(weights, low, high, message):
    for make in (Boxes, lambda *corners: NoisedBoxes(*corners, 0.1)):
        with pytest.raises(ValueError, match=message):
            make(tensor(weights), tensor(low), tensor(high))


def test_bad_noise_and_bad_points_are_refused():
    p = checkerboard()
    for q in (p, p.noised(0.1)):
        with pytest.raises(ValueError, match=r"sigma must be at least 0 and finite, got -0\.1"):
            q.noised(-0.1)
        with pytest.raises(ValueError, match=r"alpha must be above 0 for boxes, got 0\.0"):
            q.diffused(0.0, 1.0)
        with pytest.raises(ValueError, match=r"x must be .*\(\.\.\., n, 2\), got \(5, 3\)"):
            q.log_prob(torch.zeros(5, 3, dtype=f64))
        with pytest.raises(ValueError, match="n must be at least 1, got 0"):
            q.sample(0, torch.Generator())
    with pytest.raises(ValueError, match="sigma must be above 0 and finite for all noised boxes"):
        p.noised(tensor([0.0, 0.1]))
