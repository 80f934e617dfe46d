"""``dann run --dry-run``: an experiment as it would be run, as YAML; nothing is written."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

try:
    from yaml import CSafeDumper as FastDumper  # libyaml's
except ImportError:  # PyYAML was built without it
    from yaml import SafeDumper as FastDumper  # type: ignore[assignment]

from dann.cli.option_types import format_value
from dann.config.experiment import Experiment
from dann.config.experiment_run import Run
from dann.config.naming import printable, printable_lines
from dann.config.schema import library_of
from dann.errors import BadInput
from dann.runner.changed_runs import Redo
from dann.runner.experiment_records import read_records
from dann.runner.planning import Plan, plan
from dann.runner.records import unfinished_folder
from dann.runner.run_folder import is_finished
from dann.runner.search_choice import count_unknown_runs, later_runs
from dann.runner.source_free import resolve_run
from dann.training.stacking.grouping import Planned

Resolved = dict[str, Any]
Row = tuple[str | None, str]  # task and variant
STATES = FINISHED, BEGUN, MISSING, CHANGED = "finished", "unfinished", "to make", "to make again"
BASE = "base"


def describe_plan(
    experiment: Experiment,
    runs: list[Run],
    folder: Path,
    file: Path,
    redo: Redo | None = None,
    seeds: list[int] | None = None,
) -> str:
    """The resolved configuration of an experiment and its runs.

    Args:
        runs: a selection of the experiment's, in its ``folder``.
        redo: as in ``dann.runner.planning.launch``, and so ``seeds``.

    Raises:
        BadInput: as from the run itself, for an invalid configuration or for runs in ``folder`` that have changed.
    """
    planned = plan(experiment, runs, folder, file, redo, seeds)
    later, unknown = _find_later(experiment, runs, folder, planned)
    if later:
        planned = plan(experiment, [*runs, *later], folder, file, redo, seeds)
    states = _states(planned)
    rows = _resolve_rows(experiment, planned.runs, file, folder)
    tasks = dict.fromkeys(run.task for run in runs)
    bases = {task: _base(experiment, rows, task, folder) for task in tasks}
    first, *others = bases
    parts = [
        f"# {printable(experiment.title)}",
        printable(f"# {_count(states)}, in {folder}"),
        *([f"# Then the settings that the search chooses: at most {unknown} more runs"] if unknown else []),
        "",
        printable(f"# With every default filled in{'' if first is None else f', for the task {first}'}:"),
        _yaml({"base": bases[first]}),
    ]
    if others:
        changed = {task: changes(bases[first], bases[task]) for task in others}
        parts += ["# What the other tasks change in it:", _yaml({"tasks": changed})]
    parts += ["# What each variant changes:", _yaml({"variants": _variants(rows, bases)})]
    lines = [f"  {format_value(row)}: {_flow(seeds)}" for row, seeds in states.items()]
    return "\n".join([*parts, "# Seeds of the runs:", "runs:", *lines]) + "\n"


def _find_later(experiment: Experiment, runs: list[Run], folder: Path, planned: Plan) -> tuple[list[Run], int]:
    """The runs that follow from the search, as far as it is complete, and the largest number of those not yet known."""
    if not experiment.search_seeds:
        return [], 0
    again = {change.place for change in planned.changes}
    records = [record for place, record in read_records(experiment, folder).items() if place not in again]
    return later_runs(experiment, records, runs), count_unknown_runs(experiment, records, runs)


def _resolve_rows(experiment: Experiment, planned: list[Planned], file: Path, runs: Path) -> dict[Row, Resolved]:
    """The configuration of each row, apart from what is searched."""
    rows = {(each.run.task, each.run.variant): each.config for each in planned}
    if experiment.search is None:  # as planned: resolving again would take as long once more
        return {row: config.model_dump(mode="json") for row, config in rows.items()}
    return {(task, variant): _resolve_row(experiment, variant, task, file, runs) for task, variant in rows}


def _resolve_row(experiment: Experiment, variant: str, task: str | None, file: Path, runs: Path) -> Resolved:
    """The configuration of a row, apart from what is searched."""
    declared, library = experiment.merge_configuration(variant, task), library_of(experiment, str(file))
    run = Run(task, variant, experiment.seeds[0], declared)
    return resolve_run(run, f"{file}, variant {variant}", library, runs).model_dump(mode="json")


def _base(experiment: Experiment, rows: Mapping[Row, Resolved], task: str | None, runs: Path) -> Resolved:
    """The configuration without any variant; where that is incomplete, of the task's first variant."""
    bare = experiment.model_copy(update={"variants": {BASE: {}}})
    try:
        return _resolve_row(bare, BASE, task, Path(BASE), runs)
    except BadInput:
        return next(config for (own, _), config in rows.items() if own == task)


def _variants(rows: Mapping[Row, Resolved], bases: Mapping[str | None, Resolved]) -> Resolved:
    """What each variant changes in its task's base; task by task if it is not the same for all."""
    shown: Resolved = {}
    for variant in dict.fromkeys(variant for _, variant in rows):
        own = {task: changes(bases[task], rows[task, variant]) for task in bases if (task, variant) in rows}
        first = next(iter(own.values()))
        same = all(each == first for each in own.values())
        shown |= {variant: first} if same else {f"{variant}, {task}": each for task, each in own.items()}
    return shown


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Resolved:
    """The values of ``new`` that differ from ``old``; a component of another name is shown whole."""
    result: Resolved = {}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, dict) and isinstance(before, dict) and value.get("name") == before.get("name"):
            if inner := changes(before, value):
                result[key] = inner
        elif value != before or key not in old:
            result[key] = value
    return result


def _states(planned: Plan) -> dict[str, dict[str, list[int]]]:
    """The seeds of each row by what there is of their runs."""
    states: dict[str, dict[str, list[int]]] = {}
    changed = {change.place for change in planned.changes}
    for run, _, place in planned.runs:
        there = FINISHED if is_finished(place) else BEGUN if unfinished_folder(place).is_dir() else MISSING
        state = CHANGED if place in changed else there
        states.setdefault(run.row_name, {}).setdefault(state, []).append(run.seed)
    return states


def _count(states: Mapping[str, Mapping[str, list[int]]]) -> str:
    counts = {state: sum(len(row.get(state, [])) for row in states.values()) for state in STATES}
    each = ", ".join(f"{count} {state}" for state, count in counts.items() if count or state != CHANGED)
    return f"{sum(counts.values())} runs: {each}"


def _flow(seeds: Mapping[str, list[int]]) -> str:
    """Seeds by state as YAML on one line; its library would take seconds for many rows."""
    return "{" + ", ".join(f"{state}: {numbers}" for state, numbers in seeds.items()) + "}"


def _yaml(content: Mapping[str, Any]) -> str:
    """YAML for the terminal: where a character would move its cursor or reverse its direction, ASCII with escapes."""
    written = partial(yaml.dump, content, None, sort_keys=False, default_flow_style=None, width=100)
    text = str(written(FastDumper, allow_unicode=True))
    if "\\U" in text:  # libyaml escapes emoji
        text = str(written(yaml.SafeDumper, allow_unicode=True))
    return text if printable_lines(text) == text else str(written(yaml.SafeDumper))
