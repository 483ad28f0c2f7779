"""Fitting a network by an objective: a generator of progress and checkpoints.

Points and noise of a step depend on the seed alone, so fits of several objectives with one seed see the same
points and, per head, start from the same weights. Several seeds are one batch of networks.
"""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require
from gmviz.fitting.adam import Adam
from gmviz.fitting.judge import Errors, Judge, box
from gmviz.fitting.recipe import Recipe
from gmviz.fitting.sources import Source
from gmviz.networks import Architecture, Head, Network
from gmviz.objectives import Draw, Objective
from gmviz.objectives.objective import has_edges

BLOCK = 64  # steps whose random numbers are drawn at once, and between two reports
CELLS = 48  # along an axis, for the partition function in training: finer grids give the same fit
UNSEEN = 4000  # held-out points that are looked at
SURE = 6.0  # standard errors
SMALLER = "take a smaller learning rate"
FOLLOWS = "the model follows single points: add noise, take DSM, or give it more points"


@dataclass(frozen=True, eq=False)
class Progress:
    """After `step` of `steps`: the divergence the recent losses read, and its standard error, per seed.

    Without a smooth truth the constant is unknown, and the reading is the loss itself.
    """

    step: int
    steps: int
    reading: Float[Tensor, "*models"]
    uncertainty: Float[Tensor, "*models"]


@dataclass(frozen=True, eq=False)
class Checkpoint(Progress):
    """Progress with the model of averaged weights, its true errors and the reading on held-out points.

    Errors are None where the truth is unknown, `unseen` where nothing is held out. `warning` says what is
    wrong; `stopped` says why a fit ended before its budget.
    """

    model: Network
    errors: Errors | None
    unseen: Float[Tensor, "*models"] | None
    warning: str | None = None
    stopped: str | None = None


@dataclass(frozen=True)
class Fit:
    """What is fitted: objective, head, network, recipe and seeds (one network each)."""

    objective: Objective
    head: Head = Head.SCORE
    architecture: Architecture = field(default_factory=Architecture)
    recipe: Recipe = field(default_factory=Recipe)
    seeds: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        require(len(self.seeds) > 0, "seeds", "at least one", self.seeds)
        require(all(seed >= 0 for seed in self.seeds), "seeds", "at least 0", self.seeds)

    def network(self, source: Source) -> Network:
        """The network before the first step, in float32."""
        centre, spread = source.scale(self.objective.sigma)
        grid = None
        if self.head is Head.ENERGY:
            grid = box(source.law.noised(self.objective.sigma), CELLS, reach=4.0)
        generators = [_stream(seed, 0) for seed in self.seeds]
        return self.architecture.draw(self.head, centre.float(), spread, generators, grid)

    def run(self, source: Source) -> Iterator[Progress]:
        """Train; yields `Progress` after every block of steps and a `Checkpoint` on the recipe's grid.

        The last one yielded is a `Checkpoint`. Raises `ValueError` if the objective cannot run on this head
        or these data.
        """
        reason = self.objective.refusal(self.head.provides, source.truth)
        if reason is not None:
            raise ValueError(reason)
        return _Training(self, source).run()


class _Training:
    """One run of a fit."""

    def __init__(self, fit: Fit, source: Source) -> None:
        self.fit, self.source, self.recipe = fit, source, fit.recipe
        self.network = fit.network(source)
        self.adam = Adam(self.network.parameters, 0.9, fit.recipe.second, fit.recipe.average)
        truth, sigma = source.truth, fit.objective.sigma
        self.judge, self.offset = None, 0.0
        if truth is not None and not (sigma == 0 and has_edges(truth)):
            self.judge, self.offset = Judge(truth, sigma), fit.objective.offset(truth).value.item()
        self.recent: deque[Tensor] = deque(maxlen=BLOCK)
        self.best, self.stale = math.inf, 0

    def run(self) -> Iterator[Progress]:
        looks, steps = set(self.recipe.checkpoints()), self.recipe.steps
        for step, (x, draw) in enumerate(self._batches()):
            model = self.network.with_parameters(self.adam.parameters)
            losses = self.fit.objective.losses(model, x, draw, self.source.truth)
            loss = losses.mean(-1).sum()
            (gradient,) = torch.autograd.grad(loss, self.adam.parameters)
            if not math.isfinite(loss.item() + gradient.sum().item()):
                yield self._look(
                    step, f"step {step}: the loss or its gradient is no longer finite; {SMALLER}"
                )
                return
            self.recent.append(losses.detach())
            if step in looks:
                checkpoint = self._look(step)
                yield checkpoint
                if checkpoint.stopped:
                    return
            elif step % BLOCK == 0:
                yield Progress(step, steps, *self._reading())
            self.adam.step(gradient, self.recipe.rate_at(step))
        yield self._look(steps)

    def _batches(self) -> Iterator[tuple[Tensor, Draw]]:
        """Points and random numbers of every step, drawn a block of steps at once."""
        seeds = self.fit.seeds
        streams = [(_stream(seed, 1), _stream(seed, 2)) for seed in seeds]
        for start in range(0, self.recipe.steps, BLOCK):
            count = min(BLOCK, self.recipe.steps - start)
            blocks = [self._block(count, *stream) for stream in streams]
            x = _join([x for x, _ in blocks], 1)
            noise = _join([draw.noise for _, draw in blocks], 1)
            probes = _join([draw.probes for _, draw in blocks], 2)
            yield from ((x[i], Draw(noise[i], probes[:, i])) for i in range(count))

    def _block(self, count: int, data: torch.Generator, noise: torch.Generator) -> tuple[Tensor, Draw]:
        x = self.source.sample(count * self.recipe.batch, data).float()
        x = x.unflatten(0, (count, self.recipe.batch))
        return x, self.fit.objective.draw(x, noise)

    def _reading(self) -> tuple[Tensor, Tensor]:
        """The mean of the recent losses as a divergence, and its standard error.

        However often N points are drawn, they say no more about their law than N points.
        """
        losses = torch.cat(list(self.recent), dim=-1).double()
        count = losses.shape[-1] if self.source.size is None else min(losses.shape[-1], self.source.size)
        return losses.mean(-1) + self.offset, losses.std(-1) / count**0.5

    @torch.no_grad()
    def _look(self, step: int, stopped: str | None = None) -> Checkpoint:
        if not self.recent:
            raise FloatingPointError(stopped)
        reading, uncertainty = self._reading()
        model = self.network.with_parameters(self.adam.averaged.clone())
        errors = None if self.judge is None else self.judge.errors(model)
        unseen, doubt = self._unseen(model)
        stopped = stopped or self._settled(step, errors, unseen)
        warning = self._warning(step, reading, uncertainty, unseen, doubt)
        return Checkpoint(
            step, self.recipe.steps, reading, uncertainty, model, errors, unseen, warning, stopped
        )

    def _unseen(self, model: Network) -> tuple[Tensor | None, Tensor | None]:
        """The reading on held-out points with the same noise at every look, and its standard error."""
        if self.source.held_out is None:
            return None, None
        x = self.source.held_out[:UNSEEN].float()
        draw = self.fit.objective.draw(x, _stream(self.fit.seeds[0], 3))
        models = self.network.parameters.shape[:-1]
        x, noise = (part.expand(*models, *part.shape) for part in (x, draw.noise))
        probes = draw.probes
        if models:
            probes = probes.unsqueeze(1).expand(-1, *models, -1, -1)
        losses = self.fit.objective.losses(model, x, Draw(noise, probes), self.source.truth).double()
        return losses.mean(-1) + self.offset, losses.std(-1) / losses.shape[-1] ** 0.5

    def _settled(self, step: int, errors: Errors | None, unseen: Tensor | None) -> str | None:
        """Why to stop, if the error (or the unseen loss) has not improved by 1 % for `patience` looks."""
        judged = errors.relative if errors is not None else unseen
        if self.recipe.patience == 0 or judged is None:
            return None
        error = judged.mean().item()
        if error < self.best - 0.01 * abs(self.best) or math.isinf(self.best):
            self.best, self.stale = error, 0
        else:
            self.stale += 1
        if self.stale < self.recipe.patience:
            return None
        return f"step {step}: the error has settled, {self.stale} checkpoints without 1 % of progress"

    def _warning(
        self, step: int, reading: Tensor, uncertainty: Tensor, unseen: Tensor | None, doubt: Tensor | None
    ) -> str | None:
        """What the losses themselves betray: a divergence below zero, or a gap to points never trained on."""
        if self.judge is not None and bool((reading < -SURE * uncertainty).any()):
            return f"step {step}: the losses read a divergence below 0, which none can be; {FOLLOWS}"
        if unseen is not None and doubt is not None:
            gap = unseen - reading
            if bool((gap > SURE * torch.hypot(uncertainty, doubt)).any()):
                return f"step {step}: unseen points read {gap.max().item():.3g} above trained ones; {FOLLOWS}"
        return None


def _stream(seed: int, purpose: int) -> torch.Generator:
    """Independent generators of one seed: 0 weights, 1 points, 2 noise, 3 noise on held-out points."""
    return torch.Generator().manual_seed(4 * seed + purpose)


def _join(parts: list[Tensor], axis: int) -> Tensor:
    """The seeds side by side; a single seed has no axis."""
    return parts[0] if len(parts) == 1 else torch.stack(parts, dim=axis)
