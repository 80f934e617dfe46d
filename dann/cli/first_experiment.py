"""``dann init``: a first experiment file for a user's own source and target."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from dann.cli.experiment_text import compose
from dann.cli.own_data import Side, inspect_side
from dann.config.experiment import Experiment
from dann.config.schema import resolve
from dann.config.yaml_files import parse_yaml
from dann.data.domain import Split
from dann.data.labels import are_numbered_apart
from dann.data.shared_shape import describe_columns
from dann.data.splits import hold_out
from dann.errors import BadInput
from dann.files.atomic_files import write_whole
from dann.options import validate

TEST_SHARES, VALIDATION_SHARES = (0.2, 0.3, 0.4, 0.5), (0.1, 0.2, 0.3)
MOST_COLUMNS = 50  # that an entry names where both sides have the same
OwnFiles = tuple[str, str | None]  # a path, and a file of labels


def write_first_experiment(source: OwnFiles, target: OwnFiles, out: Path, options: Mapping[str, Any]) -> str:
    """Write the experiment file and return a summary for the terminal.

    Args:
        options: of both data sets, which neither their shapes nor their files decide.

    Raises:
        BadInput: the file exists already, or the data cannot be trained on; says what to change.
    """
    if out.exists():
        raise BadInput(f"--out {out}: exists already: name another file, or remove it")
    if out.suffix not in (".yaml", ".yml"):
        raise BadInput(f"--out {out}: is no name of an experiment file: let it end in .yaml")
    sides = inspect_sides(source, target, options)
    classes = find_shared_classes(*sides)
    text = compose(*sides, choose_data_options(*sides, classes), out)
    experiment = validate(Experiment, parse_yaml(text, str(out)), str(out))
    for run in experiment.runs():
        resolve(run.declared, str(out))
    write_whole(out, text.encode())
    network = experiment.base["network"]
    without = "\nThe target has no labels: label-free scores are reported, no accuracy on it."
    unlabelled = "" if sides[1].counts else without
    return (
        f"{out}: {', '.join(experiment.variants)} on {sides[0].form} of {len(classes)} classes, "
        f"network {network.get('model', network['name'])}{unlabelled}\nNext: dann run {shlex.quote(str(out))}"
    )


def inspect_sides(source: OwnFiles, target: OwnFiles, options: Mapping[str, Any]) -> tuple[Side, Side]:
    """The data at two paths, with the options that they must have in common.

    Args:
        options: of both data sets, which neither their shapes nor their files decide.

    Raises:
        BadInput: a path is missing or damaged, or the two have no common form; says what to change.
    """
    if source[0] == target[0]:
        raise BadInput(f"--target {target[0]}: is the source too: name two paths")
    return _match_sides(inspect_side(*source, options), inspect_side(*target, options))


def _match_sides(source: Side, target: Side) -> tuple[Side, Side]:
    """The two sides with the options that they must have in common."""
    if source.form != target.form:
        raise BadInput(f"--target: {target.form}, but the source has {source.form}: give data of one form")
    if source.columns and target.columns:
        return _of_same_columns(source, target)
    if source.entry["name"] == "svmlight":
        return _of_one_width(source, target)
    stored = source.shape != target.shape and not (source.from_files or target.from_files)
    grey = source.form == "images" and source.shape[1:] == target.shape[1:]
    if source.form != "texts" and stored and not grey:
        shapes = f"{target.shape}, and of the source {source.shape}"
        raise BadInput(f"--target: one example has the shape {shapes}: give data of one shape")
    return source, target


def _of_same_columns(source: Side, target: Side) -> tuple[Side, Side]:
    """Sides of tables whose entries name the columns, where there are not too many, in the order of the source."""
    if set(source.columns) != set(target.columns):
        names = [f"{side} {each.entry['path']}" for side, each in (("--source", source), ("--target", target))]
        raise BadInput(
            f"{describe_columns(names[0], source.columns, names[1], target.columns)} (--set 'columns=[a, b]')"
        )
    if len(source.columns) > MOST_COLUMNS and source.columns == target.columns:
        return source, target
    named = {"columns": list(source.columns)}
    return replace(source, entry=source.entry | named), replace(target, entry=target.entry | named)


def _of_one_width(source: Side, target: Side) -> tuple[Side, Side]:
    """Sides of sparse vectors, counted from one first index up to the largest of both."""
    first = min(side.entry.get("first", 1) for side in (source, target))
    width = max(side.shape[0] + side.entry.get("first", 1) for side in (source, target)) - first
    common = {"features": width} | ({"first": 0} if first == 0 else {})
    return tuple(  # type: ignore[return-value]
        replace(side, entry=side.entry | common, shape=(width,)) for side in (source, target)
    )


def find_shared_classes(source: Side, target: Side) -> list[str]:
    """The classes of both sides, in the order of the source; all of its classes where the target has no labels.

    Raises:
        BadInput: the source has no labels or one class, or the two have no class in common.
    """
    if not source.counts:
        raise BadInput(f"--source {source.entry['path']}: has no labels, which training needs: {_remedy(source)}")
    if len(source.counts) == 1:
        raise BadInput(f"--source {source.entry['path']}: has the one class {next(iter(source.counts))}: add another")
    if max(source.counts.values()) == 1:
        raise BadInput(f"--source {source.entry['path']}: one labelled example of each class, so that none is left to "
                       "select steps by: add some")  # fmt: skip
    if not target.counts:
        return list(source.counts)
    shared = [name for name in source.counts if name in target.counts]
    if not shared:
        own, other = (", ".join(list(side.counts)[:4]) for side in (source, target))
        raise BadInput(f"--target: no class in common with the source ({other}; source {own}): name classes alike")
    if are_numbered_apart(list(source.counts), list(target.counts)):
        raise BadInput(
            "--target: its classes are counted from 1 and those of the source from 0, or the reverse: number them alike"
        )
    if len(shared) == 1:
        raise BadInput(f"--target: only class {shared[0]} is one of the source too: name classes alike")
    held_out = target.test_labels is None and not target.has_few_labels
    rare = [name for name in shared if held_out and target.counts[name] < 2]
    if rare:
        raise BadInput(f"--target: class {rare[0]} has one labelled example, which cannot train and test: add some")
    return shared


def _remedy(side: Side) -> str:
    option = "y to the file, or name a file of labels (--source-labels, --target-labels)"
    return f"add {option if side.entry['name'] == 'arrays' else 'them'}"


def choose_data_options(source: Side, target: Side, shared: list[str]) -> dict[str, Any]:
    """The options of ``data`` that the labels call for."""
    options: dict[str, Any] = {}
    if len(shared) < len(target.counts):
        options["target_classes"] = shared
    tested = set(target.labels if target.test_labels is None else target.test_labels)
    if target.counts and (len(shared) < len(source.counts) or not tested >= set(shared)):
        options["partial"] = True
    labels = [label for label in source.labels if label]
    if source.test_labels is None or target.test_labels is None:
        held_out = [] if target.has_few_labels else [label for label in target.labels if label]
        options["test"] = _smallest_share(TEST_SHARES, held_out, shared if held_out else [])
        if source.test_labels is None:
            labels = _drop_held_out(labels, options["test"])
    options["validation"] = _smallest_share(VALIDATION_SHARES, labels, labels)
    if source.missing or target.missing:
        options["missing"] = "mean"
    return options


def _smallest_share(shares: tuple[float, ...], labels: list[str], wanted: Sequence[str]) -> float:
    """The smallest share that holds out an example of each wanted class; the largest if none does."""
    return next((share for share in shares if _list_held_out(labels, share) >= set(wanted)), shares[-1])


def _list_held_out(labels: list[str], share: float) -> set[str]:
    return {labels[i] for i in hold_out(_split(labels), share)[1].rows.tolist()}


def _drop_held_out(labels: list[str], share: float) -> list[str]:
    return [labels[i] for i in hold_out(_split(labels), share)[0].rows.tolist()]


def _split(labels: list[str]) -> Split:
    """Labels as a split, to see what of it would be held out."""
    index = {name: place for place, name in enumerate(dict.fromkeys(labels))}
    return Split.of(torch.zeros(len(labels), 1), torch.tensor([index[label] for label in labels]))
