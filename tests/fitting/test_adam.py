"""Adam against torch's own, in float64."""

import torch

from gmviz.fitting import Adam


def test_the_steps_are_those_of_torch(generator):
    start = torch.randn(3, 20, dtype=torch.float64, generator=generator)
    target = torch.randn(3, 20, dtype=torch.float64, generator=generator)
    ours = Adam(start, 0.9, 0.99, 0.8)
    theirs = start.clone().requires_grad_()
    reference = torch.optim.Adam([theirs], lr=1.0, betas=(0.9, 0.99))
    mean = start.clone()
    for step in range(30):
        rate = 0.1 / (1 + step)
        (gradient,) = torch.autograd.grad((ours.parameters - target).pow(4).sum(), ours.parameters)
        ours.step(gradient, rate)
        reference.param_groups[0]["lr"] = rate
        reference.zero_grad()
        (theirs - target).pow(4).sum().backward()
        reference.step()
        mean = 0.8 * mean + 0.2 * theirs.detach()
        torch.testing.assert_close(ours.parameters, theirs, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(ours.averaged, mean, rtol=1e-12, atol=1e-12)


def test_the_start_is_left_as_it_was():
    start = torch.ones(4)
    adam = Adam(start, 0.9, 0.99, 0.9)
    adam.step(torch.ones(4), 0.1)
    assert torch.equal(start, torch.ones(4))
    assert torch.allclose(adam.parameters, torch.full((4,), 0.9), atol=1e-6)
