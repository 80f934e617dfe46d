"""The configuration of an estimator: the sections of an experiment file, from a constructor's arguments."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from torch import nn

from dann.config.schema import Config, resolve_in_memory
from dann.errors import BadInput
from dann.networks.own_module import OWN_MODULE

SECTIONS = ("method", "network", "optimizer", "data", "train", "finetune", "self_training")
TAKEN = ("steps", "precision", "replicas")  # of the section train: arguments of their own, or without meaning


def declare_config(parameters: Mapping[str, Any], data: Mapping[str, Any], sources: int, where: str) -> Config:
    """The configuration that ``dann run`` would resolve for the same data in files.

    Args:
        parameters: sections and options by name: ``method``, ``network``, ``optimizer``, ``batch_size``, ``steps``,
            ``precision``, ``train``, ``finetune``, ``self_training``, ``diagnose``, ``layout`` and ``range``.
        data: the section ``data`` but for domains and batch size.
        sources: the number of source domains.
        where: the name of the function or class, for messages.

    Raises:
        BadInput: an unknown key or name, a wrong type or a value out of range.
    """
    form = {key: parameters[key] for key in ("layout", "range") if parameters.get(key) is not None}
    domains = [{"name": "arrays", "path": "memory", **form}] * (sources + 1)
    network = parameters["network"]
    declared: dict[str, Any] = {
        "data": {
            **data,
            "source": domains[0] if sources == 1 else domains[1:],
            "target": domains[0],
            "batch_size": parameters["batch_size"],
        },
        "network": {"name": OWN_MODULE} if isinstance(network, nn.Module) else name_component(network),
        "optimizer": name_component(parameters["optimizer"]),
        "train": {
            **read_section(parameters["train"], "train", TAKEN, where),
            "steps": parameters["steps"],
            "precision": parameters["precision"],
        },
        "method": name_component(parameters["method"]),
    }
    optional = ("finetune", "self_training", "diagnose")
    declared |= {name: parameters[name] for name in optional if parameters.get(name) is not None}
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


def read_section(section: Any, name: str, taken: Collection[str], where: str) -> Mapping[str, Any]:
    """A section as a mapping, empty for None, without the options that are ``taken``.

    Raises:
        BadInput: it is no mapping, or has one of them.
    """
    read = {} if section is None else section
    if not isinstance(read, Mapping):
        raise BadInput(f"{where}: {name} should be a mapping of options, not {type(section).__name__}")
    if refused := [key for key in read if key in taken]:
        raise BadInput(f"{where}: {name}.{refused[0]} is an argument, or has no meaning here: leave it out")
    return read


def _to_plain(value: Any) -> Any:
    """``value`` without NumPy's numbers and without tuples, which a search may draw but no file has."""
    if isinstance(value, Mapping):
        return {key: _to_plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_to_plain(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value
