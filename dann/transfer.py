"""Negative transfer: rows that are below the baseline beyond the interval, flagged in their records. No torch."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

from dann.alarms import Alarm
from dann.experiment import Experiment, Metric
from dann.formats import bounds, signed
from dann.outcomes import Outcomes, outcomes
from dann.records import PACKED, Record, read_records, write_record
from dann.statistics import Difference, paired

NEGATIVE, AVERAGE = "negative transfer", ""  # no task has an empty name
# Metrics that tell of it: not those of which less is better, nor the parts that calibration trades for others.
OF_TRANSFER: set[Metric] = {"accuracy", "balanced_accuracy", "macro_precision", "macro_f1", "auc", "harmonic"}


def flag_negative_transfer(experiment: Experiment, folder: Path) -> Iterator[tuple[Record, Alarm]]:
    """Write the alarm into the records in ``folder`` of rows that are below source only; gives new ones.

    A row is below where the 95 % t-interval of the paired differences on equal seeds lies wholly below 0, on a task or
    on the average over tasks. A flag that more seeds have refuted is taken out. Packed records stay as they are, and
    with another baseline than source only nothing is flagged. This alone of the alarms reads target labels, as the
    tables do.
    """
    baseline = experiment.compared_with()
    if (folder / PACKED).is_file() or experiment.metrics[0] not in OF_TRANSFER:
        return
    if baseline is None or not experiment.on_source_only(baseline):
        return
    records = read_records(experiment, folder)
    ours = outcomes(experiment, list(records.values()))
    found, shown = _found(ours, baseline), {id(record) for record in ours.records}
    for place, record in records.items():
        before = [alarm for alarm in record.alarms if alarm["alarm"] == NEGATIVE]
        below = found.get((record.task, record.variant), found.get((AVERAGE, record.variant)))
        difference = below if id(record) in shown else None
        alarm = None if difference is None else _alarm(baseline, difference, int(record.evaluations[-1]["step"]))
        now = [] if alarm is None else [alarm.entry()]
        if before != now:
            others = [each for each in record.alarms if each["alarm"] != NEGATIVE]
            write_record(replace(record, alarms=others + now), place)
            if alarm is not None and not before:
                yield record, alarm


def _found(ours: Outcomes, baseline: str) -> dict[tuple[str | None, str], Difference]:
    """The rows that are below the baseline on each task and on their average, with their difference."""
    experiment, metric = ours.experiment, ours.experiment.metrics[0]
    places = [*(experiment.tasks or [None]), *([AVERAGE] if experiment.tasks else [])]
    found: dict[tuple[str | None, str], Difference] = {}
    for task, variant in product(places, experiment.variants):
        if not experiment.on_source_only(variant) and variant not in ours.upper_bounds:
            mine, theirs = (ours.main(v, metric) if task == AVERAGE else ours.scores(v, task, metric)
                            for v in (variant, baseline))  # fmt: skip
            if (difference := paired(mine, theirs)) is not None and difference.below:
                found[task, variant] = difference
    return found


def _alarm(baseline: str, difference: Difference, step: int) -> Alarm:
    span = " to ".join(map(signed, bounds(difference.mean, difference.half_width) or []))
    text = f"{signed(difference.mean)} points from {baseline} on {difference.n} equal seeds ({span})"
    return Alarm(NEGATIVE, step, text)
