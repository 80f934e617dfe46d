"""What an experiment file must fulfil beyond its schema, checked before anything is trained. Imports no torch."""

from collections import Counter
from typing import TYPE_CHECKING

from dann.config.experiment_run import Run
from dann.config.merging import flatten
from dann.config.number_experiments import check_numbers
from dann.errors import BadInput
from dann.evaluation.metric_definitions import METRICS
from dann.options import look_up

if TYPE_CHECKING:
    from dann.config.experiment import Experiment


def check_experiment(experiment: "Experiment", where: str) -> None:
    """Check sizes, names, the search, metrics and folders.

    Args:
        where: the file, for messages.

    Raises:
        BadInput: the experiment cannot be run; says what to change.
    """
    experiment.check_size(experiment.seeds, where)
    _check_names(experiment, where)
    _check_search(experiment, where)
    rows = list(experiment.runs(seeds=experiment.seeds[:1]))
    _check_metrics(experiment, rows, where)
    check_numbers(experiment, rows, where)
    _check_folders(experiment, rows, where)


def _check_search(experiment: "Experiment", where: str) -> None:
    """Raise if rows try unlike numbers of settings, or if a searched value is also set on the command line."""
    if experiment.search is None:
        return
    experiment.search.check(experiment.variants, where)
    if experiment.search.kind == "halving":
        _check_steps(experiment, where)
    if both := [seed for seed in experiment.search_seeds if seed in experiment.seeds]:
        raise BadInput(
            f"{where}: search.seeds: {both[0]} is one of the experiment's seeds too, which should be fresh: "
            "take another"
        )
    searched = {key for variant in experiment.variants for key in experiment.settings(variant)[0]}
    if taken := [key for key in flatten(experiment.overrides) if any(_overlap(key, each) for each in searched)]:
        raise BadInput(f"--set {min(taken)}: is searched in {where}: leave one of them out")


def _check_steps(experiment: "Experiment", where: str) -> None:
    """Raise unless the steps of rungs can be computed: each row has them, and no task has others."""
    if missing := [variant for variant in experiment.variants if not experiment.count_steps(variant)]:
        raise BadInput(f"{where}: search.kind: halving: {missing[0]} has no train.steps: set it")
    for task, changes in experiment.tasks.items():
        if "steps" in (changes.get("train") or {}):
            raise BadInput(f"{where}: search.kind: halving: the task {task} sets train.steps: set it in base or rows")


def _overlap(one: str, other: str) -> bool:
    """Whether two dotted keys set the same value, as one of them may name a mapping that the other is in."""
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def _check_metrics(experiment: "Experiment", rows: list[Run], where: str) -> None:
    """Raise if a metric of unseen classes is wanted of a run that has none; before anything is trained."""
    wanted = [metric for metric in experiment.metrics if METRICS[metric].for_unseen_classes]
    for run in rows if wanted else []:
        data = run.declared.get("data", {})
        if isinstance(data, dict) and not data.get("unseen"):  # of another type, it is refused as such later
            raise BadInput(f"{where}: metrics: {wanted[0]} is of unseen classes, but {run.name} has no data.unseen: "
                           "name some, or leave it out")  # fmt: skip


def _check_folders(experiment: "Experiment", rows: list[Run], where: str) -> None:
    """Raise if two runs would share a folder."""
    folder, same = Counter(run.folder for run in rows).most_common(1)[0]
    seed, times = Counter([*experiment.search_seeds, *experiment.seeds]).most_common(1)[0]
    if same > 1 or times > 1:
        shared = folder if same > 1 else folder.with_name(f"seed-{seed}")
        raise BadInput(f"{where}: two runs would share the folder {shared}: rename a task or variant, or drop a seed")


def _check_names(experiment: "Experiment", where: str) -> None:
    """Raise if ``published``, ``baseline``, ``axis`` or ``shown`` names an unknown variant or task."""
    for variant, given in experiment.published.items():
        look_up(experiment.variants, variant, "variant under published:", where)
        for column in given if isinstance(given, dict) else []:
            kind = "task or rule of selections" if experiment.selections else "task"
            look_up(experiment.tasks | dict.fromkeys(experiment.selections), column, f"{kind} under published:", where)
    baseline = experiment.baseline
    for variant in [*baseline, *baseline.values()] if isinstance(baseline, dict) else [baseline]:
        look_up(experiment.variants, variant, "variant under baseline:", where)
    for variant, own in baseline.items() if isinstance(baseline, dict) else []:
        if own == variant:
            raise BadInput(f"{where}: baseline: {variant} is named as its own: name another, or leave it out")
    for line in [] if experiment.axis is None else experiment.axis.lines.values():
        for variant in line:
            look_up(experiment.variants, variant, "variant under axis.lines:", where)
    for variant in experiment.shown.variants:
        look_up(experiment.variants, variant, "variant under shown:", where)
    for task in experiment.shown.tasks:
        look_up(experiment.tasks, task, "task under shown:", where)
