"""The laws the samplers are tried on, and a model that counts."""

import torch

from gmviz.densities import GaussianMixture
from gmviz.score_models import ScoreModel

REAL = torch.float64


def mixture(weights, means, variances):
    """A mixture on the line or of round bumps: means (K,) or (K, d), variances (K,)."""
    m = torch.tensor(means, dtype=REAL)
    m = m[:, None] if m.dim() == 1 else m
    C = torch.tensor(variances, dtype=REAL)[:, None, None] * torch.eye(m.shape[1], dtype=REAL)
    return GaussianMixture(torch.tensor(weights, dtype=REAL), m, C)


P7 = mixture([0.6, 0.3, 0.1], [[-2.0, 0.0], [2.0, 1.0], [0.5, -2.0]], [0.16] * 3)
BIM = mixture([0.7, 0.3], [-2.0, 2.0], [0.25] * 2)
P2 = GaussianMixture(
    torch.tensor([0.5, 0.3, 0.2], dtype=REAL),
    torch.tensor([[-1.5, 0.0], [1.5, 0.5], [0.0, 2.0]], dtype=REAL),
    torch.tensor(
        [[[0.5, 0.2], [0.2, 0.4]], [[0.36, 0.0], [0.0, 0.36]], [[0.3, -0.1], [-0.1, 0.6]]], dtype=REAL
    ),
)


class Counting(ScoreModel):
    """Another model, with every evaluation counted and, if wished, NaN from some evaluation on."""

    def __init__(self, model, broken_from=None):
        self.model, self.calls, self.broken_from = model, 0, broken_from
        self.has_log_prob = model.has_log_prob

    @property
    def dimension(self):
        return self.model.dimension

    def _count(self, score):
        self.calls += 1
        broken = self.broken_from is not None and self.calls >= self.broken_from
        return torch.full_like(score, torch.nan) if broken else score

    def score(self, x, alpha, sigma):
        return self._count(self.model.score(x, alpha, sigma))

    def value_and_score(self, x, alpha, sigma):
        value, score = self.model.value_and_score(x, alpha, sigma)
        return value, self._count(score)


class Linear(ScoreModel):
    """s(x) = −x/v + b whatever the noise: what hand-worked steps need."""

    def __init__(self, v, b=0.0, d=2):
        self.v, self.b, self.d = v, b, d

    @property
    def dimension(self):
        return self.d

    def score(self, x, alpha, sigma):
        return -x / self.v + self.b
