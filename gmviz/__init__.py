"""gmviz: see the difference between the Fisher divergence and the KL divergence."""

__version__ = "0.1.0"
