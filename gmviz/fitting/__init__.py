"""Fitting networks to points by any objective."""

from gmviz.fitting.adam import Adam
from gmviz.fitting.fit import Checkpoint, Fit, Progress
from gmviz.fitting.judge import Errors, Judge
from gmviz.fitting.recipe import Recipe
from gmviz.fitting.sources import Fresh, Points, Source

__all__ = ["Adam", "Checkpoint", "Errors", "Fit", "Fresh", "Judge", "Points", "Progress", "Recipe", "Source"]
