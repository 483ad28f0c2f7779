"""Heads, standardisation, batches of networks and the partition function, against autograd and quadrature."""

import math

import pytest
import torch

from gmviz.activations import ACTIVATIONS
from gmviz.densities import GaussianMixture
from gmviz.models import ExactDensity, ExactScore, Need, axes_like
from gmviz.networks import Architecture, Head
from gmviz.quadrature import Grid
from tests.test_stacked import plain

CENTRE = torch.tensor([0.3, -1.0], dtype=torch.float64)
SPREAD = 1.7
SMALL = Architecture(width=8, depth=2, frequencies=16)


def generators(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def points(n, generator, d=2):
    return 2 * torch.randn(n, d, dtype=torch.float64, generator=generator)


def written_out(net, x):
    """log q or s by the plain formula, with autograd's own derivatives."""
    u = (x - net.centre) / net.spread
    value = plain(u, net.frequencies, net.parameters, net.layers)
    return value[..., 0] - u.square().sum(-1) / 2 if value.shape[-1] == 1 else (value - u) / net.spread


def oracle_jacobian(score, x):
    return torch.stack(
        [torch.autograd.grad(score[..., i].sum(), x, retain_graph=True)[0] for i in (0, 1)], -2
    )


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.name)
@pytest.mark.parametrize("seeds", [(1,), (1, 2, 3)])
@pytest.mark.parametrize("head", Head)
def test_score_jacobian_and_trace_equal_autograd(generator, head, seeds, activation):
    shape = Architecture(width=8, depth=3, frequencies=16, activation=activation)
    net = shape.draw(head, CENTRE, SPREAD, generators(*seeds))
    models = (len(seeds),) if len(seeds) > 1 else ()
    x = torch.randn(*models, 20, 2, dtype=torch.float64, generator=generator, requires_grad=True)
    score = written_out(net, x)
    if head is Head.ENERGY:
        torch.testing.assert_close(net.potential(x), score, rtol=1e-10, atol=1e-10)
        score = torch.autograd.grad(score.sum(), x, create_graph=True)[0]
    expected = oracle_jacobian(score, x)
    found, matrix = net.jacobian(x)
    torch.testing.assert_close(found, score, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(matrix, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(net.score(x), score, rtol=1e-10, atol=1e-10)
    trace = expected.diagonal(dim1=-2, dim2=-1).sum(-1)
    torch.testing.assert_close(net.divergence(x), trace, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("head", Head)
def test_training_gradients_equal_double_backward(generator, head):
    net = SMALL.draw(head, CENTRE, SPREAD, generators(1))
    parameters = net.parameters.clone().requires_grad_()
    net = net.with_parameters(parameters)
    x = points(30, generator).requires_grad_()
    v = points(30, generator)
    score, (column,) = net.jet(x.detach(), v.unsqueeze(0))
    loss = (score.square() / 2 + v * column).sum()
    s = written_out(net, x)
    if head is Head.ENERGY:
        s = torch.autograd.grad(s.sum(), x, create_graph=True)[0]
    product = torch.autograd.grad((s * v).sum(), x, create_graph=True)[0]
    expected = torch.autograd.grad((s.square() / 2 + v * product).sum(), parameters)[0]
    found = torch.autograd.grad(loss, parameters)[0]
    if head is Head.SCORE:  # v·Jᵀv = v·Jv, whichever side the tangent comes from
        assert (loss - (s.square() / 2 + v * product).sum()).abs() < 1e-9
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-9)


def test_only_energies_are_free_of_curl(generator):
    x = points(200, generator)
    free = SMALL.draw(Head.SCORE, CENTRE, SPREAD, generators(1)).curl(x)
    conservative = SMALL.draw(Head.ENERGY, CENTRE, SPREAD, generators(1)).curl(x)
    assert conservative.max() < 1e-13
    assert free.median() > 0.1


def test_curl_of_a_rotation_is_its_angular_rate(generator):
    class Rotation(ExactScore):
        def jet(self, x, directions):
            turn = torch.tensor([[0.0, -3.0], [3.0, 0.0]], dtype=x.dtype)
            return x @ turn.mT, directions @ turn.mT

    normal = GaussianMixture(torch.ones(1).double(), torch.zeros(1, 2).double(), torch.eye(2).double()[None])
    torch.testing.assert_close(Rotation(normal).curl(points(5, generator)), torch.full((5,), 6.0).double())


def test_a_batch_of_networks_is_its_members(generator):
    x = points(50, generator)
    for head in Head:
        batch = SMALL.draw(head, CENTRE, SPREAD, generators(4, 5, 6))
        together = batch.jacobian(x)
        for index, seed in enumerate((4, 5, 6)):
            alone = SMALL.draw(head, CENTRE, SPREAD, generators(seed))
            for member in (alone, batch.member(index)):
                for a, b in zip(member.jacobian(x), together, strict=True):
                    torch.testing.assert_close(a, b[index], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("head", Head)
def test_a_change_of_units_changes_only_the_units(generator, head):
    """x → a x + b divides the score by a and its Jacobian by a²."""
    x, a, b = points(50, generator), 40.0, torch.tensor([7.0, -3.0], dtype=torch.float64)
    here = SMALL.draw(head, CENTRE, SPREAD, generators(1))
    there = SMALL.draw(head, a * CENTRE + b, a * SPREAD, generators(1))
    score, matrix = here.jacobian(x)
    moved_score, moved_matrix = there.jacobian(a * x + b)
    torch.testing.assert_close(a * moved_score, score, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(a * a * moved_matrix, matrix, rtol=1e-9, atol=1e-10)


def test_an_energy_without_weights_is_the_normal_law(generator):
    net = SMALL.draw(Head.ENERGY, CENTRE, SPREAD, generators(1))
    normal = GaussianMixture(torch.ones(1).double(), CENTRE[None], SPREAD**2 * torch.eye(2).double()[None])
    net = SMALL.draw(Head.ENERGY, CENTRE, SPREAD, generators(1), Grid.covering(normal))
    net = net.with_parameters(torch.zeros_like(net.parameters))
    x = points(50, generator)
    torch.testing.assert_close(net.log_prob(x), normal.log_prob(x), rtol=0, atol=1e-12)
    assert abs(net.log_partition(net.grid) - math.log(2 * math.pi) - 2 * math.log(SPREAD)) < 1e-12


def test_log_prob_integrates_to_one_on_another_grid(generator):
    normal = GaussianMixture(torch.ones(1).double(), CENTRE[None], SPREAD**2 * torch.eye(2).double()[None])
    narrow = GaussianMixture(torch.ones(1).double(), CENTRE[None], torch.eye(2).double()[None] / 4)
    box = Grid.covering(normal, narrow)
    net = SMALL.draw(Head.ENERGY, CENTRE, SPREAD, generators(1, 2), Grid.covering(normal))
    parameters = net.parameters.clone().requires_grad_()
    net = net.with_parameters(parameters)
    nodes = box.nodes.expand(2, *box.nodes.shape)
    mass = (net.log_prob(nodes).exp() * box.weights).sum(-1)
    torch.testing.assert_close(mass, torch.ones(2).double(), rtol=0, atol=1e-6)
    # the mass does not depend on the parameters, so its gradient vanishes
    assert torch.autograd.grad(mass.sum(), parameters)[0].abs().max() < 1e-5


def test_what_a_model_lacks_it_refuses(generator):
    x = points(3, generator)
    net = SMALL.draw(Head.SCORE, CENTRE, SPREAD, generators(1))
    with pytest.raises(TypeError, match="score network has no log-density"):
        net.potential(x)
    with pytest.raises(TypeError, match="score network has no log-density"):
        net.log_prob(x)
    with pytest.raises(ValueError, match="grid must be a Grid"):
        SMALL.draw(Head.ENERGY, CENTRE, SPREAD, generators(1)).log_prob(x)


def test_exact_models_are_the_density(generator):
    p = GaussianMixture(
        torch.tensor([0.5, 0.5]).double(),
        torch.tensor([[-1.0, 0], [1, 0.5]]).double(),
        torch.eye(2).double().expand(2, 2, 2),
    )
    x = points(20, generator)
    for model in (ExactScore(p), ExactDensity(p)):
        score, matrix = model.jacobian(x)
        torch.testing.assert_close(score, p.score(x))
        torch.testing.assert_close(matrix, p.hessian(x))
        assert model.curl(x).max() < 1e-13
        assert model.dimension == 2
    assert ExactScore(p).provides == frozenset({Need.SCORE})
    torch.testing.assert_close(ExactDensity(p).potential(x), p.log_prob(x))
    assert axes_like(x).shape == (2, 20, 2)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("width", 4),
        ("width", 512),
        ("depth", 0),
        ("frequencies", -1),
        ("bandwidth", 0.0),
        ("bandwidth", math.nan),
    ],
)
def test_an_architecture_out_of_range_names_the_field(field, value):
    with pytest.raises(ValueError, match=f"{field} must be"):
        Architecture(**{field: value})


def test_a_network_needs_a_scale_and_a_seed():
    with pytest.raises(ValueError, match="spread must be"):
        SMALL.draw(Head.SCORE, CENTRE, 0.0, generators(1))
    with pytest.raises(ValueError, match="generators must be"):
        SMALL.draw(Head.SCORE, CENTRE, 1.0, [])


def test_float32_agrees_with_float64_to_its_rounding(generator):
    net = SMALL.draw(Head.ENERGY, CENTRE, SPREAD, generators(1))
    x = points(50, generator)
    single = net.to(torch.float32).score(x.float())
    torch.testing.assert_close(single.double(), net.score(x), rtol=2e-4, atol=2e-4)
