"""Checkpoints: everything that a resumed run needs to end as the unbroken one would."""

import io
from pathlib import Path

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from dann.errors import BadInput
from dann.files import write_whole
from dann.methods import Method


def save(path: Path, method: Method, optimizer: torch.optim.Optimizer, step: int) -> None:
    """Write the state after ``step`` steps. Batches and dropout are functions of the step, so need no state here."""
    state = {"step": step, "method": method.state_dict(), "optimizer": optimizer.state_dict()}
    buffer = io.BytesIO()
    torch.save(tree_map_only(Tensor, Tensor.clone, state), buffer)  # a view would be saved with all that it is part of
    write_whole(path, buffer.getvalue())


def load(path: Path, method: Method, optimizer: torch.optim.Optimizer | None = None) -> int:
    """Restore what ``save`` wrote; returns the number of steps done.

    Raises:
        BadInput: the file is damaged or of another network.
    """
    try:
        device = next(method.parameters()).device
        state = torch.load(path, map_location=device, weights_only=True)
        method.load_state_dict(state["method"])
        if optimizer is not None:
            optimizer.load_state_dict(state["optimizer"])
    except Exception as error:  # torch raises half a dozen types for damaged files
        raise BadInput(f"{path}: cannot be restored; remove its folder to start this run anew") from error
    return int(state["step"])
