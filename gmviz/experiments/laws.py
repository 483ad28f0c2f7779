"""The laws that can be sampled: the named toys and one more whose mass on the left is known."""

import torch
from jaxtyping import Int
from torch import Tensor

from gmviz.datasets import DATASETS, Dataset
from gmviz.densities import Density, GaussianMixture


def _two_modes() -> tuple[Density, Int[Tensor, "K"]]:
    means = torch.tensor([[-2.0, 0.0], [2.0, 0.0]], dtype=torch.float64)
    weights = torch.tensor([0.7, 0.3], dtype=torch.float64)
    covariances = 0.25 * torch.eye(2, dtype=torch.float64).expand(2, 2, 2)
    return GaussianMixture(weights, means, covariances), torch.arange(2)


TWO_MODES = Dataset("two-modes", "Two modes, .7 and .3", _two_modes)
DATA = (*DATASETS, TWO_MODES)
P7 = next(data for data in DATASETS if data.name == "p7")
EXAMPLES = 7  # the seed of every draw of data points


def data_points(data: Dataset, n: int) -> torch.Tensor:
    """n points of a law (n, 2), the same at every call."""
    return data.density.sample(n, torch.Generator().manual_seed(EXAMPLES))
