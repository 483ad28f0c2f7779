"""Samplers: speed beside a plain loop, a looked-up score beside a network, error beside evaluations.

Everything is measured on one thread in process time; what is compared runs in alternating rounds.
Run: python -m benchmarks.samplers
"""

import math
import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from gmviz.densities import GaussianMixture
from gmviz.metrics import EnergyDistance, SlicedWasserstein
from gmviz.samplers import (
    DDIM,
    DDPM,
    AnnealedLangevin,
    DPMSolver2M,
    Euler,
    Heun,
    Karras,
    Langevin,
    LangevinCorrector,
    PredictorCorrector,
    ProbabilityFlow,
    ReverseDiffusion,
    ReverseSDE,
    Sampler,
    UniformLogSNR,
)
from gmviz.schedules import VE, VP
from gmviz.score_models import ScoreModel, exact_model
from gmviz.score_table import ScoreTable

PARTICLES, ROUNDS = 2000, 7
SCHEDULE = VE(0.05, 20.0)


class Net(ScoreModel):
    """A public toy's size: 3-128-128-128-2 with SiLU, of x/√(1+σ²) and log σ, divided by σ. Untrained."""

    dimension = 2

    def __init__(self) -> None:
        torch.manual_seed(0)
        sizes = (3, 128, 128, 128, 2)
        layers = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.SiLU())]
        self.network = nn.Sequential(*layers[:-1]).requires_grad_(False)

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        scaled = x / (1 + sigma**2).sqrt()
        return self.network(torch.cat([scaled, sigma.log()], dim=-1)) / sigma - scaled / (1 + sigma**2).sqrt()

    def score(self, x: Tensor, alpha: float, sigma: float) -> Tensor:
        y = x / alpha
        return self(y, torch.full_like(y[:, :1], max(sigma / alpha, 1e-3))) / alpha


@torch.no_grad()
def plain_annealed(net: Net, x: Tensor) -> Tensor:
    """Annealed Langevin as it is usually written: labels, table of σ, step and noise made at every step."""
    sigmas = torch.logspace(1.30103, -1.30103, 10)
    for c, sigma in enumerate(sigmas):
        labels = torch.ones(x.shape[0], dtype=torch.long) * c
        for _ in range(10):
            step_size = 0.4 * sigma**2
            grad = net(x, sigmas[labels][:, None])
            x = x + step_size / 2 * grad + torch.sqrt(step_size) * torch.randn_like(x)
    return x


@torch.no_grad()
def plain_euler_maruyama(net: Net, x: Tensor) -> Tensor:
    """The reverse VE equation as it is usually written: vectors of times, σ and g from them at every step."""
    steps, low, high = 100, 0.05, 20.0
    for t in torch.linspace(1, 0, steps + 1)[:-1]:
        vec_t = torch.ones(x.shape[0]) * t
        sigma = low * (high / low) ** vec_t
        diffusion = sigma * torch.sqrt(torch.tensor(2 * math.log(high / low)))
        drift = -(diffusion[:, None] ** 2) * net(x, sigma[:, None])
        x = x - drift / steps + diffusion[:, None] * (1 / steps) ** 0.5 * torch.randn_like(x)
    return x


def seconds(function: Callable[[], object]) -> float:
    """Processor time of one call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def alternated(*functions: Callable[[], object]) -> list[list[float]]:
    """Processor times of each function, the rounds alternating in order."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(ROUNDS):
        for own, function in zip(times, functions, strict=True):
            own.append(seconds(function))
    return times


def ratio(slow: list[float], fast: list[float]) -> str:
    """The median of the ratios of the rounds, with its quartiles."""
    low, median, high = statistics.quantiles([a / b for a, b in zip(slow, fast, strict=True)], n=4)
    return f"{median:.2f} ({low:.2f} to {high:.2f})"


def three_modes() -> GaussianMixture:
    means = torch.tensor([[-2.0, 0.0], [2.0, 1.0], [0.5, -2.0]], dtype=torch.float64)
    weights = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)
    return GaussianMixture(weights, means, 0.16 * torch.eye(2, dtype=torch.float64).expand(3, 2, 2))


def speed() -> None:
    """Particle-evaluations per second of each sampler with the network; two of them beside plain loops."""
    net, x = Net(), SCHEDULE.sigma_max * torch.randn(PARTICLES, 2)
    samplers: tuple[Sampler, ...] = (
        Langevin(sigma=0.2, steps=100),
        AnnealedLangevin(SCHEDULE, levels=10, inner=10),
        ReverseSDE(schedule=SCHEDULE, steps=100),
        ReverseDiffusion(schedule=SCHEDULE, steps=100),
        DDPM(schedule=SCHEDULE, steps=100),
        DDIM(schedule=SCHEDULE, steps=100),
        PredictorCorrector(ReverseDiffusion(schedule=SCHEDULE, steps=50)),
        Euler(schedule=SCHEDULE, steps=100),
        Heun(schedule=SCHEDULE, steps=50),
        DPMSolver2M(schedule=SCHEDULE, steps=100),
        ProbabilityFlow(schedule=SCHEDULE, tolerance=1e-4),
    )
    print(f"\nNetwork 3-128-128-128-2, {PARTICLES} particles: particle-evaluations per second (millions)")
    for sampler in samplers:
        spent = sampler.run(net, x, torch.Generator().manual_seed(0), 1).evaluations[-1].item()
        every = statistics.median(alternated(lambda s=sampler: s.run(net, x, torch.Generator(), 1))[0])
        print(f"  {sampler.label:32s} {PARTICLES * spent / every / 1e6:6.2f}   ({spent} evaluations)")
    plain = (plain_annealed, plain_euler_maruyama)
    for loop, sampler in zip(plain, (samplers[1], samplers[2]), strict=True):
        slow, fast = alternated(
            lambda f=loop: f(net, x), lambda s=sampler: s.run(net, x, torch.Generator(), 1)
        )
        print(f"  {sampler.label}: plain loop/ours {ratio(slow, fast)}")


def table() -> None:
    """A Langevin step at one level on a looked-up score beside one on the network, and when it pays."""
    net, x = Net(), torch.randn(PARTICLES, 2)
    extent = torch.tensor([[-4.0, 4.0], [-4.0, 4.0]])
    made = seconds(lambda: ScoreTable.of(net, 1.0, 0.2, extent))
    looked_up = ScoreTable.of(net, 1.0, 0.2, extent)
    inside = x.clamp(-3.9, 3.9)
    slow, fast = alternated(
        lambda: [net.score(inside, 1.0, 0.2) for _ in range(20)],
        lambda: [looked_up.score(inside, 1.0, 0.2) for _ in range(20)],
    )
    gain = (statistics.median(slow) - statistics.median(fast)) / 20
    print(f"\nScore table, {looked_up.values.shape[-1]}² nodes, error {looked_up.error:.1e} of the score")
    print(
        f"  network/table per step {ratio(slow, fast)}; "
        f"made in {1e3 * made:.0f} ms, pays after {made / gain:.0f} steps"
    )


def convergence() -> None:
    """Error of the flow's end against evaluations, and the order that a doubling shows.

    The median, because the few particles that end in the wrong one of two modes hide the order.
    """
    data, schedule = three_modes(), VP()
    model = exact_model(data)
    start = schedule.matched_prior(data).sample(500, torch.Generator().manual_seed(0))

    def end(sampler: Sampler) -> Tensor:
        """The last state before any final denoising, where all of them approximate the same flow."""
        trajectory = sampler.run(model, start, torch.Generator())
        return trajectory.states[trajectory.sigmas > 0][-1]

    exact = end(ProbabilityFlow(schedule, tolerance=1e-9))
    print("\nFlow of three modes, VP to t = .001: median error (order) at about N evaluations")
    budgets = (10, 20, 40, 80, 160, 320)
    print("  " + " " * 40 + "".join(f"{n:16d}" for n in budgets))
    for sampler in (
        Euler(schedule=schedule),
        DDIM(schedule=schedule, grid=UniformLogSNR()),
        DPMSolver2M(schedule=schedule),
        Heun(schedule=schedule, grid=UniformLogSNR()),
        Heun(schedule=schedule, grid=Karras()),
    ):
        errors = [(end(sampler.within(n)) - exact).norm(dim=-1).median() for n in budgets]
        orders = [(a / b).log2().item() for a, b in pairwise(errors)]
        cells = [f"{errors[0]:10.2e}      "]
        cells += [f"{error:10.2e} ({order:.1f})" for error, order in zip(errors[1:], orders, strict=True)]
        print(f"  {sampler.label + ', ' + sampler.grid.label:40s}" + "".join(cells))


def corrector_sweep() -> None:
    """Signal to noise of the corrector in the plane: sliced distance, mean of two seeds of 4000 samples."""
    ratios = (0.05, 0.1, 0.16, 0.22, 0.3, 0.4, 0.6)
    print("\nCorrector, one step after each predictor step: SW1 at signal to noise")
    print("  " + " " * 34 + "".join(f"{r:9.2f}" for r in ratios))
    for name, data in (("three modes", three_modes()), ("ring", ring())):
        model, metric = exact_model(data), SlicedWasserstein()
        for schedule in (VE(0.01, 20.0), VP()):
            for steps in (20, 50):
                predictor = ReverseDiffusion(schedule=schedule, steps=steps)
                cells = []
                for r in ratios:
                    pair = PredictorCorrector(predictor, LangevinCorrector(signal_to_noise=r))
                    read = [
                        metric(data, pair.run(model, schedule.prior(data).sample(4000, g), g, 1).final)
                        for g in (torch.Generator().manual_seed(seed) for seed in range(2))
                    ]
                    cells.append(f"{torch.stack(read).mean().item():9.4f}")
                print(f"  {name + ', ' + schedule.name:24s} {steps:4d} steps" + "".join(cells))


def ring() -> GaussianMixture:
    angle = torch.arange(16, dtype=torch.float64) * (2 * math.pi / 16)
    means = 2 * torch.stack([angle.cos(), angle.sin()], dim=-1)
    narrow = 0.02 * torch.eye(2, dtype=torch.float64).expand(16, 2, 2)
    return GaussianMixture(torch.full((16,), 1 / 16, dtype=torch.float64), means, narrow)


def default_page() -> None:
    """Four samplers, 100 evaluations each, every state kept, and their distances along the way."""
    data = three_modes()
    model, x = exact_model(data), torch.randn(PARTICLES, 2, dtype=torch.float64)
    samplers = (
        Langevin(steps=100),
        AnnealedLangevin(SCHEDULE, levels=10, inner=10),
        ReverseSDE(steps=100),
        Heun(steps=51),
    )
    metric = SlicedWasserstein(16, 512)

    def run() -> list[Tensor]:
        tracks = []
        for sampler in samplers:
            film = sampler.run(model, x, torch.Generator().manual_seed(0))
            tracks.append(metric(data.diffused(film.alphas, film.sigmas), film.states))
        return tracks

    move = statistics.median(
        alternated(lambda: [sampler.run(model, x, torch.Generator()) for sampler in samplers])[0]
    )
    whole = statistics.median(alternated(run)[0])
    print(f"\nFour samplers x {PARTICLES} particles x 100 evaluations, exact score, all states kept:")
    print(f"  {1e3 * move:.0f} ms to move, {1e3 * whole:.0f} ms with the distance to p_t at every state")


def cost_of_metrics() -> None:
    """One set of 20000 samples."""
    data = three_modes()
    x = data.sample(20000, torch.Generator().manual_seed(0))
    for metric in (SlicedWasserstein(), EnergyDistance()):
        every = statistics.median(alternated(lambda m=metric: m(data, x))[0])
        print(f"  {metric.label}, n = 20000: {1e3 * every:.0f} ms")


def main() -> None:
    """All of it."""
    torch.set_num_threads(1)
    speed()
    table()
    convergence()
    corrector_sweep()
    default_page()
    cost_of_metrics()


if __name__ == "__main__":
    main()
