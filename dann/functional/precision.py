"""Precision of the losses, whatever autocast makes of features and logits."""

import torch
from torch import Tensor


def at_least_float32(x: Tensor) -> Tensor:
    """``x`` in float32 or better."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def matmul(left: Tensor, right: Tensor) -> Tensor:
    """The matrix product in the operands' own precision; autocast would make it bf16."""
    with torch.autocast(left.device.type, enabled=False):
        return left @ right
