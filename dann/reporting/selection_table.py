"""The table of what an experiment's rows score under several selection rules beside each other. Imports no torch."""

from collections.abc import Sequence
from statistics import fmean

from dann.config.experiment import Experiment
from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.rules import RULES, rule_for
from dann.evaluation.selection import check_scores
from dann.reporting.scores import Outcomes, apply_rule, published_by_rule, with_result
from dann.reporting.table import Cell, Column, Columns, Table, format_points, score_cell
from dann.runner.records import Record, has_target_labels


def selection_tables(experiment: Experiment, records: Sequence[Record]) -> list[Table]:
    """A table for each metric, if ``selections`` names rules and the target has labels.

    Columns: for each rule the metric on the target's test examples, averaged over tasks, and the published number.

    Args:
        records: also those of runs that failed.

    Raises:
        BadInput: no run has the score that a rule reads.
    """
    made = with_result(records)
    if not experiment.selections or not any(map(has_target_labels, made)):
        return []
    for rule in experiment.selections:
        check_scores(rule, [record.evaluations for record in made], "selections:")
    return [_selection_table(experiment, records, metric) for metric in experiment.metrics]


def _selection_table(experiment: Experiment, records: Sequence[Record], metric: str) -> Table:
    columns: Columns = {}
    for rule in experiment.selections:
        columns |= _rule_columns(apply_rule(experiment, records, rule, metric), metric)
    what = "the setting and the step" if experiment.search and not experiment.search_seeds else "the step"
    over = f", averaged over {len(experiment.tasks)} tasks" if experiment.tasks else ""
    label = METRICS[metric].label
    unit = "" if METRICS[metric].of_numbers else " in per cent"
    notes = [
        f"Target {label}{unit}{over}, mean ± standard deviation over seeds, where each rule chooses {what}.",
        *(f"{rule}: {rule_for(rule, metric).moment}." for rule in experiment.selections),
    ]
    if any(column.kind == "gap" for column in columns):
        notes.append("− published: our mean minus the published number under the same rule, in points.")
    title = f"{label} by selection rule"
    return Table.of_columns(f"{experiment.title}: {title}", experiment.variants, columns, notes, title, metric=metric)


def _rule_columns(ours: Outcomes, metric: str) -> Columns:
    """The scores under one rule; where a paper reports some under it, they and the gap to them."""
    experiment, rule = ours.experiment, ours.rule
    upper = " (upper bound)" if RULES[rule].needs_target_labels else ""
    scores = {variant: ours.average(variant, metric) for variant in experiment.variants}
    cells = {v: score_cell(each, ours.seeds, ours.failures(v, None), metric) for v, each in scores.items()}
    columns: Columns = {Column(rule, f"{rule}{upper}", "score", None, metric, rule): cells}
    published = {v: published_by_rule(experiment, v, rule, metric) for v in experiment.variants}
    if any(number is not None for number in published.values()):
        gaps = {v: None if number is None or not scores[v] else fmean(scores[v].values()) - number
                for v, number in published.items()}  # fmt: skip
        columns[Column(f"published:{rule}", f"{rule}, published", "published", None, metric)] = {
            v: Cell() if number is None else Cell(f"{100 * number:.4g}", number) for v, number in published.items()
        }
        columns[Column(f"gap:{rule}", f"{rule}, − published", "gap", None, metric, rule)] = {
            v: Cell() if gap is None else Cell(format_points(gap), gap) for v, gap in gaps.items()
        }
    return columns
