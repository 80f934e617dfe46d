"""A declared configuration → a validated one with every default filled in."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import SerializeAsAny

from dann.config.components import Component, Registry, check_mapping, read_component
from dann.config.migration import refuse_old_keys
from dann.config.optimizer_section import OptimizerSection, read_optimizer
from dann.config.sections import DataSection, DiagnoseSection, SelfTrainingSection, TrainSection
from dann.data.datasets.all_datasets import DOMAINS
from dann.methods.all_methods import METHODS
from dann.networks.all_networks import NETWORKS
from dann.networks.finetuning import FineTuning
from dann.networks.own_module import OWN_MODULE, own_module
from dann.options import Section, validate


class Config(Section):
    """The resolved configuration of a run: every default is filled in."""

    data: DataSection
    network: SerializeAsAny[Component]
    optimizer: SerializeAsAny[OptimizerSection]
    train: TrainSection
    method: SerializeAsAny[Component]
    finetune: FineTuning | None = None
    self_training: SelfTrainingSection | None = None
    diagnose: DiagnoseSection = DiagnoseSection()

    def __reduce__(self) -> Any:
        """Pickle as plain values: classes made from signatures have no name by which pickle could find them."""
        return resolve_in_memory, (self.model_dump(), "a configuration that was valid before")

    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with any value except how many runs train together."""
        text = json.dumps(self.model_dump(exclude={"train": {"replicas"}}), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def resolve(declared: Mapping[str, Any], where: str, networks: Registry = NETWORKS) -> Config:
    """The configuration that a mapping declares.

    Args:
        where: the file and the variant, for messages.
        networks: those that may be named; a program may have one of its own.

    Raises:
        BadInput: an unknown key or name, a wrong type or a value out of range.
    """
    refuse_old_keys(declared, where)
    return validate(
        Config,
        {
            **declared,
            "data": _read_data(declared.get("data", {}), where),
            "network": read_component(declared.get("network", {}), "network", networks, "network", where),
            "optimizer": read_optimizer(declared.get("optimizer", {}), where),
            "method": read_component(declared.get("method", {}), "method", METHODS, "method", where),
        },
        where,
    )


def resolve_in_memory(declared: Mapping[str, Any], where: str) -> Config:
    """The same for a program, which may have a module of its own in the place of a named network."""
    return resolve(declared, where, {**NETWORKS, OWN_MODULE: own_module})


def _read_data(declared: Any, where: str) -> dict[str, Any]:
    """The section ``data`` with its domains as components and each transform complete."""

    def domain(entry: Any, side: str) -> Component:
        return read_component(entry, f"data.{side}", DOMAINS, "data set", where)

    data = dict(check_mapping(declared, "data", where))
    source = data.get("source", {})
    several = isinstance(source, list) and bool(source)
    data["source"] = [domain(entry, "source") for entry in source] if several else domain(source, "source")
    data["target"] = domain(data.get("target", {}), "target")
    shared = check_mapping(data.get("transform", {}), "data.transform", where)
    own = check_mapping(data.get("target_transform", {}), "data.target_transform", where)
    data["target_transform"] = {**shared, **own}
    if (view := data.get("target_view")) is not None:
        data["target_view"] = {**data["target_transform"], **check_mapping(view, "data.target_view transform", where)}
    return data
