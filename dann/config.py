"""A declared configuration → validated objects with every default filled in.

The keyword-only arguments of a component (a domain, network, optimiser or method) are the schema of its YAML.
"""

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, create_model

from dann.data import DOMAINS
from dann.errors import BadInput
from dann.methods import METHODS
from dann.networks import NETWORKS
from dann.optimizers import OPTIMIZERS
from dann.reading import one_of, validated

Built = TypeVar("Built")


class Section(BaseModel):
    """Base of all parts: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Component(Section):
    """A named entry of a registry with its options."""

    name: str

    def build(self, registry: Mapping[str, Callable[..., Built]], *arguments: Any) -> Built:
        """The entry of ``registry`` called on ``arguments`` with the options."""
        try:
            return registry[self.name](*arguments, **self.options())
        except (ValueError, RuntimeError) as error:
            raise BadInput(f"{self.name}: {' '.join(str(error).split())} (options: {self.options()})") from error

    def options(self) -> dict[str, Any]:
        return self.model_dump(exclude={"name"})


class OptimizerSection(Component):
    """An optimiser and the schedule of its learning rate."""

    schedule: Literal["constant", "inverse"] = "constant"

    def options(self) -> dict[str, Any]:
        return self.model_dump(exclude={"name", "schedule"})


class DataSection(Section):
    """The two domains.

    Args:
        batch_size: examples of each domain in a step; the paper's batches of 128 are 64 + 64.
        shift: pixels by which training images of both domains are moved at random, down and across.
        validation: share of the source's training split held out for validation.
    """

    source: Component
    target: Component
    batch_size: int = Field(64, ge=1)
    shift: int = Field(0, ge=0)
    validation: float = Field(0.1, ge=0, lt=1)


class TrainSection(Section):
    """The training loop.

    Args:
        steps: updates in all; progress is the share of them done.
        evaluate_every: steps between evaluations, each followed by a checkpoint; there is one after the last step.
        log_every: steps between readings of the losses.
        precision: ``bf16`` autocast, ``fp32``, or ``auto``: bf16 where the device has matrix units for it.
    """

    steps: int = Field(ge=1)
    evaluate_every: int = Field(1000, ge=1)
    log_every: int = Field(50, ge=1)
    precision: Literal["auto", "fp32", "bf16"] = "auto"


class Config(Section):
    """A run's configuration, resolved: every default is filled in."""

    data: DataSection
    network: Component
    optimizer: OptimizerSection
    train: TrainSection
    method: Component

    def fingerprint(self) -> str:
        """16 hexadecimal digits that change whenever a value does."""
        text = json.dumps(self.model_dump(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def resolve(declared: Mapping[str, Any], where: str) -> Config:
    """The configuration that the mapping ``declared`` means.

    Args:
        where: names the file and the variant in messages.

    Raises:
        BadInput: an unknown key or name, a wrong type or a value out of range; one line.
    """
    data = _mapping(declared.get("data", {}), "data", where)

    def schema(path: str, registry: Mapping[str, Any], what: str, base: Any = Component) -> Any:
        section = data if path.startswith("data.") else declared
        name = _mapping(section.get(path.removeprefix("data."), {}), path, where).get("name")
        return (_schema(str(name), one_of(registry, name, what, f"{where}: {path}.name"), base), ...)

    data_schema = create_model(
        "data",
        __base__=DataSection,
        source=schema("data.source", DOMAINS, "data set"),
        target=schema("data.target", DOMAINS, "data set"),
    )
    model = create_model(
        "configuration",
        __base__=Config,
        data=(data_schema, ...),
        network=schema("network", NETWORKS, "network"),
        optimizer=schema("optimizer", OPTIMIZERS, "optimizer", OptimizerSection),
        method=schema("method", METHODS, "method"),
    )
    return validated(model, declared, where)


def _mapping(value: Any, path: str, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadInput(f"{where}: {path} should be a mapping with a name, not {value!r}")
    return value


def _schema(name: str, component: Callable[..., Any], base: type[Component]) -> type[Component]:
    """``base`` with a field for each keyword-only argument of ``component``."""
    fields: dict[str, Any] = {
        parameter.name: (
            parameter.annotation,
            ... if parameter.default is parameter.empty else parameter.default,
        )
        for parameter in inspect.signature(component).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    return create_model(name, __base__=base, **fields)
