"""Convolutions of whole numbers for training: exact sums by the processor's own products, gradients in bfloat16.

Activations within +-127 and weights within +-64 fit bytes, and oneDNN adds their products up without rounding: what
comes out is bit for bit what the float32 convolution gives. Both fit bfloat16, too; of what the gradients are made of
only the incoming ones lose digits.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_ZERO = 128  # the byte that stands for 0


def available() -> bool:
    """Whether this processor and this torch can do it; without such products oneDNN's sums would saturate."""
    found: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # not in older releases
    known = hasattr(torch.ops.onednn, "qconv_pointwise") and hasattr(torch.ops.onednn, "qconv_prepack")
    return known and all(found.get(name, False) for name in ("avx512_vnni", "avx512_bf16"))


def convolve(x: Tensor, kernel: Tensor, bias: Tensor, padding: int, dilation: int) -> Tensor:
    """What `torch.nn.functional.conv2d` gives for whole numbers, (B, N, H, W).

    Args:
        x: whole numbers within +-127, (B, C, H, W).
        kernel: whole numbers within +-127, (N, C, K, K).
        bias: (N,).
        padding, dilation: on both axes.
    """
    sums: Tensor = _Convolution.apply(x, kernel, bias, padding, dilation)  # type: ignore[no-untyped-call]
    return sums


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, bias: Tensor, padding: int, dilation: int) -> Tensor:
        source, weights = (x + _ZERO).to(torch.uint8), kernel.to(torch.int8)
        ctx.save_for_backward(source, weights)
        ctx.shape = [1, 1], [padding] * 2, [dilation] * 2
        ones = torch.ones(len(weights))
        packed = torch.ops.onednn.qconv_prepack(weights, ones, 1.0, _ZERO, *ctx.shape, 1, list(x.shape))
        zeros = torch.zeros(len(weights), dtype=torch.long)
        result: Tensor = torch.ops.onednn.qconv_pointwise(
            source, 1.0, _ZERO, packed, ones, zeros, bias, *ctx.shape, 1, 1.0, 0, torch.float32, "none", [], ""
        )
        return result

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor, None, None]:
        source, weights = ctx.saved_tensors
        (gradient,) = gradients
        to_x, to_kernel, _ = torch.ops.aten.convolution_backward(
            gradient.to(torch.bfloat16),
            source.to(torch.bfloat16) - _ZERO,
            weights.to(torch.bfloat16),
            None,
            *ctx.shape,
            False,
            [0, 0],
            1,
            [ctx.needs_input_grad[0], ctx.needs_input_grad[1], False],
        )
        pulls = [None if pull is None else pull.float() for pull in (to_x, to_kernel)]
        return pulls[0], pulls[1], gradient.sum(dim=(0, 2, 3)), None, None
