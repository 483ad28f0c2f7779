"""What each divergence sees: integrands, values and quadrature errors for p, the data, and q, the model.

Every integrand is computed from one object, the log-ratio r = log p − log q and its gradient at the nodes, so
all divergences of a pair cost one evaluation of each density. Logarithms are subtracted, never densities
divided; where p has no mass its contribution is the limit 0, where only q has none it is +∞.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from gmviz.densities import Density
from gmviz.local_variance import local_variance as local_variance
from gmviz.quadrature import Estimate, Grid, Sums

CHUNK = 4 * 2**20  # bytes of an intermediate: blocks that stay in the cache are the fastest
SMALLEST = 1e-300  # stands for an underflowed density, so that 0·∞ stays ∞ where p has mass


@dataclass(frozen=True)
class LogRatio:
    """log p and log q (..., n) at some points, and their gradients (..., n, d) where they were asked for."""

    log_p: Float[Tensor, "..."]
    log_q: Float[Tensor, "..."]
    score_p: Float[Tensor, "..."] | None = None
    score_q: Float[Tensor, "..."] | None = None

    @staticmethod
    def of(p: Density, q: Density, x: Float[Tensor, "... n d"], scores: bool = True) -> "LogRatio":
        """Evaluate both densities once at x (..., n, d)."""
        if not scores:
            return LogRatio(p.log_prob(x), q.log_prob(x))
        (log_p, score_p), (log_q, score_q) = p.value_and_score(x), q.value_and_score(x)
        return LogRatio(log_p, log_q, score_p, score_q)

    @cached_property
    def reverse(self) -> "LogRatio":
        """The same with p and q exchanged."""
        return LogRatio(self.log_q, self.log_p, self.score_q, self.score_p)

    def shifted(self, c: float | Tensor) -> "LogRatio":
        """log q + c instead of log q: a q whose normaliser is wrong by e^c. c is a number or (...)."""
        return replace(self, log_q=self.log_q + torch.as_tensor(c)[..., None])

    @cached_property
    def everywhere(self) -> bool:
        """Whether both densities have mass at every point."""
        return bool((self.log_p.amin() > -torch.inf) & (self.log_q.amin() > -torch.inf))

    @cached_property
    def density(self) -> Float[Tensor, "..."]:
        """p(x)."""
        density = self.log_p.exp().clamp_min(SMALLEST)
        return density if self.everywhere else density.masked_fill(self.log_p == -torch.inf, 0.0)

    @cached_property
    def value(self) -> Float[Tensor, "..."]:
        """r = log p − log q; 0 where p has no mass, ∞ where only q has none."""
        r = self.log_p - self.log_q
        return r if self.everywhere else r.masked_fill(self.log_p == -torch.inf, 0.0)

    @property
    def scores(self) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        """∇log p and ∇log q (..., n, d); `ValueError` where they were not evaluated."""
        if self.score_p is None or self.score_q is None:
            raise ValueError("scores must be evaluated for the gradient of a log-ratio, got none")
        return self.score_p, self.score_q

    @cached_property
    def gradient(self) -> Float[Tensor, "..."]:
        """∇r. Raises `ValueError` without scores."""
        score_p, score_q = self.scores
        return score_p - score_q

    @cached_property
    def squared_slope(self) -> Float[Tensor, "..."]:
        """‖∇r‖²."""
        # Axis by axis: a reduction over a last axis of two or three is several times slower.
        return sum((part.square() for part in self.gradient.unbind(-1)), start=torch.zeros(()))


class Divergence(ABC):
    """A number that compares p and q, by integrals over p of the log-ratio r and its gradient."""

    label: ClassVar[str]
    symbol: ClassVar[str]
    formula: ClassVar[str]  # LaTeX in p and q
    unit: ClassVar[str]
    uses_scores: ClassVar[bool] = True

    @abstractmethod
    def integrand(self, p: Density, q: Density, x: Float[Tensor, "... n d"]) -> Float[Tensor, "..."]:
        """The function (..., n) of x whose integral is the value; (..., n, d) for a vector."""

    @abstractmethod
    def moments(self, ratio: LogRatio) -> Float[Tensor, "k ..."]:
        """The k functions (k, ..., n) whose integrals the value is made of."""

    @abstractmethod
    def combine(self, moments: Estimate) -> Estimate:
        """The value (...) from the integrals (k, ...), with its error."""

    def __call__(self, p: Density, q: Density, grid: Grid | None = None) -> Estimate:
        """The value (...), or (..., d) for a vector, with its quadrature error; +∞ is a legal value."""
        return measure(p, q, (self,), grid)[0]

    @property
    def reverse(self) -> "Divergence":
        """The same with p and q exchanged."""
        return Reverse(self)


class Expectation(Divergence):
    """A divergence that is the integral of one function of the log-ratio."""

    @abstractmethod
    def at(self, ratio: LogRatio) -> Float[Tensor, "..."]:
        """The integrand (..., n) from an evaluated log-ratio."""

    def integrand(self, p: Density, q: Density, x: Float[Tensor, "... n d"]) -> Float[Tensor, "..."]:
        return self.at(LogRatio.of(p, q, x, scores=self.uses_scores))

    def moments(self, ratio: LogRatio) -> Float[Tensor, "k ..."]:
        return self.at(ratio)[None]

    def combine(self, moments: Estimate) -> Estimate:
        return Estimate(moments.value[0], moments.error[0])


class KL(Expectation):
    """E_p[r] (Kullback & Leibler 1951)."""

    label = "KL divergence"
    symbol = "KL(p‖q)"
    formula = r"\mathbb{E}_p\left[\log p - \log q\right]"
    unit = "nats"
    uses_scores = False

    def at(self, ratio: LogRatio) -> Float[Tensor, "..."]:
        return ratio.density * ratio.value


class Fisher(Expectation):
    """½ E_p‖∇r‖² (Hyvärinen 2005)."""

    label = "Fisher divergence"
    symbol = "Fisher(p‖q)"
    formula = r"\tfrac12\,\mathbb{E}_p\left\|\nabla\log p - \nabla\log q\right\|^2"
    unit = "1/length²"

    def at(self, ratio: LogRatio) -> Float[Tensor, "..."]:
        return ratio.density * ratio.squared_slope / 2


class SquaredLogRatio(Expectation):
    """½ E_p[r²]; needs both normalisers, and log p itself."""

    label = "Squared log-ratio"
    symbol = "KLS(p‖q)"
    formula = r"\tfrac12\,\mathbb{E}_p\left[(\log q - \log p)^2\right]"
    unit = "nats²"
    uses_scores = False

    def at(self, ratio: LogRatio) -> Float[Tensor, "..."]:
        return ratio.density * ratio.value.square() / 2


class HalfVarianceLogRatio(Divergence):
    """½ Var_p(r) = min_c ½ E_p[(r − c)²]: the squared log-ratio without the normaliser of q."""

    label = "Half variance of the log-ratio"
    symbol = "½Var(p‖q)"
    formula = r"\tfrac12\,\mathrm{Var}_p\left(\log p - \log q\right)"
    unit = "nats²"
    uses_scores = False

    def centred(self, ratio: LogRatio, mean: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """½ p (r − E_p r)², for E_p r = KL(p‖q) given from outside."""
        return ratio.density * (ratio.value - mean[..., None]).square() / 2

    def integrand(self, p: Density, q: Density, x: Float[Tensor, "... n d"]) -> Float[Tensor, "..."]:
        return self.centred(LogRatio.of(p, q, x, scores=False), kl(p, q).value)

    def moments(self, ratio: LogRatio) -> Float[Tensor, "k ..."]:
        return torch.stack([kl.at(ratio), squared_log_ratio.at(ratio)])

    def combine(self, moments: Estimate) -> Estimate:
        (mean, half_square), (mean_error, square_error) = moments.value, moments.error
        finite = half_square.isfinite()
        value = torch.where(finite, half_square - mean.square() / 2, half_square)
        return Estimate(value, torch.where(finite, square_error + mean.abs() * mean_error, square_error))


class F2(Expectation):
    """The vector E_p[r ∇r] (..., d). It can vanish with p ≠ q, so it is not a divergence."""

    label = "F2, not a divergence"
    symbol = "F2(p‖q)"
    formula = r"\mathbb{E}_p\left[(\log p - \log q)\,(\nabla\log p - \nabla\log q)\right]"
    unit = "1/length"

    def at(self, ratio: LogRatio) -> Float[Tensor, "..."]:
        return (ratio.density * ratio.value)[..., None] * ratio.gradient

    def moments(self, ratio: LogRatio) -> Float[Tensor, "d ..."]:
        return self.at(ratio).movedim(-1, 0)

    def combine(self, moments: Estimate) -> Estimate:
        return Estimate(moments.value.movedim(0, -1), moments.error.movedim(0, -1))


class F2Length(Expectation):
    """E_p‖r ∇r‖, the mean length of the arrows whose mean is F2. Its kinks make it converge only as h²."""

    label = "Mean length of the F2 arrows, not a divergence"
    symbol = "|F2|(p‖q)"
    formula = r"\mathbb{E}_p\left\|(\log p - \log q)\,(\nabla\log p - \nabla\log q)\right\|"
    unit = "1/length"

    def at(self, ratio: LogRatio) -> Float[Tensor, "..."]:
        return ratio.density * ratio.value.abs() * ratio.squared_slope.sqrt()


@dataclass(frozen=True)
class Reverse(Divergence):
    """A divergence with the roles of p and q exchanged: D(q‖p)."""

    forward: Divergence

    @property
    def label(self) -> str:  # type: ignore[override]
        return f"Reverse {self.forward.label}"

    @property
    def symbol(self) -> str:  # type: ignore[override]
        return self.forward.symbol.replace("(p‖q)", "(q‖p)")

    @property
    def formula(self) -> str:  # type: ignore[override]
        return self.forward.formula.translate(str.maketrans("pq", "qp"))

    @property
    def unit(self) -> str:  # type: ignore[override]
        return self.forward.unit

    @property
    def uses_scores(self) -> bool:  # type: ignore[override]
        return self.forward.uses_scores

    @property
    def reverse(self) -> Divergence:
        return self.forward

    def integrand(self, p: Density, q: Density, x: Float[Tensor, "... n d"]) -> Float[Tensor, "..."]:
        return self.forward.integrand(q, p, x)

    def moments(self, ratio: LogRatio) -> Float[Tensor, "k ..."]:
        return self.forward.moments(ratio.reverse)

    def combine(self, moments: Estimate) -> Estimate:
        return self.forward.combine(moments)


kl = KL()
fisher = Fisher()
squared_log_ratio = SquaredLogRatio()
half_variance_log_ratio = HalfVarianceLogRatio()
f2 = F2()
f2_length = F2Length()

DIVERGENCES = (kl, kl.reverse, fisher, fisher.reverse, squared_log_ratio, half_variance_log_ratio, f2)


def measure(
    p: Density,
    q: Density,
    divergences: Sequence[Divergence] = DIVERGENCES,
    grid: Grid | None = None,
    offset: float | Tensor = 0.0,
) -> tuple[Estimate, ...]:
    """The values of several divergences of one pair, from one evaluation of each density at each node.

    p or q may carry a batch (...): a sweep on one grid. `offset` c replaces log q by log q + c. Without a
    grid the pair's own is taken.
    """
    grid = Grid.covering(p, q) if grid is None else grid
    scores = any(divergence.uses_scores for divergence in divergences)
    laws = torch.broadcast_shapes(*(law.log_prob(grid.nodes[:1]).shape for law in (p, q))).numel()
    bytes_per_node = 8 * 2 * p.dimension * laws

    def sums(block: Grid) -> list[Sums]:
        ratio = LogRatio.of(p, q, block.nodes, scores).shifted(offset)
        return [block.sums(divergence.moments(ratio)) for divergence in divergences]

    def add(total: list[Sums], block: list[Sums]) -> list[Sums]:
        return [a + b for a, b in zip(total, block, strict=True)]

    totals = reduce(add, map(sums, grid.blocks(bytes_per_node, CHUNK)))
    return tuple(
        divergence.combine(total.estimate()) for divergence, total in zip(divergences, totals, strict=True)
    )
