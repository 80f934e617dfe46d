"""Configurations that version 0.1 wrote, in the names of this version. Imports no torch.

Since 0.2 ``adam`` is Adam; what 0.1 called so is ``adamw``. A pretrained part of a network is a ``backbone``, 0.1's
``trunk``, and what a domain is made to lack is its ``degradation``, 0.1's ``lacks``.
"""

from collections.abc import Mapping
from typing import Any

from dann import __version__

WRITTEN_BY = "written_by"  # the key of an experiment's copy that says which version wrote it
OLD = "0.1."
KEYS = {
    "data.source_lacks": "data.source_degradation",
    "data.target_lacks": "data.target_degradation",
    "finetune.trunk": "finetune.backbone",
}


def is_old(version: str | None) -> bool:
    """Whether a version of dann used the old names; None is a version that did not write its number."""
    return version is None or version.startswith(OLD)


def upgraded(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration, declared or resolved, of version 0.1; sections that it does not have are left out."""
    result = dict(config)
    for old, new in KEYS.items():
        section, key = old.split(".")
        if isinstance(result.get(section), Mapping) and key in result[section]:
            name = new.split(".")[1]
            result[section] = {name if each == key else each: value for each, value in result[section].items()}
    optimizer = result.get("optimizer")
    if isinstance(optimizer, Mapping) and optimizer.get("name") == "adam":
        result["optimizer"] = {**optimizer, "name": "adamw"}
    return result


def upgraded_setting(setting: Mapping[str, Any]) -> dict[str, Any]:
    """A setting of searched hyper-parameters: dotted keys and values."""
    return {KEYS.get(key, key): "adamw" if (key, value) == ("optimizer.name", "adam") else value
            for key, value in setting.items()}  # fmt: skip


def upgraded_experiment(content: Mapping[str, Any]) -> dict[str, Any]:
    """The copy of an experiment file in a folder of runs; one of this version is returned without its mark."""
    result = dict(content)
    if not is_old(result.pop(WRITTEN_BY, None)):
        return result
    for part in ("base", "overrides"):
        if isinstance(result.get(part), Mapping):
            result[part] = upgraded(result[part])
    for part in ("variants", "tasks"):
        if isinstance(result.get(part), Mapping):
            entries = result[part].items()
            result[part] = {name: upgraded(own) if isinstance(own, Mapping) else own for name, own in entries}
    return result


def mark() -> dict[str, str]:
    """What an experiment's copy says of the version that wrote it."""
    return {WRITTEN_BY: __version__}
