"""The configuration of an estimator: the sections of an experiment file, from a constructor's arguments."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import nn

from dann.config.schema import Config, resolve_in_memory
from dann.errors import BadInput
from dann.networks.own_module import OWN_MODULE

SECTIONS = ("method", "network", "optimizer", "data", "train", "finetune", "self_training")
# Keys that an estimator has arguments for, or that have no meaning where all examples that are given are trained on.
TAKEN = {
    "data": ("source", "target", "batch_size", "test", "transductive", "drop_duplicates"),
    "train": ("steps", "precision", "replicas"),
}


def declare_config(parameters: Mapping[str, Any], method: Mapping[str, Any], sources: int, where: str) -> Config:
    """The configuration that ``dann run`` would resolve for the same data in files.

    Args:
        parameters: of the estimator, by name.
        method: the section ``method``.
        sources: the number of source domains.
        where: the name of the estimator, for messages.

    Raises:
        BadInput: an unknown key or name, a wrong type or a value out of range.
    """
    form = {key: parameters[key] for key in ("layout", "range") if parameters[key] is not None}
    domains = [{"name": "arrays", "path": "memory", **form}] * (sources + 1)
    network = parameters["network"]
    declared: dict[str, Any] = {
        "data": {
            **_read_section(parameters, "data", where),
            "source": domains[0] if sources == 1 else domains[1:],
            "target": domains[0],
            "batch_size": parameters["batch_size"],
            "transductive": True,
        },
        "network": {"name": OWN_MODULE} if isinstance(network, nn.Module) else name_component(network),
        "optimizer": name_component(parameters["optimizer"]),
        "train": {
            **_read_section(parameters, "train", where),
            "steps": parameters["steps"],
            "precision": parameters["precision"],
        },
        "method": method,
        "diagnose": {"examples": 0},
    }
    declared |= {name: parameters[name] for name in ("finetune", "self_training") if parameters[name] is not None}
    return resolve_in_memory(_to_plain(declared), where)


def name_component(value: Any) -> Any:
    """A component as a mapping: a word is its name."""
    return {"name": value} if isinstance(value, str) else value


def set_option(section: Any, option: str, value: Any) -> dict[str, Any]:
    """A section with one option set beside those that it has.

    Raises:
        BadInput: it is a module.
    """
    if isinstance(section, nn.Module):
        raise BadInput("a module has no options: set the network itself")
    return {**(name_component(section) or {}), option: value}


def _read_section(parameters: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    section = {} if parameters[name] is None else parameters[name]
    if not isinstance(section, Mapping):
        raise BadInput(f"{where}: {name} should be a mapping of options, not {type(section).__name__}")
    if taken := [key for key in TAKEN[name] if key in section]:
        raise BadInput(f"{where}: {name}.{taken[0]} is set by the estimator or has no meaning in it: leave it out")
    return section


def _to_plain(value: Any) -> Any:
    """``value`` without NumPy's numbers and without tuples, which a search may draw but no file has."""
    if isinstance(value, Mapping):
        return {key: _to_plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_to_plain(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value
