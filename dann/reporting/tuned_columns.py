"""Scores of default, tuned and oracle's choice of a search with seeds of its own, and their ranks. Imports no torch."""

from collections.abc import Mapping
from statistics import fmean

from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.rules import RULES, rank
from dann.reporting.scores import Outcomes, SeedScores
from dann.reporting.table import Cell, Column, Columns, score_cell
from dann.runner.search_choice import Candidate

CANDIDATES: dict[Candidate, str] = {"default": "default", "tuned": "tuned", "oracle": "oracle (upper bound)"}
COLLAPSED = 0.5  # share of the best row's source accuracy below which a row has lost the source


def score_title(ours: Outcomes, task: str | None, metric: str, candidate: Candidate) -> str:
    """The heading of a candidate's scores on a task, or of their average or only one.

    It says so where target labels chose the setting, or the step.
    """
    by_labels = candidate != "oracle" and RULES[ours.rule].needs_target_labels
    name = f"{CANDIDATES[candidate]}{', oracle steps (upper bound)' if by_labels else ''}"
    if not ours.experiment.tasks:
        return f"target {METRICS[metric].heading_with(f', {name}')}"
    return f"{'average' if task is None else task}, {name}"


def candidate_columns(ours: Outcomes, task: str | None, metric: str, candidate: Candidate) -> Columns:
    """The scores of a candidate on a task, or their average or only one."""
    shown, end = ours.for_candidate(candidate), "" if task is None else f":{task}"
    title = score_title(ours, task, metric, candidate)
    column = Column(f"{candidate}{end}", title, "score", task, metric, ours.rule, candidate)
    scores = {variant: shown.average(variant, metric) if task is None else shown.scores(variant, task, metric)
              for variant in ours.experiment.variants}  # fmt: skip
    return {column: {v: score_cell(each, shown.seeds, shown.failures(v, task)) for v, each in scores.items()}}


def rank_columns(ours: Outcomes, metric: str) -> Columns:
    """The rank of each row by the average or only score of each candidate, without rows that train on the target."""
    columns: Columns = {}
    for candidate, name in CANDIDATES.items():
        ranks = rank_rows(candidate_means(ours, metric, candidate), metric)
        column = Column(f"rank_{candidate}", f"rank, {name.removesuffix(' (upper bound)')}", "rank", None, metric)
        columns[column] = {v: _rank_cell(ranks.get(v)) for v in ours.experiment.variants}
    return columns


def candidate_means(ours: Outcomes, metric: str, candidate: Candidate) -> dict[str, float]:
    """The average or only score of each row that has one and is no upper bound."""
    shown = ours.for_candidate(candidate)
    scores = {v: shown.average(v, metric) for v in ours.experiment.variants if v not in shown.upper_bounds}
    return {variant: fmean(each.values()) for variant, each in scores.items() if each}


def rank_rows(means: Mapping[str, float], metric: str) -> dict[str, float]:
    """Ranks, 1 for the best; rows that tie share the mean of theirs."""
    sign = 1 if METRICS[metric].higher_is_better else -1
    return dict(zip(means, rank([sign * mean for mean in means.values()]), strict=True))


def _rank_cell(place: float | None) -> Cell:
    return Cell() if place is None else Cell(f"{place:.1f}".removesuffix(".0"), place)


def source_columns(ours: Outcomes) -> Columns:
    """The source accuracy of the tuned rows, averaged over tasks, and which rows have lost the source."""
    scores, lost = _source_scores(ours), collapsed_rows(ours)
    title = "source accuracy, average, tuned, %" if ours.experiment.tasks else "source accuracy, tuned, %"
    column = Column("source", title, "source", None, "accuracy", ours.rule)
    return {column: {v: _source_cell(ours, v, each, lost.get(v, 0)) for v, each in scores.items()}}


def collapsed_rows(ours: Outcomes) -> dict[str, int]:
    """The number of tasks on which a row's source accuracy is below half of the best row's, of rows that have some."""
    scores = _source_scores(ours)
    counts = {variant: _count_collapsed(scores, variant) for variant in scores}
    return {variant: count for variant, count in counts.items() if count}


def _source_scores(ours: Outcomes) -> dict[str, dict[str | None, SeedScores]]:
    """The source accuracies of each row on each task."""
    tasks: list[str | None] = [*ours.experiment.tasks] or [None]
    return {v: {task: ours.source_scores(v, task) for task in tasks} for v in ours.experiment.variants}


def _count_collapsed(scores: Mapping[str, Mapping[str | None, SeedScores]], variant: str) -> int:
    count = 0
    for task, own in scores[variant].items():
        best = max((fmean(each[task].values()) for each in scores.values() if each[task]), default=0.0)
        count += bool(own) and fmean(own.values()) < COLLAPSED * best
    return count


def _source_cell(ours: Outcomes, variant: str, scores: Mapping[str | None, SeedScores], lost: int) -> Cell:
    common = sorted(set.intersection(*map(set, scores.values())))
    means = {seed: fmean(each[seed] for each in scores.values()) for seed in common}
    cell = score_cell(means, ours.seeds, ours.failures(variant, None))
    if not lost:
        return cell
    tasks = f" on {lost} of {len(scores)} tasks" if len(scores) > 1 else ""
    return Cell(f"{cell.text}, collapsed{tasks}", (cell.facts or {}) | {"collapsed": lost})
