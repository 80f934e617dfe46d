"""Copies of modules: one that is never trained, one that begins anew."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn


class Frozen(nn.Module):
    """A copy of a module that no optimiser steps and that is always in evaluation mode.

    Args:
        module: what is copied, now and whenever ``take`` is called.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = deepcopy(module).requires_grad_(False).eval()

    def copy_from(self, module: nn.Module) -> None:
        """Become a copy of ``module`` as it is now; in place, so that stacked runs keep their places."""
        with torch.no_grad():
            for own, given in zip(_state(self.module), _state(module), strict=True):
                own.copy_(given)

    def train(self, mode: bool = True) -> "Frozen":
        return super().train(False)

    def forward(self, *inputs: Any) -> Any:
        return self.module(*inputs)


def copy_with_new_weights(module: nn.Module) -> nn.Module:
    """A copy of ``module`` with initial weights of its own, as a second classifier has."""
    copy = deepcopy(module)
    for part in copy.modules():
        if callable(reset := getattr(part, "reset_parameters", None)):
            reset()
    return copy


def _state(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]
