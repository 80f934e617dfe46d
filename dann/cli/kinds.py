"""The entries of each kind that an experiment file may name, read from signatures and docstrings."""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dann.cli.docstrings import Docstring, parse_docstring
from dann.cli.option_types import describe_type, format_value
from dann.config.components import Component, options_model
from dann.config.optimizer_section import OptimizerSection, ScheduleSection
from dann.config.own_components import OwnDataSet, OwnNetwork, OwnTransformation, OwnValidator
from dann.config.plug_ins import DATA_SET, METHOD, NETWORK, TRANSFORM, VALIDATOR, Library, Origin, OwnPart, Registry
from dann.config.schema import PACKAGED
from dann.data.transforms.transform_options import TransformOptions
from dann.errors import BadInput
from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.rules import OWN, RULES
from dann.optim.optimizers import OPTIMIZERS
from dann.optim.schedules import LEARNING_RATE_SCHEDULES

REQUIRED = "required"


@dataclass(frozen=True)
class Option:
    """One option of an entry.

    Args:
        type: in words, with its bounds or choices.
        default: as YAML writes it, or ``required``.
        meaning: from the docstring.
    """

    name: str
    type: str
    default: str
    meaning: str


@dataclass(frozen=True)
class Entry:
    """One entry of a kind: what ``dann list`` and ``dann describe`` show.

    Args:
        usage: how an experiment file or the command line names it.
        module: where it is defined.
        facts: what else is worth a line, by its label.
        error: why it cannot be used, of a broken part of an installed package.
    """

    name: str
    doc: Docstring
    options: tuple[Option, ...]
    usage: str
    module: str
    facts: Mapping[str, str] = field(default_factory=dict)
    error: str = ""


def entries(kind: str, library: Library = PACKAGED) -> dict[str, Entry]:
    """All entries of a kind, by name, in the order of their registry."""
    return {entry.name: entry for entry in KINDS[kind](library)}


def _methods(library: Library) -> Iterable[Entry]:
    registry = library.entries(METHOD)
    for entry in _components(registry, Component, "method: {}"):
        if entry.error:
            yield entry
            continue
        found = registry[entry.name]
        method = found.load() if isinstance(found, OwnPart) else found
        predicted = "classes, or numbers (data.task: regression)" if getattr(method, "regression", False) else "classes"
        yield replace(entry, facts={**entry.facts, "Predicts": predicted})


def _networks(library: Library) -> Iterable[Entry]:
    return _components(library.entries(NETWORK), Component, "network: {}", OwnNetwork)


def _data_sets(library: Library) -> Iterable[Entry]:
    return _components(library.entries(DATA_SET), Component, "data: {{source: {}}}", OwnDataSet)


def _optimisers(library: Library) -> Iterable[Entry]:
    return _components(OPTIMIZERS, OptimizerSection, "optimizer: {}")


def _schedules(library: Library) -> Iterable[Entry]:
    return _components(LEARNING_RATE_SCHEDULES, ScheduleSection, "optimizer: {{schedule: {}}}")


def _components(
    registry: Registry, base: type[Component], usage: str, own_base: type[Component] = Component
) -> Iterable[Entry]:
    """The entries of a registry; ``base`` has the options that they share, ``own_base`` those of others' parts."""
    for name, found in registry.items():
        if not isinstance(found, OwnPart):
            yield _component(name, found, base, usage)
            continue
        try:
            yield _component(name, found.load(), own_base, usage, found.origin)
        except BadInput as error:  # of one package, which leaves the others as they are
            doc = Docstring(f"cannot be used: {error}", (), {}, ())
            yield Entry(name, doc, (), "", found.origin.place, error=str(error))


def _component(
    name: str, component: Callable[..., Any], base: type[Component], usage: str, origin: Origin | None = None
) -> Entry:
    doc = parse_docstring(component.__doc__)
    options = _options(
        options_model(name, component, base, origin), parse_docstring(base.__doc__).meanings | doc.meanings
    )
    module = getattr(component, "__module__", "")
    if not doc.papers:  # the paper of a whole module stands in its own docstring
        doc = Docstring(doc.summary, doc.text, doc.meanings, _module_papers(module))
    needed = "".join(
        f", {option.name}: …" for option in options if option.default == REQUIRED and "." not in option.name
    )
    where, facts = (module, {}) if origin is None else (origin.place, {"Recorded": f"as {origin}"})
    return Entry(name, doc, options, usage.format(f"{{name: {name}{needed}}}"), where, facts)


def _module_papers(module: str) -> tuple[str, ...]:
    return parse_docstring(sys.modules[module].__doc__).papers if module in sys.modules else ()


def _options(model: type[BaseModel], meanings: Mapping[str, str]) -> tuple[Option, ...]:
    """The fields of a model but its name; those of an option that is a mapping follow it, such as ``one.two``."""
    options: list[Option] = []
    for name, info in model.model_fields.items():
        if name != "name":
            options.append(_option(name, info, meanings.get(name, "")))
        section = _section(info)
        if section and not issubclass(section, Component):  # a component has options of its own, by its name
            inner = _options(section, parse_docstring(section.__doc__).meanings)
            options += [replace(option, name=f"{name}.{option.name}") for option in inner]
    return tuple(options)


def _option(name: str, info: FieldInfo, meaning: str) -> Option:
    default = REQUIRED if info.is_required() else format_value(info.get_default(call_default_factory=True))
    return Option(name, describe_type(info.annotation, info.metadata), default, meaning)


def _transforms(library: Library) -> Iterable[Entry]:
    """The options of ``data.transform``; one that is a mapping has options of its own."""
    meanings = parse_docstring(TransformOptions.__doc__).meanings
    for name, info in TransformOptions.model_fields.items():
        section = _section(info)
        doc = parse_docstring(section.__doc__ if section else _sentence(meanings[name]))
        own = (_option(name, info, meanings[name]),)
        options = _options(section, doc.meanings) if section else own
        usage = f"data: {{transform: {{{name}: {'{…}' if section else '…'}}}}}"
        yield Entry(name, doc, options, usage, TransformOptions.__module__)
    yield from _components(library.entries(TRANSFORM), Component, "data: {{transform: {{own: {}}}}}", OwnTransformation)


def _sentence(meaning: str) -> str:
    return meaning[:1].upper() + meaning[1:]


def _section(info: FieldInfo) -> type[BaseModel] | None:
    """The model of an option that is a mapping, as in ``Jitter | None``."""
    inner = () if get_origin(info.annotation) is dict else get_args(info.annotation)
    kinds = [info.annotation, *inner]
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _rules(library: Library) -> Iterable[Entry]:
    for name, rule in RULES.items():
        facts = {
            "Reads": ", ".join(rule.reads) or "nothing",
            "Needs": ", ".join(f"diagnose.{option}" for option in rule.diagnose),
            "Labels": "needs target labels" if rule.needs_target_labels else "needs no target labels",
            "Predictions": " and ".join(["classes"] * rule.of_classes + ["numbers"] * rule.of_numbers),
        }
        yield Entry(name, parse_docstring(rule.sentence), (), f"--selection {name}", "dann.evaluation.rules", facts)
    for entry in _components(library.entries(VALIDATOR), Component, "diagnose: {{validators: [{}]}}", OwnValidator):
        yield replace(entry, name=f"{OWN}{entry.name}")


def _metrics(library: Library) -> Iterable[Entry]:
    for name, metric in METRICS.items():
        facts = {
            "Better": "higher" if metric.higher_is_better else "lower",
            "Needs": "data.unseen" if metric.for_unseen_classes else "data.task: regression" * metric.of_numbers,
            "Labels": "needs target labels" if metric.needs_target_labels else "needs no target labels",
        }
        doc = parse_docstring(metric.sentence)
        yield Entry(name, doc, (), f"metrics: [{name}]", "dann.evaluation.metric_definitions", facts)


KINDS: dict[str, Callable[[Library], Iterable[Entry]]] = {
    "method": _methods,
    "network": _networks,
    "dataset": _data_sets,
    "optimiser": _optimisers,
    "schedule": _schedules,
    "transform": _transforms,
    "rule": _rules,
    "metric": _metrics,
}
