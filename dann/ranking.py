"""How well each selection rule chooses among runs that were made: told by target labels, afterwards. No torch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from dann.experiment import Experiment
from dann.formats import NONE, Cell, Table, signed
from dann.records import Record
from dann.selection import DESCRIBED, KEYS, RULES, Evaluation, lacks, ranks

Group = Sequence[Evaluation]  # candidates among which a rule chooses
KINDS = {
    "steps": "the steps of each run",
    "rows": "the rows of a task and seed, after their last step",
    "both": "all steps of all rows of a task and seed",
}
RANDOM = "at random"
COLUMNS = ("rank correlation", "regret", "worst regret")


@dataclass(frozen=True)
class Choice:
    """What a rule's choices are worth.

    Args:
        correlation: Spearman's, of its score with the target test accuracy, the mean over groups of candidates; None
            for a rule without a score.
        regret: the mean over groups of the accuracy that the oracle's choice has more, as a share of 1.
        worst: the largest of these.
    """

    correlation: float | None
    regret: float
    worst: float


def ranking(experiment: Experiment, records: Sequence[Record]) -> Table:
    """How each rule chooses among the steps of a run, among the rows, and among both; rows on the target left out."""
    adapted = [record for record in records if record.data["source"] != record.data["target"]]
    groups = {kind: _groups(kind, adapted) for kind in KINDS}
    rows = {}
    for rule in RULES:
        cells: list[Cell] = []
        for kind, candidates in groups.items():
            cells += _cells(None if rule == "last" and kind != "steps" else choices(rule, candidates))
        if any(cell.facts is not None for cell in cells):
            rows[rule] = cells
    rows[RANDOM] = [cell for candidates in groups.values() for cell in _cells(at_random(candidates))]
    names = [f"{kind}: {column}" for kind in KINDS for column in COLUMNS]
    notes = [
        "Each rule's choice among " + "; among ".join(KINDS.values()) + ".",
        "Rank correlation: Spearman's, of the rule's score with the target's test accuracy, mean over groups. Regret:",
        "points of accuracy under the oracle's choice; the mean and the worst over groups. At random: what choosing",
        "blindly is expected to cost.",
        *(f"{rule}: {DESCRIBED[rule].removeprefix('at the step with ')}." for rule in rows if rule in RULES),
    ]
    return Table(f"{experiment.title}: how the rules choose", names, rows, notes, "rule")


def choices(rule: str, groups: Iterable[Group]) -> Choice | None:
    """What a rule's choices in groups of candidates are worth; None where no group has the rule's score."""
    scored = [group for group in groups if len(group) > 1 and not lacks(rule, group)]
    if not scored:
        return None
    regrets = [_regret(rule, group) for group in scored]
    found = [correlation(KEYS[rule], group) for group in scored] if rule in KEYS else []
    given = [value for value in found if value is not None]
    return Choice(fmean(given) if given else None, fmean(regrets), max(regrets))


def at_random(groups: Iterable[Group]) -> Choice | None:
    """What a blind choice is expected to be worth; ``worst`` is the largest expectation of a group."""
    accuracies = [[candidate["target_test"] for candidate in group] for group in groups if len(group) > 1]
    regrets = [max(values) - fmean(values) for values in accuracies]
    return Choice(None, fmean(regrets), max(regrets)) if regrets else None


def _regret(rule: str, group: Group) -> float:
    accuracies = [candidate["target_test"] for candidate in group]
    return max(accuracies) - accuracies[RULES[rule](group)]


def correlation(key: str, group: Group) -> float | None:
    """Spearman's rank correlation of a score with the target's test accuracy; None where one of them is constant.

    A candidate that lacks the score ranks last.
    """
    scores = ranks([candidate.get(key, -np.inf) for candidate in group])
    accuracies = ranks([candidate["target_test"] for candidate in group])
    if len(set(scores)) < 2 or len(set(accuracies)) < 2:
        return None
    return float(np.corrcoef(scores, accuracies)[0, 1])


def _groups(kind: str, records: Sequence[Record]) -> list[Group]:
    if kind == "steps":
        return [record.evaluations for record in records]
    together: dict[tuple[str | None, int], list[Evaluation]] = {}
    for record in records:
        chosen = record.evaluations if kind == "both" else record.evaluations[-1:]
        together.setdefault((record.task, record.seed), []).extend(chosen)
    return list(together.values())


def _cells(choice: Choice | None) -> list[Cell]:
    if choice is None:
        return [Cell()] * len(COLUMNS)
    told = NONE if choice.correlation is None else f"{choice.correlation:+.2f}".replace("-", "−")
    return [
        Cell(told, choice.correlation),
        *(Cell(signed(regret).removeprefix("+"), regret) for regret in (choice.regret, choice.worst)),
    ]
