"""Copies of modules: a frozen one, and one with new initial weights."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn


class Frozen(nn.Module):
    """A copy of a module that is never trained and stays in evaluation mode.

    Args:
        module: the module to copy, now and at each call of ``copy_from``.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = deepcopy(module).requires_grad_(False).eval()

    def copy_from(self, module: nn.Module) -> None:
        """Copy the current parameters and buffers of ``module``; in place, as stacked runs require."""
        with torch.no_grad():
            for own, current in zip(_state(self.module), _state(module), strict=True):
                own.copy_(current)

    def train(self, mode: bool = True) -> "Frozen":
        return super().train(False)

    def forward(self, *inputs: Any) -> Any:
        return self.module(*inputs)


def copy_with_new_weights(module: nn.Module) -> nn.Module:
    """A copy of ``module`` with newly drawn initial weights, for a second classifier."""
    copy = deepcopy(module)
    for part in copy.modules():
        if callable(reset := getattr(part, "reset_parameters", None)):
            reset()
    return copy


def _state(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]
