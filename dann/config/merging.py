"""Nested mappings of a configuration: merging, dotted keys, and the short forms of domains. Imports no torch."""

from collections.abc import Mapping
from typing import Any

from dann.config.yaml_files import DEPTH, parse_yaml
from dann.errors import BadInput
from dann.options import shown

Nested = dict[str, Any]


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> Nested:
    """``base`` with ``over`` laid over it, mapping by mapping.

    A mapping that changes its ``name`` replaces the whole: another component does not know the old one's options. What
    neither changes is shared with them, so nested values are never changed in place.
    """
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and value.get("name", old.get("name")) == old.get("name"):
            result[key] = merge(old, value)
        else:
            result[key] = value
    return result


def flatten(mapping: Mapping[str, Any], prefix: str = "") -> Nested:
    """The leaves of nested mappings by their dotted keys."""
    result: Nested = {}
    for key, value in mapping.items():
        inner = flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
        result.update(inner)
    return result


def nest(leaves: Mapping[str, Any]) -> Nested:
    """The inverse of ``flatten``: dotted keys and their values as nested mappings."""
    result: Nested = {}
    for path, value in leaves.items():
        if path.count(".") >= DEPTH:
            raise BadInput(f"{path[:DEPTH]}…: a key of more than {DEPTH} levels: write a shorter one")
        for key in reversed(path.split(".")):
            value = {key: value}
        result = merge(result, value)
    return result


def parse_assignment(text: str) -> Nested:
    """An assignment ``a.b=c``, as ``--set`` takes it, as nested mappings."""
    path, equals, value = text.partition("=")
    if not equals or not all(path.split(".")):
        raise BadInput(f"--set {text}: write a.b=c, for example --set train.steps=500")
    return nest({path: parse_yaml(value, f"--set {text}")})


def spell_out_domains(declared: Nested) -> Nested:
    """``declared`` with the short forms of ``data.source`` and ``data.target`` written out.

    ``source: mnist`` is ``source: {name: mnist}``. Beside ``dataset: pacs``, or ``dataset: {name: pacs, size: 128}``, a
    word names one of its domains: ``source: photo`` is ``source: {name: pacs, size: 128, domain: photo}``. ``source:
    target`` is the target itself with its training labels, so that one row "train on target" serves all tasks.

    Raises:
        BadInput: ``dataset`` is neither a name nor a mapping with one.
    """
    if not isinstance(declared.get("data"), dict):
        return declared
    data = dict(declared["data"])
    dataset = data.pop("dataset", None)
    family = {"name": dataset} if isinstance(dataset, str) else dataset
    if family is not None and not (isinstance(family, dict) and isinstance(family.get("name"), str)):
        raise BadInput(f"data.dataset should be the name of a data set or a mapping with one, not {shown(dataset)}")
    if data.get("source") == "target" and "target" in data:
        data["source"] = data["target"]
    for side in {"source", "target"} & set(data):
        entry = data[side]
        entries = [_spell_out(each, family) for each in entry] if isinstance(entry, list) else _spell_out(entry, family)
        data[side] = entries
    return {**declared, "data": data}


def name_earlier_runs(declared: Nested, task: str) -> Nested:
    """``declared`` with the task's folder in the place of ``{task}`` in ``method.from`` and ``data.generator``."""
    for section, option in (("method", "from"), ("data", "generator")):
        options = declared.get(section)
        if isinstance(options, dict) and isinstance(named := options.get(option), str):
            declared = {**declared, section: {**options, option: named.replace("{task}", task)}}
    return declared


def _spell_out(entry: Any, family: Nested | None) -> Any:
    """One domain as a mapping; an entry of a wrong type is left for validation to report."""
    if isinstance(entry, dict) or not isinstance(family or entry, str | dict):
        return entry
    return {"name": entry} if family is None else {**family, "domain": entry}
