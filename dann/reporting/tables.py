"""Records → the tables of an experiment: what its rows score, and what they differ from a baseline by. No torch."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

from dann.config.experiment import Experiment, Metric
from dann.config.search import named
from dann.evaluation.statistics import Difference
from dann.reporting.captions import METRICS, notes_of_differences, notes_of_scores
from dann.reporting.negative_transfer import AVERAGE, NEGATIVE, negative_transfer
from dann.reporting.rule_comparison import ranking
from dann.reporting.scores import Outcomes, Scores, outcomes, published
from dann.reporting.table import AGAINST, ALARMS, CHOSEN, DIFFERENCE, NONE, Cell, Table, bounds, score, signed, spanned
from dann.runner.records import Record

Columns = dict[str, dict[str, Cell]]  # by column, then by variant


def make_tables(experiment: Experiment, records: Sequence[Record], rule: str = "last") -> list[Table]:
    """All tables: those of what the rows score, of paired differences and, if asked for, of how the rules choose."""
    ours = outcomes(experiment, records, rule)
    compared = [ranking(experiment, records)] if experiment.compare_rules and records else []
    return [*main_tables(ours), *difference_tables(ours), *compared]


def main_tables(ours: Outcomes) -> list[Table]:
    """What an experiment scores: a table for each metric.

    Each shows the metric on the target's test examples, the 95 % t-interval of the only column or of the average over
    tasks, the same as the oracle would have it, published numbers and alarms; without tasks also the source accuracy.
    """
    return [_main_table(ours.by(metric), metric) for metric in ours.experiment.metrics]


def _main_table(ours: Outcomes, metric: Metric) -> Table:
    experiment, columns, differences = ours.experiment, Columns(), ours.differences(metric)
    for task in experiment.tasks:
        columns |= _beside_published(ours, task, metric)
    columns |= _beside_published(ours, None, metric)
    if ours.rule != "oracle":
        oracle = outcomes(experiment, ours.every, "oracle", metric)
        columns |= _scored(oracle, _main_name(experiment, metric), _mains(oracle, metric))
    if not experiment.tasks and metric == experiment.metrics[0]:
        columns["source accuracy, %"] = {v: score(ours.on_source(v), ours.seeds) for v in experiment.variants}
    if experiment.search is not None:
        columns[CHOSEN] = {variant: _chosen(ours, variant) for variant in experiment.variants}
    columns |= _alarms(ours, metric)
    rows = {v: [column[v] for column in columns.values()] for v in experiment.variants}
    facts = {
        "metric": metric,
        "rule": ours.rule,
        "test": experiment.test,
        "differences": {
            variant: {"baseline": experiment.compared_with(variant), **asdict(difference)}
            for variant, difference in differences.items()
        },
    }
    corner = f"{METRICS[metric]}, %" if experiment.tasks and len(experiment.metrics) > 1 else ""
    return Table(experiment.title, list(columns), rows, notes_of_scores(ours, metric, columns), corner, facts)


def _main_name(experiment: Experiment, metric: Metric) -> str:
    return "average" if experiment.tasks else f"target {METRICS[metric]}, %"


def _mains(ours: Outcomes, metric: Metric) -> dict[str, Scores]:
    return {variant: ours.main(variant, metric) for variant in ours.experiment.variants}


def _scored(ours: Outcomes, name: str, scores: dict[str, Scores]) -> Columns:
    """A column of scores, whose name says so where the oracle chose them."""
    if ours.rule == "oracle":
        unit = ", %" if name.endswith(", %") else ""
        name = f"{name.removesuffix(unit)}, oracle (upper bound){unit}"
    return {name: {variant: score(found, ours.seeds) for variant, found in scores.items()}}


def _beside_published(ours: Outcomes, task: str | None, metric: Metric) -> Columns:
    """The scores of a task, or of the average or only column with their interval; then what was published."""
    experiment = ours.experiment
    name = _main_name(experiment, metric) if task is None else task
    scores = _mains(ours, metric) if task is None else {v: ours.scores(v, task, metric) for v in experiment.variants}
    columns = _scored(ours, name, scores)
    if task is None:
        columns["95 % interval"] = {variant: spanned(found) for variant, found in scores.items()}
    given = {variant: published(experiment, variant, task) for variant in experiment.variants}
    if metric == "accuracy" and any(value is not None for value in given.values()):
        prefix = f"{name}, " if experiment.tasks else ""
        columns[f"{prefix}published"] = {v: _published(value) for v, value in given.items()}
        columns[f"{prefix}− published"] = {v: _gap(scores[v], value) for v, value in given.items()}
    return columns


def _published(value: float | None) -> Cell:
    return Cell() if value is None else Cell(f"{100 * value:.4g}", value)


def _gap(scores: Scores, value: float | None) -> Cell:
    """Ours less the published number, in points."""
    if value is None or not scores:
        return Cell()
    gap = fmean(scores.values()) - value
    return Cell(signed(gap), gap)


def _alarms(ours: Outcomes, metric: Metric) -> Columns:
    """A column of what went wrong, if anything did: negative transfer, and the alarms of how many of a row's runs."""
    cells, tasks, below = {}, list(ours.experiment.tasks), negative_transfer(ours, metric)
    for variant in ours.experiment.variants:
        found: list[dict[str, Any]] = []
        if (AVERAGE if tasks else None, variant) in below:
            found.append({"alarm": NEGATIVE})
        elif lost := sum((task, variant) in below for task in tasks):
            found.append({"alarm": NEGATIVE, "tasks": lost, "of": len(tasks)})
        words = [f"{NEGATIVE} ({each['tasks']} of {each['of']} tasks)" if "of" in each else f"▼ {NEGATIVE}"
                 for each in found]  # fmt: skip
        runs = [{alarm["alarm"] for alarm in record.alarms} for record in ours.records if record.variant == variant]
        counts = Counter(name for names in runs for name in sorted(names - {NEGATIVE}))  # a record's may be outdated
        words += [f"{name} ({count} of {len(runs)})" for name, count in counts.items()]
        found += [{"alarm": name, "runs": count, "of": len(runs)} for name, count in counts.items()]
        cells[variant] = Cell("; ".join(words), found)
    return {ALARMS: cells} if any(cell.facts for cell in cells.values()) else {}


def _chosen(ours: Outcomes, variant: str) -> Cell:
    """The setting of the hyper-parameters that is shown, of each task."""
    found = {record.task: record.setting for record in ours.records if record.variant == variant}
    words = [f"{task}: {named(setting)}" if task else named(setting) for task, setting in found.items()]
    return Cell("; ".join(words) or NONE, [{"task": task, "setting": setting} for task, setting in found.items()])


def difference_tables(ours: Outcomes) -> list[Table]:
    """For each metric the paired differences from the baselines, of the average over tasks or the only column.

    There is none without a baseline, or where no row shares two seeds with its own.
    """
    experiment, tables = ours.experiment, []
    for metric in ours.experiment.metrics:
        found = ours.by(metric).differences(metric)
        if any(difference.n > 1 for difference in found.values()):
            against = {variant: str(experiment.compared_with(variant)) for variant in found}
            several = len(set(against.values())) > 1
            columns = [AGAINST] * several + [DIFFERENCE, "95 % interval", "p", "p (Holm)", "effect size d", "n"]
            rows = {variant: [Cell(against[variant], against[variant])] * several + _differing(difference)
                    for variant, difference in found.items()}  # fmt: skip
            title = f"{METRICS[metric]} against {'baselines' if several else next(iter(against.values()))}"
            notes = notes_of_differences(ours.by(metric), metric, several)
            facts = {"metric": metric, "rule": ours.rule, "baselines": against, "test": experiment.test}
            tables.append(Table(f"{experiment.title}: {title}", columns, rows, notes, title, facts))
    return tables


def _differing(difference: Difference) -> list[Cell]:
    ends = bounds(difference.mean, difference.half_width)
    effect = NONE if difference.effect is None else f"{difference.effect:+.2f}".replace("-", "−")
    return [
        Cell(signed(difference.mean), difference.mean),
        Cell(NONE if ends is None else " to ".join(map(signed, ends)), ends),
        Cell(_p(difference.p), difference.p),
        Cell(_p(difference.adjusted), difference.adjusted),
        Cell(effect, difference.effect),
        Cell(str(difference.n), difference.n),
    ]


def _p(p: float | None) -> str:
    return NONE if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"
