"""Named laws in the plane whose density, score and samples are exact at every noise level.

All but P2 and P7, which keep the coordinates of their known numbers, have mean 0 and an average variance per
dimension of 1.
"""

from gmviz.datasets.dataset import Dataset
from gmviz.datasets.toys import DATASETS

__all__ = ["DATASETS", "Dataset"]
