"""Muon: momentum whose update is orthogonalized by a Newton-Schulz iteration (Jordan 2024), in float32.

The update is scaled to the size of Adam's as in "Muon is scalable for LLM training" (Liu et al. 2025,
arXiv:2502.16982), so one learning rate serves both. ``torch.optim.Muon`` iterates in bfloat16, which on processors
without bfloat16 arithmetic takes ten times as long as the rest of the step; that is why it is not used.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim import Optimizer

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_ADAM_SIZE = 0.2


class Muon(Optimizer):
    """For matrices of weights only.

    Args:
        matrices: parameters of shape (N, K).
        lr: learning rate, as for Adam.
        momentum: weight of the past gradient.
    """

    def __init__(self, matrices: Iterable[Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update."""
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                if not state:
                    state["momentum"] = torch.zeros_like(matrix)
                past = state["momentum"].lerp_(matrix.grad, 1 - group["momentum"])
                update = orthogonalized(matrix.grad.lerp(past, group["momentum"]))
                matrix.add_(update, alpha=-group["lr"] * _ADAM_SIZE * max(matrix.shape) ** 0.5)


def orthogonalized(matrix: Tensor) -> Tensor:
    """The nearest matrix with singular values near 1, (N, K) to (N, K)."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-9)
    x = _by_gram(x) if x.shape[1] > 2 * x.shape[0] else _directly(x)
    result: Tensor = x.T if tall else x
    return result


def _directly(x: Tensor) -> Tensor:
    a, b, c = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


def _by_gram(x: Tensor) -> Tensor:
    """The same for wide matrices (N, K): all iterations on their products (N, N), which commute, and one with x."""
    a, b, c = _COEFFICIENTS
    gram = x @ x.T
    one = torch.eye(len(x), dtype=x.dtype, device=x.device)
    all_steps = one
    for iteration in range(_ITERATIONS):
        step = a * one + b * gram + c * gram @ gram
        all_steps = step @ all_steps
        if iteration < _ITERATIONS - 1:
            gram = step @ gram @ step
    return all_steps @ x
