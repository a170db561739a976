"""A linear layer with its LoRA as one step of the way back: same numbers as peft's, fewer passes over memory.

peft builds the same out of five operations with an entry in autograd's book each; on a CPU that costs as much as the
arithmetic of so small a rank.
"""

from functools import partial
from typing import Any

import torch
from peft.tuners.lora.layer import Linear
from torch import Tensor

ADAPTER = "default"  # as `add_adapter` calls the only one


class _LoraLinear(torch.autograd.Function):
    """x · Wᵀ + b + scale · (x · Aᵀ) · Bᵀ, with gradients for x, A and B; W and b are frozen."""

    @staticmethod
    def forward(context: Any, x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor,
                scale: float) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        inner = rows @ down.t()
        out = torch.addmm(bias, rows, weight.t()) if bias is not None else rows @ weight.t()
        out.addmm_(inner, up.t(), alpha=scale)
        context.save_for_backward(rows, inner, weight, down, up)
        context.scale, context.shape = scale, x.shape
        return out.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        rows, inner, weight, down, up = context.saved_tensors
        gradient = gradient.reshape(-1, gradient.shape[-1])
        back = (gradient @ up).mul_(context.scale)
        of_x = None
        if context.needs_input_grad[0]:
            of_x = torch.addmm(gradient @ weight, back, down).view(context.shape)
        return of_x, None, None, back.t() @ rows, (gradient.t() @ inner).mul_(context.scale), None


def _forward(layer: Linear, x: Tensor, *_: Any, **__: Any) -> Tensor:
    base = layer.base_layer
    return _LoraLinear.apply(x, base.weight, base.bias, layer.lora_A[ADAPTER].weight, layer.lora_B[ADAPTER].weight,
                             layer.scaling[ADAPTER])


def quicken(module: torch.nn.Module) -> None:
    """Give every linear LoRA layer of `module` the quicker way; for float32 weights, outside of autocast."""
    for layer in module.modules():
        if isinstance(layer, Linear):
            layer.forward = partial(_forward, layer)
