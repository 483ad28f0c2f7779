"""A scene asks before it tells: a question, its options, and the state of the page that answers it."""

from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from gmviz.checks import require


@dataclass(frozen=True)
class Scene:
    """One predict-then-reveal moment of a page.

    The page takes the state `request`, the play-head waits at the start with its numerals hidden until one of
    `options` is chosen (or the question is skipped), then plays to `at`, a value of the swept quantity.
    `takeaway` is a format string over the numbers that the result itself reads at `at`.
    """

    id: str
    question: str
    options: tuple[str, ...]
    answer: int
    request: Any
    at: float
    takeaway: str

    def __post_init__(self) -> None:
        require(len(self.options) >= 2, "options", "at least two", self.options)
        require(0 <= self.answer < len(self.options), "answer", "the index of an option", self.answer)


def nearest(values: Float[Tensor, "t"], at: float) -> int:
    """The index of the swept value closest to `at`."""
    return int((values - at).abs().argmin())
