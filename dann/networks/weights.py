"""Loading of models and weights: from libraries and from files."""

import pickle
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dann.errors import BadInput

SHOWN = 3  # number of keys listed in a message


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
    if not Path(weights).is_file():
        raise BadInput(f"network.weights: {weights} is not a file: write default, none or the path of a file")
    return Path(weights)


def read_weights(model: nn.Module, path: Path) -> bool:
    """Load a state dict into a model; its last layer may be missing or have another number of classes.

    Returns:
        whether the last layer was loaded too.

    Raises:
        BadInput: the file is not a state dict, or that of another model; lists some keys.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise BadInput(f"network.weights: {path} is not a plain state dict: save one with torch.save") from error
    state = state.get("state_dict", state) if isinstance(state, Mapping) else {}
    state = state if isinstance(state, Mapping) else {}
    own = model.state_dict()
    last = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)][-1:]
    kept = {name: value for name, value in own.items() if not last or not name.startswith(f"{last[0]}.")}
    wrong = [name for name, value in kept.items()
             if not isinstance(state.get(name), Tensor) or state[name].shape != value.shape]  # fmt: skip
    wrong += [name for name in state if name not in own]
    if wrong:
        more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise BadInput(
            f"network.weights: {path} belongs to another model: {', '.join(wrong[:SHOWN])}{more} missing, of another "
            "shape or unknown: set network.model to the model of the file"
        )
    fitting = {name: value for name, value in state.items() if value.shape == own[name].shape}
    model.load_state_dict(fitting, strict=False)
    return set(fitting) == set(own)
