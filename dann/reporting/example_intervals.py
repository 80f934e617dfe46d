"""Intervals of accuracies over the test examples, beside those over seeds. Imports no torch."""

from collections import defaultdict
from statistics import fmean

from dann.evaluation.statistics import ExampleSet, bootstrap_interval
from dann.reporting.scores import Outcomes
from dann.reporting.table import Cell, Column, Columns, show_interval

INTERVAL_KEY, INTERVAL_TITLE = "example_interval", "95 % interval, test examples"


def interval_columns(ours: Outcomes, metric: str) -> Columns:
    """The interval over test examples of the average or only accuracy, where the experiment asks for it."""
    if ours.experiment.intervals != "test_examples" or metric != "accuracy":
        return {}
    column = Column(INTERVAL_KEY, INTERVAL_TITLE, "interval", None, metric, ours.rule)
    return {column: {variant: _interval_cell(ours, variant) for variant in ours.experiment.variants}}


def _interval_cell(ours: Outcomes, variant: str) -> Cell:
    tests = find_example_sets(ours, variant)
    return show_interval(bootstrap_interval(tests)) if tests else Cell()


def find_example_sets(ours: Outcomes, variant: str) -> list[ExampleSet]:
    """The test sets behind the average accuracy of a variant; tasks with the same test examples share one."""
    seeds = ours.average(variant, "accuracy")
    tasks: list[str | None] = [*ours.scored_tasks] if ours.experiment.tasks else [None]
    found = defaultdict(list)
    for task in tasks if seeds else []:
        scores = ours.scores(variant, task, "accuracy")
        target = next(record for record in ours.by_variant[variant] if record.task == task).data["target"]
        found[target["name"], target["checksum"], target["test"]].append(fmean(scores[seed] for seed in seeds))
    return [ExampleSet(fmean(means), key[2], len(means) / len(tasks)) for key, means in found.items()]
