"""Checkpoints: the state from which a resumed run ends as an unbroken one."""

import io
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from dann.errors import BadInput
from dann.files import write_whole
from dann.methods.method import Method

CHECKPOINT = "checkpoint.pt"


def save(path: Path, method: Method, optimizer: torch.optim.Optimizer, step: int) -> None:
    """Write the state after ``step`` steps; batches and dropout are functions of the step and have no state."""
    state = {"step": step, "method": method.state_dict(), "optimizer": optimizer.state_dict()}
    buffer = io.BytesIO()
    torch.save(tree_map_only(Tensor, Tensor.clone, state), buffer)  # a view would be saved with its whole tensor
    write_whole(path, buffer.getvalue())


def read_step(path: Path) -> int:
    """The number of steps after which the checkpoint was saved; 0 if there is none."""
    return int(_read(path, torch.device("cpu"))["step"]) if path.is_file() else 0


def read_shapes(path: Path) -> dict[str, torch.Size]:
    """The shapes of the method's parameters and buffers, by name."""
    return {name: value.shape for name, value in _read(path, torch.device("cpu"))["method"].items()}


def read_method(path: Path) -> dict[str, Tensor]:
    """The method's parameters and buffers, by name, on the CPU."""
    state: dict[str, Tensor] = _read(path, torch.device("cpu"))["method"]
    return state


def load(path: Path, method: Method, optimizer: torch.optim.Optimizer | None = None) -> int:
    """Restore the state that ``save`` wrote; returns the number of steps done.

    Raises:
        BadInput: the file is damaged or belongs to another network.
    """
    state = _read(path, next(method.parameters()).device)
    try:
        method.load_state_dict(state["method"])
        if optimizer is not None:
            optimizer.load_state_dict(state["optimizer"])
    except Exception as error:  # torch raises half a dozen types for the state of another network
        raise _damaged(path) from error
    return int(state["step"])


def _read(path: Path, device: torch.device) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        # Version 0.1 called a backbone "trunk".
        method = {name.replace(".trunk.", ".backbone."): value for name, value in state["method"].items()}
        return {"step": state["step"], "method": method, "optimizer": state["optimizer"]}
    except Exception as error:  # torch raises half a dozen types for damaged files
        raise _damaged(path) from error


def _damaged(path: Path) -> BadInput:
    return BadInput(f"{path}: cannot be restored: remove its folder to start this run anew")
