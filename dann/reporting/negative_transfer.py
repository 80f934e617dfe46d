"""Negative transfer: rows that are below source only beyond the interval, flagged in their records. No torch."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

from dann.config.experiment import Experiment, Metric
from dann.diagnostics.alarms import Alarm
from dann.evaluation.statistics import Difference, paired
from dann.reporting.scores import Outcomes, outcomes
from dann.reporting.table import bounds, signed
from dann.runner.records import PACKED, Record, read_records, write_record

NEGATIVE, AVERAGE = "negative transfer", ""  # no task has an empty name
# Metrics that tell of it: not those of which less is better, nor the parts that calibration trades for others.
OF_TRANSFER: set[Metric] = {"accuracy", "balanced_accuracy", "macro_precision", "macro_f1", "auc", "harmonic"}


def flag_negative_transfer(experiment: Experiment, folder: Path) -> Iterator[tuple[Record, Alarm]]:
    """Write the alarm into the records in ``folder`` of rows that are below source only; gives new ones.

    A row is below where the 95 % t-interval of the paired differences on equal seeds lies wholly below 0, on a task or
    on the average over tasks. A flag that more seeds have refuted is taken out. Packed records stay as they are. This
    alone of the alarms reads target labels, as the tables do.
    """
    if (folder / PACKED).is_file():
        return
    records = read_records(experiment, folder)
    ours = outcomes(experiment, list(records.values()))
    found, shown = negative_transfer(ours, metric_of_transfer(experiment)), {id(record) for record in ours.records}
    for place, record in records.items():
        before = [alarm for alarm in record.alarms if alarm["alarm"] == NEGATIVE]
        told = found.get((record.task, record.variant), found.get((AVERAGE, record.variant)))
        step = int(record.evaluations[-1]["step"])
        alarm = None if told is None or id(record) not in shown else Alarm(NEGATIVE, step, told)
        now = [] if alarm is None else [alarm.entry()]
        if before != now:
            others = [each for each in record.alarms if each["alarm"] != NEGATIVE]
            write_record(replace(record, alarms=others + now), place)
            if alarm is not None and not before:
                yield record, alarm


def negative_transfer(ours: Outcomes, metric: Metric) -> dict[tuple[str | None, str], str]:
    """What is told of the rows that are below source only, on the ``AVERAGE`` over tasks and on each task, by row.

    Without tasks the only column is the task None. A metric that does not tell of transfer tells nothing.
    """
    experiment, found = ours.experiment, {}
    if metric not in OF_TRANSFER:
        return {}
    baselines = {variant: experiment.source_only_beside(variant) for variant in experiment.variants}
    for task, variant in product([AVERAGE, *experiment.tasks] if experiment.tasks else [None], baselines):
        baseline = baselines[variant]
        if baseline is not None and variant not in ours.upper_bounds:
            mine, theirs = (ours.main(v, metric) if task == AVERAGE else ours.scores(v, task, metric)
                            for v in (variant, baseline))  # fmt: skip
            if (difference := paired(mine, theirs)) is not None and difference.below:
                found[task, variant] = _told(baseline, difference)
    return found


def metric_of_transfer(experiment: Experiment) -> Metric:
    """The metric of an experiment by which records are flagged: the first that tells of transfer."""
    return next((metric for metric in experiment.metrics if metric in OF_TRANSFER), experiment.metrics[0])


def _told(baseline: str, difference: Difference) -> str:
    ends = " to ".join(map(signed, bounds(difference.mean, difference.half_width) or []))
    return f"{signed(difference.mean)} points from {baseline} on {difference.n} equal seeds (95 % interval {ends})"
