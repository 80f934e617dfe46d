"""Losses in float32 or better, even if autocast produces features and logits in bf16."""

import torch
from torch import Tensor


def at_least_float32(x: Tensor) -> Tensor:
    """Convert half-precision tensors to float32; leave float32 and float64 as they are."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def matmul(left: Tensor, right: Tensor) -> Tensor:
    """The matrix product in the precision of its operands; autocast would compute it in bf16."""
    with torch.autocast(left.device.type, enabled=False):
        return left @ right
