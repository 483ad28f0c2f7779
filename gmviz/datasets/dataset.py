"""A law with a name."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from jaxtyping import Int
from torch import Tensor

from gmviz.densities import Density

Built = tuple[Density, Int[Tensor, "K"]]


@dataclass(frozen=True)
class Dataset:
    """A named law: its exact density and the class of each of its components, built at first use.

    `density` is a `Density` on R² in float64; `classes` (K,) numbers the parts a visitor would name (modes,
    arms, letters) from 0, in the order of the density's components.
    """

    name: str
    label: str
    build: Callable[[], Built] = field(repr=False)

    @cached_property
    def _built(self) -> Built:
        return self.build()

    @property
    def density(self) -> Density:
        """The law itself."""
        return self._built[0]

    @property
    def classes(self) -> Int[Tensor, "K"]:
        """The class of each component."""
        return self._built[1]
