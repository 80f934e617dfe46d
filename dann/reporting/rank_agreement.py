"""The table of how well ranks without training agree with what training then gave. Imports no torch."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from dann.config.experiment import Experiment
from dann.evaluation.candidate_order import DISTANCE, SCORES, ScoredCandidate, mean_ranks
from dann.reporting.rule_comparison import spearman
from dann.reporting.scores import Outcomes, apply_rule
from dann.reporting.table import NONE, Cell, Column, Columns, Table, format_points
from dann.runner.records import Record

RANK, RANDOM = "rank", "random"
TITLES = {RANK: "rank", **SCORES}
Targets = Sequence[Sequence[ScoredCandidate]]  # the candidates for each target
NOTES = [
    "Among the candidates for one target: Spearman's rank correlation of the score, larger for the better candidate,",
    "with the target test accuracy that training on the candidate gave, mean over seeds; in brackets the regret, the",
    "best candidate's accuracy minus that of the candidate that the score prefers, in points. Both are means over",
    "targets. Random: the regret of a random choice. No score reads a target label; this table does.",
]


@dataclass(frozen=True)
class Agreement:
    """How a score of candidates agrees with their accuracies: means over targets.

    Args:
        correlation: Spearman's; None where the score or the accuracy is the same for all candidates of every target.
        regret: as a share of 1.
    """

    correlation: float | None
    regret: float


def agreement_table(experiment: Experiment, records: Sequence[Record], targets: Targets) -> Table:
    """A row for each method that the experiment's figures show, a column for each score.

    Variants with the same method, as with several networks, are one row.

    Args:
        targets: the ranked candidates of the experiment.
    """
    ours = apply_rule(experiment, records)
    shown = [variant for variant in experiment.variants if experiment.shows(variant) and _is_ranked(targets, variant)]
    methods = _group_by_method(experiment, shown)
    columns: Columns = {}
    for key, title in TITLES.items():
        found = {name: _judge(key, ours, variants, targets) for name, variants in methods.items()}
        if any(each is not None for each in found.values()):
            columns[Column(key, title, "correlation")] = {name: _cell(each) for name, each in found.items()}
    found = {name: _judge(RANDOM, ours, variants, targets) for name, variants in methods.items()}
    columns[Column(RANDOM, "random", "regret")] = {
        name: Cell() if each is None else Cell(_points(each.regret), each.regret) for name, each in found.items()
    }
    counts = ", ".join(f"{len(each)} for {each[0].target}" for each in targets)
    notes = [*NOTES, f"Candidates: {counts}."]
    return Table.of_columns(f"{experiment.title}: ranks without training", methods, columns, notes)


def _is_ranked(targets: Targets, variant: str) -> bool:
    return any(variant == row[1] for candidates in targets for each in candidates for row in each.rows)


def _group_by_method(experiment: Experiment, variants: Iterable[str]) -> dict[str, list[str]]:
    """The variants of each method with its options, by the name of the only one or of the method."""
    task = next(iter(experiment.tasks), None)
    groups: dict[str, list[str]] = {}
    for variant in variants:
        method = experiment.merge_configuration(variant, task)["method"]
        groups.setdefault(json.dumps(method, sort_keys=True), []).append(variant)
    named: dict[str, list[str]] = {}
    for key, group in groups.items():
        name = group[0] if len(group) == 1 else str(json.loads(key)["name"])
        named[group[0] if name in named else name] = group
    return named


def _judge(key: str, ours: Outcomes, variants: list[str], targets: Targets) -> Agreement | None:
    """The agreement of a score, larger for the better; None where no target has two candidates with it."""
    correlations, regrets = [], []
    for candidates in targets:
        scored = dict(zip(map(id, candidates), _values(key, candidates), strict=True))
        pairs = [(value, accuracy) for each in candidates if (value := scored[id(each)]) is not None
                 and (accuracy := _accuracy(ours, each, variants)) is not None]  # fmt: skip
        if len(pairs) < 2:
            continue
        values, accuracies = zip(*pairs, strict=True)
        correlations.append(spearman(values, accuracies))
        preferred = [accuracy for value, accuracy in pairs if value == max(values)]
        regrets.append(max(max(accuracies) - fmean(preferred), 0.0))  # a mean may round above
    defined = [each for each in correlations if each is not None]
    return Agreement(fmean(defined) if defined else None, fmean(regrets)) if regrets else None


def _values(key: str, candidates: Sequence[ScoredCandidate]) -> list[float | None]:
    """A score of each candidate, larger for the better."""
    if key == RANK:
        return [-each for each in mean_ranks(candidates)]
    if key == RANDOM:
        return [0.0] * len(candidates)
    sign = -1 if key == DISTANCE else 1
    return [None if (score := each.scores.get(key)) is None else sign * score for each in candidates]


def _accuracy(ours: Outcomes, candidate: ScoredCandidate, variants: list[str]) -> float | None:
    """The mean accuracy over seeds of the runs of a candidate among some variants."""
    runs = [ours.scores(variant, task, "accuracy") for task, variant in candidate.rows if variant in variants]
    values = [value for scores in runs for value in scores.values()]
    return fmean(values) if values else None


def _cell(agreement: Agreement | None) -> Cell:
    if agreement is None:
        return Cell()
    correlation = agreement.correlation
    text = NONE if correlation is None else f"{correlation:+.2f}".replace("-", "−")
    return Cell(f"{text} ({_points(agreement.regret)})", {"correlation": correlation, "regret": agreement.regret})


def _points(share: float) -> str:
    return format_points(share).removeprefix("+")
