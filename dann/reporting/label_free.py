"""Columns of runs whose target has no test labels: source accuracy and label-free scores. Imports no torch."""

from collections.abc import Mapping

from dann.evaluation.rules import RULES, Rule
from dann.reporting.scores import Outcomes
from dann.reporting.table import Cell, Column, Columns, score_cell, value_cell
from dann.runner.records import Record, has_target_labels

PREFIX = "score_"  # of the keys of label-free scores in an evaluation


def label_free_rules(records: list[Record]) -> list[Rule]:
    """The rules whose label-free score some record without target labels has."""
    keys = {key for record in records if not has_target_labels(record) for each in record.evaluations for key in each}
    every = [rule for rule in RULES.values() if len(rule.reads) == 1 and rule.reads[0].startswith(PREFIX)]
    return [rule for rule in every if rule.reads[0] in keys]


def label_free_columns(ours: Outcomes) -> Columns:
    """For each task whose target has no test labels, or for all rows: source accuracy, then each label-free score."""
    columns: Columns = {}
    rules = label_free_rules(list(ours.records))
    unlabelled = [record.task for record in ours.records if not has_target_labels(record)]
    for task in dict.fromkeys(unlabelled):
        name, end = (f"{task}, ", f":{task}") if task is not None else ("", "")
        if task is not None:  # without tasks every table has it
            column = Column(f"source{end}", f"{name}source accuracy, %", "source", task, "accuracy", ours.rule)
            columns[column] = {v: score_cell(ours.source_scores(v, task), ours.seeds) for v in ours.experiment.variants}
        for rule in rules:
            column = Column(f"{rule.name}{end}", f"{name}{rule.name} score", "label_free", task, None, ours.rule)
            columns[column] = {v: _cell(ours, v, task, rule.reads[0]) for v in ours.experiment.variants}
    return columns


def _cell(ours: Outcomes, variant: str, task: str | None, key: str) -> Cell:
    chosen: Mapping[int, Mapping[str, float]] = ours.chosen.get((task, variant), {})
    return value_cell({seed: evaluation[key] for seed, evaluation in chosen.items() if key in evaluation}, ours.seeds)
