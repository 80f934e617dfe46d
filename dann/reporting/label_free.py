"""Columns of runs whose target has no test labels: source accuracy and label-free scores. Imports no torch."""

from collections.abc import Sequence

from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.rules import OWN, RULES, SCORE, Rule
from dann.reporting.scores import Outcomes, SeedScores
from dann.reporting.table import Column, Columns, score_cell, value_cell
from dann.runner.records import Record, has_source, has_target_labels


def label_free_rules(records: Sequence[Record]) -> list[Rule]:
    """The rules whose label-free score some record without target labels has."""
    keys = {key for record in records if not has_target_labels(record) for each in record.evaluations for key in each}
    every = [rule for rule in RULES.values() if len(rule.reads) == 1 and rule.reads[0].startswith(SCORE)]
    every += [RULES[key.removeprefix(SCORE)] for key in sorted(keys) if key.startswith(f"{SCORE}{OWN}")]
    return [rule for rule in every if rule.reads[0] in keys]


def label_free_columns(ours: Outcomes) -> Columns:
    """For each task whose target has no test labels, or for all rows: source accuracy, then each label-free score."""
    columns: Columns = {}
    variants, rules = ours.experiment.variants, label_free_rules(ours.records)
    unlabelled = [record.task for record in ours.records if not has_target_labels(record)]
    for task in dict.fromkeys(unlabelled):
        name, end = (f"{task}, ", f":{task}") if task is not None else ("", "")
        failures = {variant: ours.failures(variant, task) for variant in variants}
        if task is not None and any(map(has_source, ours.records)):  # without tasks every table has it
            metric = ours.experiment.split_score
            title = f"{name}source {METRICS[metric].heading}"
            column = Column(f"source{end}", title, "source", task, metric, ours.rule)
            columns[column] = {v: score_cell(ours.source_scores(v, task), ours.seeds, failures[v], metric)
                               for v in variants}  # fmt: skip
        for rule in rules:
            column = Column(f"{rule.name}{end}", f"{name}{rule.name} score", "label_free", task, None, ours.rule)
            values = {variant: _values(ours, variant, task, rule.reads[0]) for variant in variants}
            columns[column] = {v: value_cell(values[v], ours.seeds, failures[v]) for v in variants}
    return columns


def _values(ours: Outcomes, variant: str, task: str | None, key: str) -> SeedScores:
    """A value of the chosen evaluations, by seed."""
    chosen = ours.chosen.get((task, variant), {})
    return {seed: evaluation[key] for seed, evaluation in chosen.items() if key in evaluation}
