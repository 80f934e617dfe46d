"""How well each selection rule chooses among runs that were made: told by target labels, afterwards. No torch."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from dann.config.experiment import Experiment
from dann.evaluation.selection import DESCRIBED, KEYS, RULES, Evaluation, favourites, lacks, ranks
from dann.reporting.scores import of_chosen_settings
from dann.reporting.table import MOST, NONE, Cell, Table, signed
from dann.runner.records import Record

Candidate = tuple[str, Evaluation]  # of a row of the table
Group = Sequence[Candidate]  # candidates among which a rule chooses
KINDS = {
    "steps": "the steps of each run",
    "rows": "the rows of a task and seed, after their last step",
    "both": "all steps of all rows of a task and seed",
}
RANDOM = "at random"
COLUMNS = ("rank correlation", "regret", "worst regret", MOST)


@dataclass(frozen=True)
class Choice:
    """What choices in groups of candidates are worth.

    Args:
        correlation: Spearman's, of the rule's score with the target test accuracy, the mean over groups; None for what
            has no score.
        regret: the mean over groups of the accuracy that the oracle's choice has more, as a share of 1.
        worst: the largest of these; None for a blind choice, which has no largest.
        most: the rows that are chosen most often, in how many groups each, of how many; None where none is chosen.
    """

    correlation: float | None
    regret: float
    worst: float | None
    most: tuple[list[str], float, int] | None


def ranking(experiment: Experiment, records: Sequence[Record]) -> Table:
    """How each rule chooses among the steps of a run, among the rows, and among both.

    Rows on the target are left out; of searched hyper-parameters the rows are of the chosen setting.
    """
    chosen = of_chosen_settings(experiment, records)
    adapted = [record for record in chosen if record.data["source"] != record.data["target"]]
    groups = {kind: _groups(kind, adapted) for kind in KINDS}
    rows = {}
    for rule in RULES:
        told = {kind: choices(rule, candidates) for kind, candidates in groups.items()}
        if rule == "last":  # among rows the last is no choice
            told |= dict.fromkeys(("rows", "both"))
        if any(told.values()):
            rows[rule] = [cell for kind in KINDS for cell in _cells(told[kind], kind)]
    baseline = experiment.source_only()
    always = {kind: None if kind == "steps" else of_row(str(baseline), found) for kind, found in groups.items()}
    if any(always.values()):
        rows[f"always {baseline}"] = [cell for kind in KINDS for cell in _cells(always[kind], kind)]
    rows[RANDOM] = [cell for kind in KINDS for cell in _cells(at_random(groups[kind]), kind)]
    names = [f"{kind}: {column}" for kind in KINDS for column in _columns(kind)]
    return Table(f"{experiment.title}: how the rules choose", names, rows, _notes(rows), "rule")


def _columns(kind: str) -> Sequence[str]:
    return COLUMNS[:3] if kind == "steps" else COLUMNS


def _notes(rows: Iterable[str]) -> list[str]:
    return [
        "Each rule's choice among " + "; among ".join(KINDS.values()) + ".",
        "Rank correlation: Spearman's, of the rule's score with the target's test accuracy, mean over groups. Regret:",
        "points of accuracy under the oracle's choice; the mean and the worst over groups. Of equal steps of a run the",
        "latest is taken, of equal rows, whose order means nothing, the mean. Always: that row after its last step. At",
        "random: what choosing blindly is expected to cost.",
        *(f"{rule}: {DESCRIBED[rule].removeprefix('at the step with ')}." for rule in rows if rule in RULES),
    ]


def choices(rule: str, groups: Iterable[Group]) -> Choice | None:
    """What a rule's choices in groups of candidates are worth; None where no group has the rule's score.

    Of a row's candidates that are liked equally the last is chosen; over rows that are, the mean counts.
    """
    places, correlations = [], []
    for group in groups:
        candidates = [each for _, each in group]
        if not lacks(rule, candidates):
            latest = {group[place][0]: place for place in favourites(rule, candidates)}
            places.append((group, list(latest.values())))
            correlations.append(correlation(KEYS[rule], candidates) if rule in KEYS else None)
    return _worth(places, correlations)


def of_row(row: str, groups: Iterable[Group]) -> Choice | None:
    """What it is worth to take the last step of one row always; None where a group lacks it."""
    places = [(group, [at for at, (name, _) in enumerate(group) if name == row][-1:]) for group in groups]
    found = _worth(places, []) if all(place for _, place in places) else None
    return None if found is None else replace(found, most=None)


def at_random(groups: Iterable[Group]) -> Choice | None:
    """What a blind choice is expected to be worth."""
    blind = _worth([(group, list(range(len(group)))) for group in groups], [])
    return None if blind is None else replace(blind, worst=None, most=None)


def _worth(chosen: Sequence[tuple[Group, Sequence[int]]], correlations: Sequence[float | None]) -> Choice | None:
    """Of choices of equally liked places in groups."""
    if not chosen:
        return None
    regrets, counts = [], defaultdict[str, float](float)
    for group, places in chosen:
        accuracies = [candidate["target_test"] for _, candidate in group]
        regrets.append(max(accuracies) - fmean(accuracies[place] for place in places))
        for place in places:
            counts[group[place][0]] += 1 / len(places)
    given = [value for value in correlations if value is not None]
    times = {row: round(count, 3) for row, count in counts.items()}
    most = [row for row, count in times.items() if count == max(times.values())]
    return Choice(fmean(given) if given else None, fmean(regrets), max(regrets), (most, times[most[0]], len(chosen)))


def correlation(key: str, candidates: Sequence[Evaluation]) -> float | None:
    """Spearman's rank correlation of a score with the target's test accuracy; None where one of them is constant.

    A candidate that lacks the score ranks last.
    """
    scores = ranks([candidate.get(key, -np.inf) for candidate in candidates])
    accuracies = ranks([candidate["target_test"] for candidate in candidates])
    if len(set(scores)) < 2 or len(set(accuracies)) < 2:
        return None
    return float(np.corrcoef(scores, accuracies)[0, 1])


def _groups(kind: str, records: Sequence[Record]) -> list[Group]:
    """The groups that leave a choice."""
    if kind == "steps":
        return [_candidates(record) for record in records if len(record.evaluations) > 1]
    together: dict[tuple[str | None, int], list[Candidate]] = {}
    for record in records:
        chosen = _candidates(record) if kind == "both" else _candidates(record)[-1:]
        together.setdefault((record.task, record.seed), []).extend(chosen)
    return [group for group in together.values() if len(group) > 1]


def _candidates(record: Record) -> list[Candidate]:
    return [(record.variant, evaluation) for evaluation in record.evaluations]


def _cells(choice: Choice | None, kind: str) -> list[Cell]:
    columns = _columns(kind)
    if choice is None:
        return [Cell()] * len(columns)
    told = NONE if choice.correlation is None else f"{choice.correlation:+.2f}".replace("-", "−")
    points = [Cell() if value is None else Cell(signed(value).removeprefix("+"), value)
              for value in (choice.regret, choice.worst)]  # fmt: skip
    most = Cell() if choice.most is None else _most(*choice.most)
    return [Cell(told, choice.correlation), *points, most][: len(columns)]


def _most(rows: Sequence[str], count: float, of: int) -> Cell:
    named = " and ".join(rows) if len(rows) < 3 else f"{len(rows)} rows"
    times = f"{count:.1f}".removesuffix(".0")
    return Cell(f"{named} ({times} of {of}{', each' * (len(rows) > 1)})", {"rows": rows, "groups": count, "of": of})
