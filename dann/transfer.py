"""Negative transfer: rows that are below the baseline beyond the interval, flagged in their records. No torch."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from dann.alarms import Alarm
from dann.experiment import Experiment, Metric
from dann.formats import bounds, signed
from dann.outcomes import Outcomes, outcomes
from dann.records import PACKED, Record, read_records, write_record
from dann.statistics import Difference, paired

NEGATIVE = "negative transfer"
# Metrics that tell of it: not those of which less is better, nor the parts that calibration trades for others.
OF_TRANSFER: set[Metric] = {"accuracy", "balanced_accuracy", "macro_precision", "macro_f1", "auc", "harmonic"}


def flag_negative_transfer(experiment: Experiment, folder: Path) -> Iterator[tuple[Record, Alarm]]:
    """Write the alarm into the records in ``folder`` of each task's rows that are below the baseline; gives new ones.

    A row is below it where the 95 % t-interval of the paired differences on equal seeds lies wholly below 0. A flag
    that more seeds have refuted is taken out. Packed records stay as they are. This alone of the alarms reads target
    labels, as the tables do.
    """
    if (folder / PACKED).is_file() or experiment.metrics[0] not in OF_TRANSFER:
        return
    records = read_records(experiment, folder)
    ours = outcomes(experiment, list(records.values()))
    found, shown = _found(ours), {id(record) for record in ours.records}
    for place, record in records.items():
        before = [alarm for alarm in record.alarms if alarm["alarm"] == NEGATIVE]
        difference = found.get((record.task, record.variant)) if id(record) in shown else None
        alarm = None if difference is None else _alarm(experiment, difference, int(record.evaluations[-1]["step"]))
        now = [] if alarm is None else [alarm.entry()]
        if before != now:
            others = [each for each in record.alarms if each["alarm"] != NEGATIVE]
            write_record(replace(record, alarms=others + now), place)
            if alarm is not None and not before:
                yield record, alarm


def _found(ours: Outcomes) -> dict[tuple[str | None, str], Difference]:
    """The rows of each task that are below the baseline, with their difference."""
    baseline, metric = ours.experiment.compared_with(), ours.experiment.metrics[0]
    found: dict[tuple[str | None, str], Difference] = {}
    for task, variant in ours.chosen if baseline is not None else ():
        if not ours.experiment.on_source_only(variant) and variant not in (baseline, *ours.upper_bounds):
            scores = ours.scores(variant, task, metric), ours.scores(str(baseline), task, metric)
            if (difference := paired(*scores)) is not None and difference.below:
                found[task, variant] = difference
    return found


def _alarm(experiment: Experiment, difference: Difference, step: int) -> Alarm:
    ends = bounds(difference.mean, difference.half_width) or []
    span = " to ".join(map(signed, ends))
    text = f"{signed(difference.mean)} points from {experiment.compared_with()} on {difference.n} equal seeds ({span})"
    return Alarm(NEGATIVE, step, text)
