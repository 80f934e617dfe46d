"""The column of alarms: negative transfer, and in how many of a row's runs each alarm was raised. Imports no torch."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from dann.reporting.negative_transfer import NEGATIVE, negative_transfer
from dann.reporting.scores import Outcomes
from dann.reporting.table import Cell


def alarm_cells(ours: Outcomes, metric: str) -> dict[str, Cell]:
    """For each variant the words of its alarms, with a fact for each."""
    below = negative_transfer(ours, metric)
    cells = {}
    for variant in ours.experiment.variants:
        lost = sum((task, variant) in below for task in ours.experiment.tasks)
        facts: list[dict[str, Any]] = []
        if (None, variant) in below:
            facts.append({"alarm": NEGATIVE})
        elif lost:
            facts.append({"alarm": NEGATIVE, "tasks": lost, "of": len(ours.experiment.tasks)})
        facts += count_alarms([record.alarms for record in ours.by_variant[variant]])
        cells[variant] = Cell("; ".join(map(alarm_words, facts)), facts)
    return cells


def count_alarms(alarms: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """A fact for each alarm of some runs, except negative transfer: a record's flag may be outdated.

    Args:
        alarms: of each run.
    """
    runs = [{alarm["alarm"] for alarm in each} for each in alarms]
    counts = Counter(name for names in runs for name in sorted(names - {NEGATIVE}))
    return [{"alarm": name, "runs": count, "of": len(runs)} for name, count in counts.items()]


def alarm_words(fact: dict[str, Any]) -> str:
    """An alarm of a row as the table has it."""
    if is_below_on_average(fact):
        return f"▼ {NEGATIVE}"
    count = f"{fact['tasks']} of {fact['of']} tasks" if "tasks" in fact else f"{fact['runs']} of {fact['of']}"
    return f"{fact['alarm']} ({count})"


def is_below_on_average(fact: dict[str, Any]) -> bool:
    """Whether an alarm is negative transfer in the average over tasks, or in the only column."""
    return fact == {"alarm": NEGATIVE}
