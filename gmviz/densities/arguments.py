"""Arguments that several densities share: their checks, and the choice of components."""

import torch
from torch import Tensor

from gmviz.checks import require


def check_noise(alpha: float | Tensor, sigma: float | Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """α and σ ≥ 0 as tensors, checked."""
    alpha, sigma = (torch.as_tensor(value, dtype=like.dtype, device=like.device) for value in (alpha, sigma))
    require(bool(alpha.isfinite().all()), "alpha", "finite", alpha.tolist())
    require(bool((sigma.isfinite() & (sigma >= 0)).all()), "sigma", "at least 0 and finite", sigma.tolist())
    return alpha, sigma


def check_finite(name: str, values: Tensor) -> None:
    require(bool(values.isfinite().all()), name, "finite", "NaN or infinity")


def check_weights(weights: Tensor) -> None:
    require(bool((weights >= 0).all()), "weights", "at least 0", weights.min().item())
    total = weights.sum(-1).flatten()
    off = total[(total - 1).abs().argmax()].item()
    require(abs(off - 1) <= 1e-6, "weights", "of sum 1 within 1e-6", f"sum {off:.8g}")


def pick(weights: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """n indices k ~ w per member of the batch: (..., K) → (..., n)."""
    require(n >= 1, "n", "at least 1", n)
    flat = weights.reshape(-1, weights.shape[-1])
    k = torch.multinomial(flat, n, replacement=True, generator=generator)
    return k.reshape(*weights.shape[:-1], n)
