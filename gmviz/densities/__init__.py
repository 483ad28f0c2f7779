"""Densities with exact log-density, score, Hessian and samples at every noise level.

A Gaussian mixture Σ_k w_k N(m_k, C_k) stays one under noise: αx₀ + σz has means αm_k and covariances
α²C_k + σ²I. A kernel density is the mixture of equal weights centred on data.
"""

from gmviz.densities.density import Density
from gmviz.densities.gaussian import GaussianMixture
from gmviz.densities.kernel import KernelDensity
from gmviz.densities.mixture import CHUNK, Mixture

__all__ = ["CHUNK", "Density", "GaussianMixture", "KernelDensity", "Mixture"]
