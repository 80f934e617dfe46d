"""A declared configuration → a validated one with every default filled in."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import SerializeAsAny

from dann.config.components import Component, check_mapping
from dann.config.experiment import Experiment
from dann.config.migration import refuse_old_keys
from dann.config.optimizer_section import OptimizerSection, read_optimizer
from dann.config.own_components import read_part
from dann.config.plug_ins import DATA_SET, METHOD, NETWORK, TRANSFORM, VALIDATOR, Library
from dann.config.sections import DataSection, DiagnoseSection, SelfTrainingSection, TrainSection
from dann.config.use_files import UseFile, read_use_files
from dann.errors import BadInput
from dann.methods.method import Method
from dann.networks.finetuning import FineTuning
from dann.networks.own_module import OWN_MODULE
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
        found = type(self.method).constructor
        assert isinstance(found, type)
        return found

    @property
    def components(self) -> dict[str, Sequence[Component]]:
        """The components that may be one's own, by kind."""
        data = self.data
        views = (data.transform, data.target_transform, data.target_view)
        changes: list[object] = [None if view is None else view.own for view in views]
        return {
            "method": [self.method],
            "network": [self.network],
            "data set": [*data.sources, data.target],
            "transform": [change for change in changes if isinstance(change, Component)],
            "validator": self.diagnose.validators or [],
        }

    @property
    def own_parts(self) -> dict[str, str]:
        """The parts that are not of this package, by kind and name: a file and its checksum, or a package's version."""
        every = [(kind, each) for kind, components in self.components.items() for each in components]
        return {f"{kind} {each.name}": str(each.origin) for kind, each in every if each.origin is not None}

    @property
    def library(self) -> Library:
        """What ``resolve`` needs to read this configuration again: the files of its own parts."""
        origins = {component.origin for components in self.components.values() for component in components}
        files = [origin for origin in origins if isinstance(origin, UseFile)]
        return Library(tuple(sorted(files, key=lambda file: file.name)), self.network.name == OWN_MODULE)

    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with any value except how many runs train together."""
        content = self.model_dump(exclude={"train": {"replicas"}})
        views = [content["data"][view] for view in ("transform", "target_transform", "target_view")]
        for section in (*views, content["diagnose"], content["method"], content["network"]):
            _leave_out(section, {"own": None, "validators": None, "from": None, "fan_in": None})
        _leave_out(content["data"], {"vocabulary": None, "generator": None, "bootstrap": False,
                                     "task": "classification", "huber": None})  # fmt: skip
        _leave_out(content["finetune"], {"frozen": 0})
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _leave_out(section: dict[str, Any] | None, later: Mapping[str, Any]) -> None:
    """Remove options that have the value by which versions without them acted."""
    for key, neutral in later.items():
        if section is not None and section.get(key, ...) == neutral:
            del section[key]


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
            "data": _read_data(declared.get("data", {}), _begins_with_run(declared.get("method")), where, library),
            "network": read_part(declared.get("network", {}), "network", NETWORK, library, where),
            "optimizer": read_optimizer(declared.get("optimizer", {}), where),
            "method": read_part(declared.get("method", {}), "method", METHOD, library, where),
            "diagnose": _read_diagnose(declared.get("diagnose", {}), where, library),
        },
        where,
    )


def resolve_in_memory(declared: Mapping[str, Any], where: str) -> Config:
    """The same for a program, which may have a module of its own in the place of a named network."""
    return resolve(declared, where, Library(in_memory=True))


def _begins_with_run(method: Any) -> bool:
    return isinstance(method, Mapping) and method.get("from") is not None


def _read_data(declared: Any, source_free: bool, where: str, library: Library) -> dict[str, Any]:
    """The section ``data`` with its domains as components and each transform complete.

    Args:
        source_free: whether the source may be absent.
    """

    def domain(entry: Any, side: str) -> Component:
        return read_part(entry, f"data.{side}", DATA_SET, library, where)

    data = dict(check_mapping(declared, "data", where))
    source = data.get("source", {})
    several = isinstance(source, list) and bool(source)
    if source_free and data.get("source") is None:
        data["source"] = None
    elif "target" in data and data.get("source") is None:
        raise BadInput(f"{where}: data.source is missing: name a domain; only a method that begins with a finished run "
                       "does without one, as method: {name: shot, from: RUN}")  # fmt: skip
    else:
        data["source"] = [domain(entry, "source") for entry in source] if several else domain(source, "source")
    data["target"] = domain(data.get("target", {}), "target")
    shared = data["transform"] = _read_transform(data.get("transform", {}), "data.transform", where, library)
    own = _read_transform(data.get("target_transform", {}), "data.target_transform", where, library)
    data["target_transform"] = {**shared, **own}
    if (view := data.get("target_view")) is not None:
        changed = _read_transform(view, "data.target_view transform", where, library)
        data["target_view"] = {**data["target_transform"], **changed}
    return data


def _read_transform(declared: Any, path: str, where: str, library: Library) -> dict[str, Any]:
    options = dict(check_mapping(declared, path, where))
    if options.get("own") is not None:
        options["own"] = read_part(options["own"], f"{path}.own", TRANSFORM, library, where)
    return options


def _read_diagnose(declared: Any, where: str, library: Library) -> dict[str, Any]:
    diagnose = dict(check_mapping(declared, "diagnose", where))
    if isinstance(named := diagnose.get("validators"), list):
        diagnose["validators"] = [read_part(each, "diagnose.validators", VALIDATOR, library, where) for each in named]
        if len({each.name for each in diagnose["validators"]}) < len(named):
            raise BadInput(f"{where}: diagnose.validators: names one twice: leave it out")
    return diagnose


def library_of(experiment: Experiment, where: str) -> Library:
    """What the configurations of an experiment may name.

    Args:
        where: the experiment's file, for messages.

    Raises:
        BadInput: a file under ``use`` cannot be read.
    """
    return Library(read_use_files(experiment.use, where))
