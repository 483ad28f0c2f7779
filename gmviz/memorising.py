"""What a kernel density says at noised points: which data they are drawn back to."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

CHUNK = 2**21  # bytes of one matrix of weights: it stays in the processor's cache


@dataclass(frozen=True, eq=False)
class Recall:
    """The points y = x + σz seen by the kernel density of data, for each σ.

    `score` (T, m, 2) is ∇log p̂_σ(y) = Σ w_b (x_b − y)/σ²; `largest` (T, m) is the largest weight w_b(y). One
    close to 1 means that y is drawn to a single point: it is remembered.
    """

    score: Float[Tensor, "T m d"]
    largest: Float[Tensor, "T m"]


def recall(
    data: Float[Tensor, "n d"],
    x: Float[Tensor, "m d"],
    z: Float[Tensor, "m d"],
    sigmas: Float[Tensor, "T"],
) -> Recall:
    """The kernel density's score and largest weight at x + σz for every σ.

    −|x + σz − x_b|²/2σ² is, but for a constant, −|x − x_b|²/2σ² + z·(x_b − x)/σ: distances and products are
    taken once for all σ, in double precision; the weights are in single precision, good to 1e-5.
    """
    columns = data.float().T.contiguous()
    size = max(1, CHUNK // (4 * len(data)))
    parts = []
    for base, noise in zip(x.split(size), z.split(size), strict=True):
        squared = squared_distances(base, data)
        away = (squared - squared.amin(-1, keepdim=True)).float()
        along = (noise @ data.T - (noise * base).sum(-1, keepdim=True)).float()
        weights = (torch.softmax(along / s - away * (0.5 / s**2), dim=-1) for s in sigmas.tolist())
        # One product per column: two columns at once are five times slower.
        parts.append([(torch.stack([w @ c for c in columns], dim=-1), w.amax(-1)) for w in weights])
    means, largest = (
        torch.stack([torch.cat([part[t][k] for part in parts]) for t in range(len(sigmas))]) for k in (0, 1)
    )
    scale = sigmas[:, None, None]
    return Recall((means.double() - x) / scale.square() - z / scale, largest.double())


def squared_distances(x: Float[Tensor, "m d"], y: Float[Tensor, "n d"]) -> Float[Tensor, "m n"]:
    """|x_i − y_j|², coordinate by coordinate: what is small stays exact."""
    total = x.new_zeros(len(x), len(y))
    for a, b in zip(x.T, y.T, strict=True):
        total += (a[:, None] - b).square_()
    return total
