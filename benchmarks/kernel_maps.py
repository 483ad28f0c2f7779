"""Kernel densities on a grid: factorised kernels against dense sums, their time and their memory.

Log-density and score of 5000 points on a 128 × 128 grid for 60 widths σ from 0.005 to 2. The dense sums are
the textbook one (all differences, a log-sum-exp and a softmax, in blocks of 64 MB) and `KernelDensity`'s
(distances by one product, blocks that stay in the cache). The textbook one is run for every tenth width and
its time multiplied. Each way runs in a process of its own, so that its peak memory is its own.
Run: python -m benchmarks.kernel_maps
"""

import math
import multiprocessing
import resource
import time
from collections.abc import Callable

import torch
from torch import Tensor

from gmviz.densities import KernelDensity
from gmviz.kernel_maps import kernel_maps
from gmviz.pairs import P2

POINTS, NODES, SIGMAS = 5000, 128, 60
SKIPPED = 10  # the textbook sum is run for every tenth width, and all are compared there


def job() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Points (n, 2), xs and ys of the grid, σ (T,)."""
    points = P2.sample(POINTS, torch.Generator().manual_seed(0))
    (x0, x1), (y0, y1) = P2.bounds(3.2).tolist()
    axes = (torch.linspace(low, high, NODES, dtype=torch.float64) for low, high in ((x0, x1), (y0, y1)))
    sigmas = torch.logspace(-2.3, 0.3, SIGMAS, dtype=torch.float64)
    return points, *axes, sigmas


def factorised() -> tuple[Tensor, Tensor]:
    """log p̂ (T, H, W) and its score (T, H, W, 2) by matrix products."""
    maps = kernel_maps(*job())
    return maps.log_prob, maps.score


def nodes(xs: Tensor, ys: Tensor) -> Tensor:
    """The nodes of the grid, row by row."""
    return torch.stack(torch.meshgrid(xs, ys, indexing="xy"), dim=-1).flatten(0, 1)


def mixture() -> tuple[Tensor, Tensor]:
    """The same by `KernelDensity`."""
    points, xs, ys, sigmas = job()
    x = nodes(xs, ys)
    parts = [KernelDensity(points, sigma).value_and_score(x) for sigma in sigmas]
    log_prob, score = (torch.stack(each) for each in zip(*parts, strict=True))
    return log_prob.unflatten(1, (NODES, NODES)), score.unflatten(1, (NODES, NODES))


def textbook() -> tuple[Tensor, Tensor]:
    """The same by all differences, for every tenth width."""
    points, xs, ys, sigmas = job()
    log_prob, score = [], []
    for sigma in sigmas[::SKIPPED]:
        peak = math.log(POINTS) + math.log(2 * math.pi * sigma**2)
        for x in nodes(xs, ys).split(64 * 2**20 // (16 * POINTS)):
            apart = points - x[:, None]
            exponents = -apart.square().sum(-1) / (2 * sigma**2)
            weights = torch.softmax(exponents, dim=-1)
            log_prob.append(torch.logsumexp(exponents, dim=-1) - peak)
            score.append((weights[..., None] * apart).sum(-2) / sigma**2)
    return torch.cat(log_prob).view(-1, NODES, NODES), torch.cat(score).view(-1, NODES, NODES, 2)


def peak_memory() -> float:
    """The most memory this process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(way: Callable[[], tuple[Tensor, Tensor]], pipe) -> None:
    """Send processor seconds, the memory before and the peak, and a few maps."""
    torch.set_num_threads(1)
    before, start = peak_memory(), time.process_time()
    log_prob, score = way()
    seconds, peak = time.process_time() - start, peak_memory()
    every = slice(None, None, SKIPPED if len(log_prob) == SIGMAS else 1)
    pipe.send((seconds * SIGMAS / len(log_prob), before, peak, log_prob[every].numpy(), score[every].numpy()))


def alone(way: Callable[[], tuple[Tensor, Tensor]]) -> tuple:
    """What `measured` sends from a fresh process."""
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=measured, args=(way, send))
    process.start()
    send.close()  # so that a process that ends by a mistake is noticed
    answer = receive.recv()
    process.join()
    return answer


def main() -> None:
    """Print time, memory and the largest differences."""
    print(f"{POINTS} points, {NODES} × {NODES} nodes, {SIGMAS} widths, float64, one thread")
    answers = {way.__name__: alone(way) for way in (factorised, mixture, textbook)}
    fast, *_, value, score = answers["factorised"]
    for name, (seconds, before, peak, log_prob, slopes) in answers.items():
        gap, bend = (abs(a - b).max() / abs(b).max() for a, b in ((value, log_prob), (score, slopes)))
        print(
            f"{name}: {seconds:.1f} s of processor time, {seconds / fast:.0f} times as long; "
            f"peak {peak:.0f} MB, {before:.0f} MB of it imports; "
            f"relative difference {gap:.0e} (log-density), {bend:.0e} (score)"
        )


if __name__ == "__main__":
    main()
