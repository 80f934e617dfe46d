"""Quality of the choices of selection rules among finished runs, by target labels. Imports no torch."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from dann.config.experiment import Experiment
from dann.evaluation.rules import RULES, Evaluation, rank
from dann.evaluation.selection import find_best
from dann.reporting.scores import trains_on_target
from dann.reporting.setting_selection import select_settings
from dann.reporting.table import NONE, Cell, Column, Kind, Table, format_points
from dann.runner.records import Record, has_target_labels

Candidate = tuple[str, Evaluation]  # of a row of the experiment
Group = Sequence[Candidate]  # candidates among which a rule chooses
KINDS = {
    "steps": "the steps of each run",
    "rows": "the rows of a task and seed, after their last step",
    "both": "all steps of all rows of a task and seed",
}
MEASURES: dict[Kind, str] = {
    "correlation": "rank correlation",
    "regret": "regret",
    "worst": "worst regret",
    "most": "row chosen most",
}
RANDOM = "at random"


@dataclass(frozen=True)
class Choice:
    """The quality of a rule's choices in groups of candidates.

    Args:
        correlation: Spearman's, of the rule's score with the target test accuracy, the mean over groups; None for a
            rule without a score.
        regret: accuracy of the oracle's choice minus that of the rule's, as a share of 1, the mean over groups.
        worst: the largest regret; None for a random choice.
        most: the rows chosen most often, in how many groups each, of how many; None where none is chosen.
    """

    correlation: float | None
    regret: float
    worst: float | None
    most: tuple[list[str], float, int] | None


def rule_table(experiment: Experiment, records: Sequence[Record]) -> Table:
    """Each rule's choices among the steps of a run, among the rows, and among both.

    Rows that train on the target, and runs without target labels, are left out; of searched hyper-parameters the
    chosen setting counts.

    Args:
        records: also those of runs that failed.
    """
    selected = [record for record in select_settings(experiment, records) if has_target_labels(record)]
    adapted = [record for record in selected if not trains_on_target(record)]
    groups = {kind: _groups(kind, adapted) for kind in KINDS}
    rows: dict[str, dict[str, Choice | None]] = {}
    for rule in RULES:
        rows[rule] = {kind: judge_rule(rule, candidates) for kind, candidates in groups.items()}
        if rule == "last":  # the order of rows means nothing, so that the last of them is no choice
            rows[rule] |= dict.fromkeys(("rows", "both"))
    baseline = str(experiment.find_source_only())
    rows[f"always {baseline}"] = {
        kind: None if kind == "steps" else judge_row(baseline, candidates) for kind, candidates in groups.items()
    }
    rows = {name: choices for name, choices in rows.items() if any(choices.values())}
    rows[RANDOM] = {kind: judge_random(candidates) for kind, candidates in groups.items()}
    columns = {column: {name: _cell(column, choices[kind]) for name, choices in rows.items()}
               for kind in KINDS for column in _columns(kind)}  # fmt: skip
    return Table.of_columns(f"{experiment.title}: how the rules choose", rows, columns, _notes(rows), "rule")


def _columns(kind: str) -> list[Column]:
    """The columns of one kind of candidates; among the steps of a run there is one row to choose."""
    columns = [Column(f"{kind}:{measure}", f"{kind}: {title}", measure) for measure, title in MEASURES.items()]
    return columns[:3] if kind == "steps" else columns


def _notes(rows: Iterable[str]) -> list[str]:
    return [
        "Each rule's choice among " + "; among ".join(KINDS.values()) + ".",
        "Rank correlation: Spearman's, of the rule's score with the target test accuracy, mean over groups. Regret:",
        "accuracy of the oracle's choice minus that of the rule's, in points; mean and worst over groups. Of a run's",
        "steps that tie, the latest counts; of rows that tie, whose order means nothing, the mean. Always: that row",
        "after its last step. At random: the expected regret of a random choice.",
        *(f"{rule}: {RULES[rule].criterion or RULES[rule].moment}." for rule in rows if rule in RULES),
    ]


def judge_rule(rule: str, groups: Iterable[Group]) -> Choice | None:
    """The quality of a rule's choices; None where no group has the rule's score.

    Of a row's candidates that tie the last is chosen; over rows that tie the mean counts.
    """
    choices, correlations = [], []
    for group in groups:
        candidates = [evaluation for _, evaluation in group]
        if RULES[rule].has_score(candidates):
            latest = {group[place][0]: place for place in find_best(rule, candidates)}
            choices.append((group, list(latest.values())))
            if len(RULES[rule].reads) == 1:
                correlations.append(correlation(RULES[rule].score(candidates), candidates))
    return _judge(choices, correlations)


def judge_row(row: str, groups: Iterable[Group]) -> Choice | None:
    """The quality of always choosing the last step of one row; None where a group lacks it."""
    choices = [(group, [place for place, (name, _) in enumerate(group) if name == row][-1:]) for group in groups]
    choice = _judge(choices, []) if all(places for _, places in choices) else None
    return None if choice is None else replace(choice, most=None)


def judge_random(groups: Iterable[Group]) -> Choice | None:
    """The expected quality of a random choice."""
    choice = _judge([(group, list(range(len(group)))) for group in groups], [])
    return None if choice is None else replace(choice, worst=None, most=None)


def _judge(choices: Sequence[tuple[Group, Sequence[int]]], correlations: Sequence[float | None]) -> Choice | None:
    """The quality of choices, each of one or more candidates of a group that count equally."""
    if not choices:
        return None
    regrets, counts = [], defaultdict[str, float](float)
    for group, places in choices:
        accuracies = [candidate["target_test"] for _, candidate in group]
        regrets.append(max(accuracies) - fmean(accuracies[place] for place in places))
        for place in places:
            counts[group[place][0]] += 1 / len(places)
    defined = [value for value in correlations if value is not None]
    times = {row: round(count, 3) for row, count in counts.items()}
    most = [row for row, count in times.items() if count == max(times.values())]
    mean = fmean(defined) if defined else None
    return Choice(mean, fmean(regrets), max(regrets), (most, times[most[0]], len(choices)))


def correlation(scores: Sequence[float], candidates: Sequence[Evaluation]) -> float | None:
    """Spearman's rank correlation of scores with the target test accuracy; None where one of them is constant."""
    return spearman(scores, [candidate["target_test"] for candidate in candidates])


def spearman(ours: Sequence[float], others: Sequence[float]) -> float | None:
    """Spearman's rank correlation of two scores of the same items; None where one of them is constant."""
    ranks = rank(ours), rank(others)
    if any(len(set(each)) < 2 for each in ranks):
        return None
    return float(np.corrcoef(*ranks)[0, 1])


def _groups(kind: str, records: Sequence[Record]) -> list[Group]:
    """The groups that leave a choice."""
    if kind == "steps":
        return [_candidates(record) for record in records if len(record.evaluations) > 1]
    together: dict[tuple[str | None, int], list[Candidate]] = {}
    for record in records:
        candidates = _candidates(record) if kind == "both" else _candidates(record)[-1:]
        together.setdefault((record.task, record.seed), []).extend(candidates)
    return [group for group in together.values() if len(group) > 1]


def _candidates(record: Record) -> list[Candidate]:
    return [(record.variant, evaluation) for evaluation in record.evaluations]


def _cell(column: Column, choice: Choice | None) -> Cell:
    if choice is None:
        return Cell()
    if column.kind == "correlation":
        text = NONE if choice.correlation is None else f"{choice.correlation:+.2f}".replace("-", "−")
        return Cell(text, choice.correlation)
    if column.kind == "most":
        return Cell() if choice.most is None else _most_cell(*choice.most)
    regret = choice.regret if column.kind == "regret" else choice.worst
    return Cell() if regret is None else Cell(format_points(regret).removeprefix("+"), regret)


def _most_cell(rows: Sequence[str], count: float, of: int) -> Cell:
    name = " and ".join(rows) if len(rows) < 3 else f"{len(rows)} rows"
    times = f"{count:.1f}".removesuffix(".0")
    return Cell(f"{name} ({times} of {of}{', each' * (len(rows) > 1)})", {"rows": rows, "groups": count, "of": of})
