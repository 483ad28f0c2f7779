"""What an identity is: two sides computed independently of one another, and what their agreement means."""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from gmviz.densities import Density
from gmviz.divergences import Divergence
from gmviz.noising import fine_grid

Side = Callable[[Density, Density], Float[Tensor, "..."]]


@dataclass(frozen=True)
class Relation:
    """How the two sides compare, and by how much that can be violated: the excess is 0 where it holds."""

    symbol: str
    excess: Callable[[Tensor, Tensor], Tensor]


EQUAL = Relation("=", lambda left, right: (left - right).abs())
AT_MOST = Relation("≤", lambda left, right: (left - right).clamp_min(0.0))


@dataclass(frozen=True)
class Verdict:
    """Both sides for one pair, and the largest excess in units of max(1, |right|)."""

    left: Float[Tensor, "..."]
    right: Float[Tensor, "..."]
    difference: float
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether the identity holds; never for NaN."""
        return self.difference <= self.tolerance


@dataclass(frozen=True)
class Identity:
    """A statement in words and as a formula (LaTeX), with both sides as functions of (p, q)."""

    name: str
    page: str
    statement: str
    formula: str
    source: str
    left: Side
    right: Side
    tolerance: float
    relation: Relation = EQUAL

    def check(self, p: Density, q: Density) -> Verdict:
        """Compute both sides for a pair of smooth densities."""
        left, right = self.left(p, q), self.right(p, q)
        excess = self.relation.excess(left, right).max() / right.abs().max().clamp_min(1.0)
        return Verdict(left, right, excess.item(), self.tolerance)


def value(divergence: Divergence) -> Side:
    """The divergence of the pair itself."""
    return lambda p, q: divergence(p, q, fine_grid(p, q)).value
