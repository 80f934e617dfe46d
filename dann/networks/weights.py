"""Weights that come from elsewhere: made by libraries, read from files."""

import pickle
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dann.errors import BadInput

SHOWN = 3  # keys in a message


def load_model(name: str, make: Callable[[], nn.Module], remedy: str = "give weights: none or a file") -> nn.Module:
    try:
        return make()
    except MemoryError:
        raise
    except Exception as error:  # each library, and what it downloads with, has errors of its own
        reason = " ".join(str(error).split())
        raise BadInput(f"network: {name} cannot be had ({reason}): {remedy}") from error


def import_package(name: str, extra: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise BadInput(f"network: {name} is not installed: pip install 'dann[{extra}]'") from error


def find_weights_file(weights: str) -> Path:
    if not Path(weights).is_file():
        raise BadInput(f"network.weights: {weights} is no file: write default, none or a file")
    return Path(weights)


def read_weights(model: nn.Module, path: Path) -> bool:
    """Load a state dict into a model; the last layer may be of other classes, or missing: whether it was read, too.

    Raises:
        BadInput: it cannot be read, or is of another model; names keys.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise BadInput(f"network.weights: {path} holds no weights alone: save a state dict with torch.save") from error
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
            f"network.weights: {path} is of another model: {', '.join(wrong[:SHOWN])}{more} missing, of another shape "
            "or unknown: choose its model"
        )
    fitting = {name: value for name, value in state.items() if value.shape == own[name].shape}
    model.load_state_dict(fitting, strict=False)
    return set(fitting) == set(own)
