"""The time that the missing runs of an experiment still take, by those that are made or under way. Imports no torch."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from dann.runner.run_status import RunStatus

MISSING = {"running", "queued", "interrupted", "not begun"}  # an error or a failure waits for its user


@dataclass(frozen=True)
class TimeLeft:
    """An estimate.

    Args:
        work: of all missing runs, in seconds of one process; None where nothing is known yet.
        wait: until the processes at work have made them, in seconds; None where none is at work.
    """

    work: float | None = None
    wait: float | None = None


def estimate_time_left(statuses: Sequence[RunStatus]) -> TimeLeft:
    """The time left, if each missing run takes as long as the runs of its row, or of its variant, or of all.

    The processes that hold locks now share the work evenly, but each finishes at least the runs that it holds.
    """
    missing = [each for each in statuses if each.state in MISSING]
    left = list(map(_Paces(statuses).seconds_left, missing))
    if None in left:  # nothing of the experiment is timed
        return TimeLeft()
    seconds = [each for each in left if each is not None]
    held: dict[object, float] = defaultdict(float)
    for status, each in zip(missing, seconds, strict=True):
        if status.owner is not None:
            held[status.owner] += each
    wait = max(sum(seconds) / len(held), *held.values()) if held else None
    return TimeLeft(sum(seconds), wait)


class _Paces:
    """The mean seconds of whole runs, by row, by variant, and of all."""

    def __init__(self, statuses: Iterable[RunStatus]) -> None:
        known: dict[object, list[float]] = defaultdict(list)
        for each in statuses:
            if each.seconds is not None:
                for key in (each.run.row, each.run.variant, None):
                    known[key].append(each.seconds)
        self.means = {key: fmean(values) for key, values in known.items()}

    def seconds_left(self, status: RunStatus) -> float | None:
        keys = (status.run.row, status.run.variant, None)
        whole = next((self.means[key] for key in keys if key in self.means), None)
        whole = whole if status.seconds is None else status.seconds
        return None if whole is None else whole * (1 - status.share)
