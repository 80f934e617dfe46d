"""A declared configuration → a validated one with every default filled in."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import SerializeAsAny

from dann.config.components import Component, check_mapping, read_component
from dann.config.experiment import Experiment
from dann.config.migration import refuse_old_keys
from dann.config.optimizer_section import OptimizerSection, read_optimizer
from dann.config.plug_ins import DATA_SET, METHOD, NETWORK, Library
from dann.config.sections import DataSection, DiagnoseSection, SelfTrainingSection, TrainSection
from dann.config.use_files import UseFile, read_use_files
from dann.methods.method import Method
from dann.networks.finetuning import FineTuning
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
        return resolve, (self.model_dump(), "a configuration that was valid before", self.library)

    @property
    def method_class(self) -> type[Method]:
        """The class of the method, whose attributes say what it needs."""
        found: type[Method] = type(self.method).constructor
        return found

    @property
    def own_parts(self) -> dict[str, str]:
        """The parts that are not of this package, by kind and name: a file and its checksum, or a package's version."""
        kinds = {"method": [self.method], "network": [self.network], "data": [*self.data.sources, self.data.target]}
        return {f"{kind} {component.name}": str(component.origin)
                for kind, components in kinds.items() for component in components if component.origin}  # fmt: skip

    @property
    def library(self) -> Library:
        """What ``resolve`` needs to read this configuration again: the files of its own parts."""
        origins = {component.origin for component in (self.method, self.network, *self.data.sources, self.data.target)}
        files = [origin for origin in origins if isinstance(origin, UseFile)]
        return Library(tuple(sorted(files, key=lambda file: file.name)))

    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with any value except how many runs train together."""
        text = json.dumps(self.model_dump(exclude={"train": {"replicas"}}), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


PACKAGED = Library()  # without files of one's own


def resolve(declared: Mapping[str, Any], where: str, library: Library = PACKAGED) -> Config:
    """The configuration that a mapping declares.

    Args:
        where: the file and the variant, for messages.
        library: what it may name.

    Raises:
        BadInput: an unknown key or name, a wrong type or a value out of range.
    """
    refuse_old_keys(declared, where)
    return validate(
        Config,
        {
            **declared,
            "data": _read_data(declared.get("data", {}), where, library),
            "network": read_component(
                declared.get("network", {}), "network", library.entries(NETWORK), NETWORK.what, where
            ),
            "optimizer": read_optimizer(declared.get("optimizer", {}), where),
            "method": read_component(
                declared.get("method", {}), "method", library.entries(METHOD), METHOD.what, where
            ),
        },
        where,
    )


def _read_data(declared: Any, where: str, library: Library) -> dict[str, Any]:
    """The section ``data`` with its domains as components and each transform complete."""

    def domain(entry: Any, side: str) -> Component:
        return read_component(entry, f"data.{side}", library.entries(DATA_SET), DATA_SET.what, where)

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


def library_of(experiment: Experiment, where: str) -> Library:
    """What the configurations of an experiment may name.

    Args:
        where: the experiment's file, for messages.

    Raises:
        BadInput: a file under ``use`` cannot be read.
    """
    return Library(read_use_files(experiment.use, where))
