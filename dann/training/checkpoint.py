"""Checkpoints: the state from which a resumed run ends as an unbroken one."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from dann.errors import BadInput
from dann.files.archive_seals import is_whole_archive, seal_archive
from dann.files.atomic_files import write_whole
from dann.files.input_limits import check_regular
from dann.methods.method import Method

CHECKPOINT = "checkpoint.pt"
PREVIOUS = "checkpoint.previous.pt"  # the one before, kept while the run is unfinished


class Facts(NamedTuple):
    """The facts on its run that a checkpoint has beside the state.

    Args:
        fingerprint: of the run's configuration.
        precision: of the forward pass: ``bf16`` or ``fp32``.
        together: the names of the runs that trained as one stack with it, itself included.
        seconds: of the run so far.
        log_length: of metrics.jsonl up to the checkpoint, in bytes.
        log_sha256: of the same bytes, in hexadecimal.
        best_step: whose weights ``train.keep_best`` has kept.
    """

    fingerprint: str
    seed: int
    precision: str
    together: tuple[str, ...]
    seconds: float
    log_length: int
    log_sha256: str
    best_step: int = 0  # earlier checkpoints have none


class Saved(NamedTuple):
    """A checkpoint that is whole.

    Args:
        step: after which it was saved.
        facts: None in one of version 0.2.0 or earlier.
    """

    path: Path
    step: int
    facts: Facts | None


def save(
    path: Path,
    method: Method,
    optimizer: torch.optim.Optimizer,
    step: int,
    facts: Facts | None = None,
    average: Method | None = None,
    moved: Mapping[str, Tensor] | None = None,
) -> None:
    """Write the state after ``step`` steps, and keep the checkpoint that was at ``path`` as the previous one.

    Batches and dropout are functions of the step and have no state.

    Args:
        average: the method with the weights that are evaluated in place of the last ones, if there is one.
        moved: the state of self-training, if there is any.
    """
    state = {"step": step, "method": method.state_dict(), "optimizer": optimizer.state_dict()}
    if average is not None:
        state["average"] = average.state_dict()
    if moved is not None:
        state["moved"] = dict(moved)
    if facts is not None:
        state["facts"] = facts._asdict() | {"together": list(facts.together)}
    buffer = io.BytesIO()
    torch.save(tree_map_only(Tensor, Tensor.clone, state), buffer)  # a view would be saved with its whole tensor
    write_whole(path, seal_archive(buffer.getvalue()), before=path.with_name(PREVIOUS))


def keep(folder: Path, saved: Saved | None) -> None:
    """Make ``saved`` the only checkpoint in ``folder``, or remove all, so that none of another course is left."""
    if saved is not None and saved.path.name == PREVIOUS:
        saved.path.replace(folder / CHECKPOINT)
    elif saved is None:
        (folder / CHECKPOINT).unlink(missing_ok=True)
        forget_previous(folder)


def forget_previous(folder: Path) -> None:
    """Remove the previous checkpoint, as of a run that is finished."""
    (folder / PREVIOUS).unlink(missing_ok=True)


def read_saved(path: Path) -> Saved:
    """The step and facts of a checkpoint.

    Raises:
        BadInput: it is damaged.
    """
    state = _read(path, torch.device("cpu"), map_file=True)
    facts = state["facts"]
    try:
        return Saved(path, int(state["step"]), None if facts is None else Facts(**_as_tuple(facts)))
    except (TypeError, ValueError) as error:
        raise _damaged(path) from error


def _as_tuple(facts: dict[str, Any]) -> dict[str, Any]:
    return facts | {"together": tuple(facts["together"])}


def read_shapes(path: Path) -> dict[str, torch.Size]:
    """The shapes of the method's parameters and buffers, by name."""
    return {name: value.shape for name, value in _read(path, torch.device("cpu"), map_file=True)["method"].items()}


def read_moved(path: Path) -> dict[str, Tensor]:
    """The state of self-training."""
    state: dict[str, Tensor] | None = _read(path, torch.device("cpu"))["moved"]
    if state is None:
        raise _damaged(path)
    return state


def read_method(path: Path) -> dict[str, Tensor]:
    """The evaluated method's parameters and buffers, by name, on the CPU."""
    state = _read(path, torch.device("cpu"))
    evaluated: dict[str, Tensor] = state["average"] or state["method"]
    return evaluated


def load(
    path: Path, method: Method, optimizer: torch.optim.Optimizer | None = None, average: Method | None = None
) -> int:
    """Restore the state that ``save`` wrote; returns the number of steps done.

    Args:
        method: receives the trained weights, or those that were evaluated if no optimiser is given.

    Raises:
        BadInput: the file is damaged or belongs to another network.
    """
    state = _read(path, next(method.parameters()).device)
    try:
        evaluated = state["average"] or state["method"]
        method.load_state_dict(evaluated if optimizer is None else state["method"])
        if optimizer is not None:
            optimizer.load_state_dict(state["optimizer"])
        if average is not None:
            average.load_state_dict(evaluated)
    except Exception as error:  # torch raises half a dozen types for the state of another network
        raise _damaged(path) from error
    return int(state["step"])


def _read(path: Path, device: torch.device, map_file: bool = False) -> dict[str, Any]:
    check_regular(path)
    if not is_whole_archive(path):  # torch compares no checksums
        raise _damaged(path)
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True, mmap=map_file)
        # Version 0.1 called a backbone "trunk".
        method = {name.replace(".trunk.", ".backbone."): value for name, value in state["method"].items()}
        added = {"facts": state.get("facts"), "average": state.get("average"), "moved": state.get("moved")}
        return {"step": state["step"], "method": method, "optimizer": state["optimizer"], **added}
    except Exception as error:  # torch raises half a dozen types for damaged files
        raise _damaged(path) from error


def _damaged(path: Path) -> BadInput:
    return BadInput(f"{path}: cannot be restored: remove its folder to start this run anew")
