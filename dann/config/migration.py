"""Migration of configurations that version 0.1 wrote. Imports no torch.

Version 0.2 renamed options: ``adam`` of 0.1 is ``adamw``, ``trunk`` is ``backbone``, ``source_lacks`` and
``target_lacks`` are ``source_degradation`` and ``target_degradation``.
"""

from collections.abc import Mapping
from typing import Any

from dann import __version__
from dann.errors import BadInput

WRITTEN_BY = "written_by"  # the key of the version in an experiment's copy
OLD = "0.1."
KEYS = {
    "data.source_lacks": "data.source_degradation",
    "data.target_lacks": "data.target_degradation",
    "finetune.trunk": "finetune.backbone",
}

# Options that were added with another default than what was done before.
ADDED = {"adda": {"layer": "features"}}


def is_old(version: str | None) -> bool:
    """Whether a version of dann used the old names; None is a version before numbers were written."""
    return version is None or str(version).startswith(OLD)


def upgrade(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration of version 0.1, declared or resolved, under the new names; it need not be complete."""
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


def add_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved configuration of any version, with what was done before options were added that it lacks."""
    method = config.get("method")
    added = ADDED.get(str(method.get("name"))) if isinstance(method, Mapping) else None
    return dict(config) if added is None else {**config, "method": {**added, **config["method"]}}


def upgrade_setting(setting: Mapping[str, Any]) -> dict[str, Any]:
    """A setting of searched hyper-parameters, dotted keys and values, under the new names."""
    return {KEYS.get(key, key): "adamw" if (key, value) == ("optimizer.name", "adam") else value
            for key, value in setting.items()}  # fmt: skip


def upgrade_experiment(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of an experiment's copy in a folder of runs, under the new names and without its version mark."""
    result = dict(content)
    if not is_old(result.pop(WRITTEN_BY, None)):
        return result
    for part in ("base", "overrides"):
        if isinstance(result.get(part), Mapping):
            result[part] = upgrade(result[part])
    for part in ("variants", "tasks"):
        if isinstance(result.get(part), Mapping):
            entries = result[part].items()
            result[part] = {name: upgrade(own) if isinstance(own, Mapping) else own for name, own in entries}
    return result


def refuse_old_keys(config: Mapping[str, Any], where: str) -> None:
    """Refuse a key of version 0.1 in a user's own file, where nothing says which version it was written for.

    Args:
        config: a declared configuration.
        where: the file and the variant, for messages.

    Raises:
        BadInput: there is one; gives its new name.
    """
    for old, new in KEYS.items():
        section, key = old.split(".")
        if isinstance(config.get(section), Mapping) and key in config[section]:
            raise BadInput(f"{where}: {old} has another name since dann 0.2: write {new}")


def version_mark() -> dict[str, str]:
    """The entry of an experiment's copy that names the version that wrote it."""
    return {WRITTEN_BY: __version__}
