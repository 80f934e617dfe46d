"""Negative transfer: rows below source only beyond the interval, and the flag in their records. Imports no torch."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from dann.config.experiment import Experiment
from dann.diagnostics.alarms import Alarm
from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.statistics import Difference, compare_pairs
from dann.reporting.scores import Outcomes, apply_rule
from dann.reporting.table import interval_ends, show_difference, show_differences
from dann.runner.experiment_records import PACKED, read_records
from dann.runner.records import Record, write_record
from dann.runner.search_choice import Row

NEGATIVE = "negative transfer"


def negative_transfer(ours: Outcomes, metric: str) -> dict[Row, str]:
    """A description of each loss against source only, by task and variant; the task is None for the average.

    A row loses where the 95 % t-interval of the paired differences on equal seeds lies entirely below 0. Without tasks
    the only score stands for the average. Metrics that do not show transfer give none.
    """
    if not METRICS[metric].shows_transfer:
        return {}
    experiment, below = ours.experiment, {}
    baselines = {variant: experiment.find_source_only_baseline(variant) for variant in experiment.variants}
    for task in [None, *experiment.tasks]:
        for variant, baseline in baselines.items():
            if baseline is not None and variant not in ours.upper_bounds:
                mine, theirs = (ours.average(v, metric) if task is None else ours.scores(v, task, metric)
                                for v in (variant, baseline))  # fmt: skip
                if (difference := compare_pairs(mine, theirs)) is not None and difference.is_below:
                    below[task, variant] = _description(baseline, difference, metric)
    return below


def _description(baseline: str, difference: Difference, metric: str) -> str:
    found = METRICS[metric]
    ends = show_differences(interval_ends(difference.mean, difference.half_width) or [], metric, difference.mean)
    by = f"{show_difference(difference.mean, metric)} {f'of {found.label}' if found.of_numbers else 'points'}"
    return f"{by} from {baseline} on {difference.n} equal seeds (95 % interval {ends})"


def transfer_metric(experiment: Experiment) -> str:
    """The metric by which records are flagged: the first of the experiment's that shows transfer."""
    return next((metric for metric in experiment.metrics if METRICS[metric].shows_transfer), experiment.metrics[0])


def flag_negative_transfer(experiment: Experiment, folder: Path) -> Iterator[tuple[Record, Alarm]]:
    """Bring the alarm in the records of a folder up to date, and yield the new alarms.

    A record is flagged if its row loses on its task or in the average over tasks; a flag that more seeds have refuted
    is removed. Packed records stay as they are. This is the only alarm that reads target labels, as the tables do.
    """
    if (folder / PACKED).is_file():
        return
    every = read_records(experiment, folder)
    records = {place: record for place, record in every.items() if record.failed is None}
    ours = apply_rule(experiment, list(every.values()))
    below, shown = negative_transfer(ours, transfer_metric(experiment)), {id(record) for record in ours.records}
    for place, record in records.items():
        before = [alarm for alarm in record.alarms if alarm["alarm"] == NEGATIVE]
        text = below.get((record.task, record.variant), below.get((None, record.variant)))
        step = int(record.evaluations[-1]["step"])
        alarm = None if text is None or id(record) not in shown else Alarm(NEGATIVE, step, text)
        now = [] if alarm is None else [alarm.entry()]
        if before != now:
            others = [each for each in record.alarms if each["alarm"] != NEGATIVE]
            write_record(replace(record, alarms=others + now), place)
            if alarm is not None and not before:
                yield record, alarm
