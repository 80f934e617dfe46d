"""Checks that the run with which a source-free method begins suits the run that begins with it."""

from pathlib import Path
from typing import Any

from dann.config.schema import Config
from dann.data.pair import Pair
from dann.errors import BadInput
from dann.runner.records import RECORD, Record, read_record
from dann.training.earlier_runs import EarlierRuns

CONSTANT = ("half", "imagenet", "none", "instance")  # values of normalise that depend on no other example
FITTED = ("missing", "vocabulary", "terms", "msda")  # preprocessing that is fitted on the examples of both domains


def check_source_run(folder: Path, config: Config, pair: Pair) -> None:
    """Raise unless the run that ``method.from`` names has the same network and was trained on the same inputs.

    Args:
        folder: of that run, which ``check_earlier_runs`` accepts.
        config: of the run that begins with it.

    Raises:
        BadInput: its network or inputs are others.
    """
    place, record = f"method.from: {folder}", read_earlier_run("method.from", folder)
    ours, theirs = config.model_dump(mode="json"), record.config
    if ours["network"] != theirs["network"]:
        raise BadInput(f"{place} has another network ({theirs['network']}): write the same")
    if (option := _other_inputs(ours["data"], theirs["data"], record, pair)) is not None:
        raise BadInput(f"{place} was trained on other inputs ({option} differs): write the same data section")


def check_earlier_runs(earlier: EarlierRuns, pair: Pair) -> None:
    """Raise unless the runs that weights are taken from are finished, have a result, and are on the same classes."""
    for option, folder in {"method.from": earlier.source, "data.generator": earlier.generator}.items():
        if folder is not None:
            read_earlier_run(option, folder, pair)


def read_earlier_run(option: str, folder: Path, pair: Pair | None = None) -> Record:
    """The record of the finished run that an option names.

    Args:
        pair: data that must have the classes of that run; by default any.

    Raises:
        BadInput: there is no such run, it failed, or its classes are others.
    """
    place = f"{option}: {folder}"
    if not (folder / RECORD).is_file():
        raise BadInput(f"{place} is no finished run: make it first, or name the folder of one")
    record = read_record(folder)
    if record.failed is not None:
        raise BadInput(f"{place} failed at {record.failed}: name a run with a result")
    if pair is not None and record.classes != list(pair.classes):
        raise BadInput(f"{place} has the classes {', '.join(record.classes)}, these data {', '.join(pair.classes)}: "
                       "name a run on the same classes")  # fmt: skip
    return record


def _other_inputs(ours: dict[str, Any], theirs: dict[str, Any], record: Record, pair: Pair) -> str | None:
    """The option by which inputs of this run are prepared otherwise than those of the source model, or None."""
    same = {side: record.data[side]["checksum"] == pair.description[side]["checksum"] for side in ("source", "target")}
    for view in ("transform", "target_transform"):
        normalise = ours[view]["normalise"]
        if normalise != theirs[view]["normalise"]:
            return f"data.{view}.normalise"
        plain = normalise in CONSTANT or (normalise == "mean" and len(pair.input_shape) != 3)
        if not plain and normalise != "domain" and not same["source"]:
            return f"data.source, whose statistics data.{view}.normalise takes,"
    for option in FITTED:
        fitted = ours["source"] is not None and ours[option] not in (None, "error", "drop")
        if ours[option] != theirs.get(option) or (fitted and not all(same.values())):
            return f"data.{option}"
    return None
