"""Differences between configurations: of an existing run, and of what the experiment file now says."""

import json
from collections.abc import Mapping
from typing import Any

from dann.config.merging import flatten

EXECUTION = {"train.replicas"}  # keys that say how runs execute, not what they compute
_ABSENT = object()


def difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """The first key in which two configurations differ, with both values, or None; how they execute does not count.

    A key that is missing is null: a later version may have added it, with null for what was done before.
    """
    old, new = _leaves(one), _leaves(other)
    for key in [*old, *new]:
        if key not in EXECUTION and old.get(key) != new.get(key):
            return f"{key}: {_shown(old, key)} there, {_shown(new, key)} now"
    return None


def declared_difference(made: Mapping[str, Any], resolved: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """As ``difference``, of what a run was declared with and what is declared now.

    A default that is now written out is no difference; one that is dropped is, because tables know no defaults.

    Args:
        resolved: the configuration of the run with every default.
    """
    if made == now:  # as most are: the rest takes most of the time of a table of many
        return None
    defaults, declared = _leaves(resolved), _leaves(now)
    written_out = {key: value for key, value in declared.items() if defaults.get(key, _ABSENT) == value}
    return difference({**_leaves(made), **written_out}, now)


def _leaves(config: Mapping[str, Any]) -> dict[str, Any]:
    """The leaves of a configuration by their dotted keys; the name of a schedule may stand in its mapping or alone."""
    return {f"{key}.name" if key.startswith("optimizer.") and key.endswith(".schedule") else key: value
            for key, value in flatten(config).items()}  # fmt: skip


def differing_keys(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """The keys of two plain mappings that differ, each with both values."""
    keys = [key for key in {**one, **other} if one.get(key, _ABSENT) != other.get(key, _ABSENT)]
    return ", ".join(f"{key} {one.get(key, 'unknown')} then, {other.get(key, 'unknown')} now" for key in keys)


def _shown(mapping: Mapping[str, Any], key: str) -> str:
    return json.dumps(mapping[key], ensure_ascii=False) if key in mapping else "not set"
