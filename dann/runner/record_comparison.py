"""Comparison of a record with that of the same run made again: to the last digit, or within a tolerance."""

import math
import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from dann.runner.records import Record

ACCURACIES = ("source_validation", "source_test", "target_test")  # compared within a tolerance, after the last step
PARTS = ("classes", "losses", "shares", "reliability", "confusion")  # compared whole, beside the evaluations
WIDTH = 3.0  # standard errors
DECIMALS = {1: 4, 100: 2}  # that are shown, by the factor


def is_same_machine(one: Record, other: Record) -> bool:
    """Whether two runs were made under circumstances that promise the same bits: processor, versions, threads, code.

    Records of earlier versions do not name their processor, so that they never promise it.
    """
    return one.environment == other.environment and "processor" in one.environment


def find_difference(then: Record, now: Record) -> str | None:
    """The first recorded value in which two records differ, or None; what only the later one has is not compared."""
    steps = [[evaluation["step"] for evaluation in record.evaluations] for record in (then, now)]
    if steps[0] != steps[1]:
        return f"evaluations after the steps {steps[0]} then, {steps[1]} now"
    for old, new in zip(then.evaluations, now.evaluations, strict=True):
        for key, value in old.items():
            if new.get(key) != value:
                return f"{key} after step {old['step']}: {value} then, {new.get(key, 'none')} now"
    for part in PARTS:
        if (old_part := getattr(then, part)) and old_part != getattr(now, part):
            return _differing_part(part, old_part, getattr(now, part))
    return None


def _differing_part(name: str, then: Any, now: Any) -> str:
    if name != "losses" or then["step"] != now.get("step"):
        return f"{name} differ"
    places = [(place, term) for term in then for place, value in enumerate(then[term])
              if now.get(term, [])[place : place + 1] != [value]]  # fmt: skip
    place, term = min(places)
    return f"the {term} loss after step {then['step'][place]}: {then[term][place]} then, " + (
        f"{now[term][place]} now" if term in now else "none now"
    )


def compare_accuracies(then: Record, now: Record, row: Sequence[Record]) -> Iterator[tuple[bool, str]]:
    """Each accuracy, or R², after the last step: whether it is within its tolerance, and both values with it.

    Args:
        row: the records of the run's row, one for each seed, itself included.
    """
    for split in ACCURACIES:
        old, new = then.evaluations[-1].get(split), now.evaluations[-1].get(split)
        if old is not None:
            allowed = tolerance(then, split, row, new)
            close = new is not None and abs(new - old) <= allowed
            unit, end = (1, "") if then.of_numbers else (100, " %")
            shown = "none" if new is None else f"{unit * new:.{DECIMALS[unit]}f}{end}"
            yield close, (f"{split} {unit * old:.{DECIMALS[unit]}f}{end} then, {shown} now "
                          f"(±{unit * allowed:.{DECIMALS[unit]}f} allowed)")  # fmt: skip


def tolerance(record: Record, split: str, row: Sequence[Record], new: float | None = None) -> float:
    """The allowed difference of an accuracy: three times √(p (1 − p) / n + s²).

    p is the recorded accuracy on n examples (Agresti and Coull 1998: with two successes and two failures added), s its
    standard deviation over the seeds of the row: rounding that differs at one step makes another course of training,
    much as another seed does. It is the smaller one of those with the recorded and with the new accuracy of this seed:
    with either alone, a wrong accuracy would widen its own tolerance, and among less than ten seeds always enough.
    For R² of numbers p (1 − p) / n is 2 (1 − R²)² / n: the mean of n squared errors, of normal ones, varies by √(2 / n)
    of itself.
    """
    examples = _count_examples(record, split)
    old = record.evaluations[-1][split]
    p = (old * examples + 2) / (examples + 4)
    variance = 2 * (1 - old) ** 2 / examples if record.of_numbers else p * (1 - p) / (examples + 4)
    last = {each.seed: each.evaluations[-1] for each in row}
    others = [values[split] for seed, values in last.items() if seed != record.seed and split in values]
    spread = min(statistics.stdev([*others, each]) for each in (old, old if new is None else new)) if others else 0.0
    return WIDTH * math.sqrt(variance + spread**2)


def _count_examples(record: Record, split: str) -> int:
    if split in record.confusion:
        return sum(map(sum, record.confusion[split]))
    side = record.data["target" if split.startswith("target") else "source"]
    return int(record.data["validated_on"] if split == "source_validation" else side["test"])
