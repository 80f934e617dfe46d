"""Loading of models and weights: from libraries and from files."""

import logging
import pickle
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dann.errors import BadInput
from dann.files.input_limits import check_regular, check_zip
from dann.files.user_paths import find_user_path
from dann.options import name_some

SHOWN = 3  # number of keys listed in a message
WRAPPINGS = ("state_dict", "model_state_dict", "model", "net", "network", "module")  # keys of training checkpoints
COUNTER = "num_batches_tracked"


def load_model(name: str, make: Callable[[], nn.Module], remedy: str = "write weights: none or a file") -> nn.Module:
    """Build the model ``name`` of a library by calling ``make``, which may download weights.

    Raises:
        BadInput: the library failed, for any reason; states it and the remedy.
    """
    try:
        return make()
    except MemoryError:
        raise
    except Exception as error:  # libraries and their download clients raise errors of many types
        reason = " ".join(str(error).split())
        raise BadInput(f"network: {name} could not be loaded ({reason}): {remedy}") from error


def import_package(name: str, extra: str) -> Any:
    """Import an optional package, which the extra ``extra`` installs.

    Raises:
        BadInput: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise BadInput(f"network: {name} is not installed: pip install 'dann[{extra}]'") from error


def find_weights_file(weights: str) -> Path:
    """The path of a weights file.

    Raises:
        BadInput: there is no such file.
    """
    found = find_user_path(weights) if weights.strip() else None
    if found is None or not found.is_file():
        raise BadInput(
            f"network.weights: {weights} is not a file: restore it, or write default, none or the path of a file"
        )
    return found


def read_weights(model: nn.Module, path: Path) -> bool:
    """Load a state dict into a model; its last layer may be missing or have another number of classes.

    The state dict may lie inside a training checkpoint, its keys may share a prefix, as those of DataParallel do, and
    the counters of batch normalisation may be missing, as before PyTorch 0.4.1. What was done is logged.

    Returns:
        whether the last layer was loaded too.

    Raises:
        BadInput: the file is not a state dict, or that of another model; names the keys.
    """
    content, inside = _unwrap(_read_file(path))
    own = model.state_dict()
    last = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)][-1:]
    needed = {name for name in own if not (name.endswith(COUNTER) or (last and name.startswith(f"{last[0]}.")))}
    prefix = _find_prefix(content, needed, path)
    state = {name.removeprefix(prefix): value for name, value in content.items() if name.startswith(prefix)}
    _check_keys(state, own, needed, path)
    fitting = {name: value for name, value in state.items() if value.shape == own[name].shape}
    if infinite := [name for name, value in fitting.items() if not value.isfinite().all()]:
        raise BadInput(
            f"network.weights: {path}: {name_some(infinite, SHOWN)} not finite: restore the file or choose another"
        )
    model.load_state_dict(fitting, strict=False)
    _log(path, inside, prefix, len(content) - len(state), [name for name in own if name not in state])
    return set(own) == set(fitting) | {name for name in own if name.endswith(COUNTER)}


def _read_file(path: Path) -> Any:
    check_regular(path)
    check_zip(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        reason = f"names {named[1].rstrip('.')}, which could run code" if named else "is damaged"
        raise BadInput(f"network.weights: {path} {reason}: save the state dict alone with torch.save") from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise BadInput(f"network.weights: {path} is not a plain state dict: save one with torch.save") from error


def _unwrap(content: Any) -> tuple[dict[str, Tensor], list[str]]:
    """The state dict in a file's content, and the keys that lead to it."""
    inside: list[str] = []
    while isinstance(content, Mapping):
        if (key := next((key for key in WRAPPINGS if isinstance(content.get(key), Mapping)), None)) is None:
            break
        inside.append(key)
        content = content[key]
    if not isinstance(content, Mapping):
        return {}, inside
    return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}, inside


def _find_prefix(state: Mapping[str, Tensor], needed: set[str], path: Path) -> str:
    """The prefix with which all needed keys are there, such as ``module.``; empty if there is none.

    Raises:
        BadInput: there are several, as in files of a student and its teacher.
    """
    if not needed or needed <= set(state):
        return ""
    one = min(needed)
    prefixes = [name.removesuffix(one) for name in state if name.endswith(f".{one}")]
    whole = [prefix for prefix in prefixes if all(prefix + name in state for name in needed)]
    if len(whole) > 1:
        raise BadInput(f"network.weights: {path} holds several networks, {', '.join(whole)}: save the keys of one")
    return whole[0] if whole else ""


def _check_keys(state: Mapping[str, Tensor], own: Mapping[str, Tensor], needed: set[str], path: Path) -> None:
    """Raise if keys are missing, of another shape or unknown; names them."""
    missing = [name for name in own if name in needed and name not in state]
    unknown = [name for name in state if name not in own]
    shapes = [f"{name} {tuple(state[name].shape)} for {tuple(own[name].shape)}"
              for name in own if name in needed and name in state and state[name].shape != own[name].shape]  # fmt: skip
    wrong = [f"{kind}: {name_some(names, SHOWN)}" for kind, names in
             (("missing", missing), ("another shape", shapes), ("unknown", unknown)) if names]  # fmt: skip
    if wrong:
        raise BadInput(
            f"network.weights: {path} belongs to another model ({'; '.join(wrong)}): set network.model to the model of "
            "the file"
        )


def _log(path: Path, inside: list[str], prefix: str, others: int, absent: list[str]) -> None:
    """Log how a file differed from a plain state dict of the model."""
    counters, layers = (
        [name for name in absent if name.endswith(COUNTER) == is_counter] for is_counter in (True, False)
    )
    done = [f"read from its {' and '.join(inside)}"] if inside else []
    done += [f"prefix {prefix} removed"] if prefix else []
    done += [f"{others} other entries left out"] if others else []
    done += [f"{len(counters)} {COUNTER}, which older files lack, start at 0"] if counters else []
    done += [f"{name_some(layers, SHOWN)} newly initialised"] if layers else []
    if done:
        _warn_once(f"network.weights: {path}: {'; '.join(done)}")


@cache  # every run of an experiment reads the same file
def _warn_once(text: str) -> None:
    logging.getLogger("dann").warning(text)
