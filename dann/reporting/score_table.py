"""The table of what an experiment's rows score, one for each metric. Imports no torch."""

from collections import Counter
from dataclasses import asdict, replace
from statistics import fmean

from dann.config.naming import name_setting
from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.rules import RULES
from dann.reporting.alarm_column import alarm_cells
from dann.reporting.captions import score_notes
from dann.reporting.example_intervals import interval_columns
from dann.reporting.label_free import label_free_columns
from dann.reporting.scores import Outcomes, SeedScores, apply_rule, published_score
from dann.reporting.table import (
    NONE,
    Cell,
    Column,
    Columns,
    Table,
    format_points,
    interval_cell,
    score_cell,
)
from dann.reporting.tuned_columns import candidate_columns, rank_columns, score_title, source_columns
from dann.runner.records import has_source


def score_tables(ours: Outcomes) -> list[Table]:
    """A table of scores for each metric of an experiment.

    A target without test labels has no metric: its table shows source accuracy and label-free scores instead.

    Columns: the metric on the target's test examples for each task and averaged over tasks, or the only one; the 95 %
    t-interval of the average; the same as the oracle chooses; published numbers; without tasks the source accuracy; the
    chosen setting of searched hyper-parameters; alarms. Of a search with seeds of its own the metric is that of the
    tuned rows, between that of their own values and of the oracle's choice; then the ranks by each.
    """
    metrics = ours.experiment.metrics if ours.has_target_labels else ours.experiment.metrics[:1]
    return [_score_table(ours.for_metric(metric), metric) for metric in metrics]


def _score_table(ours: Outcomes, metric: str) -> Table:
    experiment = ours.experiment
    columns: Columns = {}
    fresh = bool(experiment.search_seeds)
    for task in [*ours.scored_tasks, None] if ours.has_target_labels else []:
        columns |= candidate_columns(ours, None, metric, "default") if fresh and task is None else {}
        columns |= _score_columns(ours, task, metric)
    if fresh and ours.has_target_labels:
        columns |= candidate_columns(ours, None, metric, "oracle") | rank_columns(ours, metric)
    elif ours.rule != "oracle" and ours.has_target_labels:
        oracle = apply_rule(experiment, [*ours.all_records, *ours.failed], "oracle", metric)
        scores = {variant: oracle.average(variant, metric) for variant in experiment.variants}
        columns[_score_column(oracle, None, metric, "oracle")] = _score_cells(oracle, scores, metric)
    if fresh and metric == experiment.metrics[0]:
        columns |= source_columns(ours)
    elif not experiment.tasks and metric == experiment.metrics[0] and any(map(has_source, ours.records)):
        on_source = {variant: ours.source_scores(variant) for variant in experiment.variants}
        source = Column("source", f"source {METRICS[experiment.split_score].heading}", "source", None,
                        experiment.split_score, ours.rule)  # fmt: skip
        columns[source] = _score_cells(ours, on_source, experiment.split_score)
    if metric == experiment.metrics[0]:
        columns |= label_free_columns(ours)
    if experiment.search is not None and not fresh:
        columns[Column("setting", "chosen", "setting")] = {v: _setting_cell(ours, v) for v in experiment.variants}
    alarms = alarm_cells(ours, metric)
    if any(cell.facts for cell in alarms.values()):
        columns[Column("alarms", "alarms", "alarms")] = alarms
    corner = METRICS[metric].heading if experiment.tasks and len(experiment.metrics) > 1 else ""
    differences = {variant: {"baseline": experiment.find_baseline(variant), **asdict(difference)}
                   for variant, difference in ours.differences(metric).items()}  # fmt: skip
    return Table.of_columns(experiment.title, experiment.variants, _distinguish_titles(columns),
                            score_notes(ours, metric, columns), corner, metric=metric, rule=ours.rule,
                            test=experiment.test, differences=differences)  # fmt: skip


def _score_columns(ours: Outcomes, task: str | None, metric: str) -> Columns:
    """The scores of a task, or their average with its interval; then the published numbers and the gap to them."""
    variants = ours.experiment.variants
    scores = {v: ours.average(v, metric) if task is None else ours.scores(v, task, metric) for v in variants}
    columns: Columns = {_score_column(ours, task, metric): _score_cells(ours, scores, metric, task)}
    if task is None:
        interval = Column("interval", "95 % interval", "interval", None, metric, ours.rule)
        columns[interval] = {variant: interval_cell(each, metric) for variant, each in scores.items()}
        columns |= interval_columns(ours, metric)
    published = {variant: published_score(ours.experiment, variant, task, metric) for variant in variants}
    if task is None and len(ours.scored_tasks) < len(ours.experiment.tasks):  # the paper's average is over all tasks
        published = {}
    if any(value is not None for value in published.values()):
        name = "average" if task is None else task
        prefix, end = (f"{name}, " if ours.experiment.tasks else ""), _end(task)
        columns[Column(f"published{end}", f"{prefix}published", "published", task, metric)] = {
            variant: published_cell(value) for variant, value in published.items()
        }
        columns[Column(f"gap{end}", f"{prefix}− published", "gap", task, metric, ours.rule)] = {
            variant: gap_cell(scores[variant], value) for variant, value in published.items()
        }
    return columns


def _score_column(ours: Outcomes, task: str | None, metric: str, key: str = "score") -> Column:
    """The column of a score, whose title says so where target labels chose it."""
    upper = ", oracle (upper bound)" if RULES[ours.rule].needs_target_labels else ""
    only = f"target {METRICS[metric].heading_with(upper)}"
    title = only if not ours.experiment.tasks else f"{'average' if task is None else task}{upper}"
    if ours.experiment.search_seeds:
        title = score_title(ours, task, metric, "tuned")
    return Column(f"{key}{_end(task)}", title, "score", task, metric, ours.rule)


def _end(task: str | None) -> str:
    """Ends the keys of a task's columns; no key of another column has a colon."""
    return "" if task is None else f":{task}"


def _distinguish_titles(columns: Columns) -> Columns:
    """Add "(task)" to the title of a task's scores where another column has it too, as with a task called average."""
    count = Counter(column.title for column in columns)

    def mark_task(column: Column) -> Column:
        shared = column.kind == "score" and column.task is not None and count[column.title] > 1
        return replace(column, title=f"{column.title} (task)") if shared else column

    return {mark_task(column): cells for column, cells in columns.items()}


def _score_cells(
    ours: Outcomes, scores: dict[str, SeedScores], metric: str, task: str | None = None
) -> dict[str, Cell]:
    return {v: score_cell(each, ours.seeds, ours.failures(v, task), metric) for v, each in scores.items()}


def published_cell(value: float | None) -> Cell:
    """A published number, in per cent."""
    return Cell() if value is None else Cell(f"{100 * value:.4g}", value)


def gap_cell(scores: SeedScores, value: float | None) -> Cell:
    """Our mean minus the published number, in points."""
    if value is None or not scores:
        return Cell()
    gap = fmean(scores.values()) - value
    return Cell(format_points(gap), gap)


def _setting_cell(ours: Outcomes, variant: str) -> Cell:
    """The chosen setting of the hyper-parameters, for each task."""
    settings = {record.task: record.setting for record in ours.by_variant[variant]}
    words = [
        f"{task}: {name_setting(setting)}" if task else name_setting(setting) for task, setting in settings.items()
    ]
    return Cell("; ".join(words) or NONE, [{"task": task, "setting": each} for task, each in settings.items()])
