"""What an experiment file whose labels are numbers may ask for: metrics, rules and comparisons. Imports no torch."""

from typing import TYPE_CHECKING

from dann.config.experiment_run import Run
from dann.errors import BadInput
from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.rules import RULES, refuse_rule

if TYPE_CHECKING:
    from dann.config.experiment import Experiment


def check_numbers(experiment: "Experiment", rows: list[Run], where: str) -> None:
    """Raise if rows of classes and of numbers are mixed, or if metrics, rules or comparisons are of the other kind.

    Args:
        rows: one run of each.
        where: the file, for messages.
    """
    of_numbers = experiment.of_numbers
    for run in rows:
        data = run.declared.get("data")
        if isinstance(data, dict) and (data.get("task") == "regression") != of_numbers:
            raise BadInput(
                f"{where}: data.task: {run.name} is of another task than the first row: set it in base, for all rows, "
                "or write two files"
            )
    named = [("metrics", experiment.metrics)]
    named += [("published_metric", [experiment.published_metric])] if experiment.published else []
    for key, metrics in named:
        for metric in metrics:
            if METRICS[metric].of_numbers != of_numbers:
                of, known = ("classes", "regression") if of_numbers else ("numbers", "classification")
                ours = ", ".join(name for name, each in METRICS.items() if each.of_numbers == of_numbers)
                raise BadInput(f"{where}: {key}: {metric} is of {of}, but data.task is {known}: choose among {ours}")
    rules = [("selections", rule) for rule in experiment.selections]
    rules += [] if experiment.search is None else [("search.rule", experiment.search.rule)]
    for key, rule in rules:
        refuse_rule(RULES[rule], of_numbers, f"{where}: {key}:")
    if of_numbers:
        _check_comparisons(experiment, where)


def _check_comparisons(experiment: "Experiment", where: str) -> None:
    """Raise if something is asked for that is defined for shares of right predictions alone."""
    wanted = {
        "published": bool(experiment.published),
        "pairwise": experiment.pairwise != "none",
        "intervals": experiment.intervals != "seeds",
        "axis": experiment.axis is not None,
        "compare_rules": experiment.compare_rules,
        "guard": experiment.guard,
        "search.seeds": bool(experiment.search_seeds),
    }
    if found := [key for key, there in wanted.items() if there]:
        raise BadInput(f"{where}: {found[0]}: is of accuracies, but data.task is regression: leave it out")
