"""Scores of an experiment's rows and columns, by seed, from its records and a selection rule. Imports no torch."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isnan
from statistics import fmean
from typing import get_args

from dann.config.experiment import Experiment
from dann.errors import BadInput
from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.rules import RULES, Evaluation, refuse_rule
from dann.evaluation.selection import check_scores, choose
from dann.evaluation.statistics import Difference, compare_pairs, holm
from dann.reporting.setting_selection import select_settings
from dann.runner.records import Record, has_target_labels, source_score
from dann.runner.search_choice import Candidate, Choice, Row, candidate_records, choose_settings

SeedScores = dict[int, float]  # by seed, as shares of 1


@dataclass(frozen=True)
class Outcomes:
    """An experiment's records with the evaluation that a selection rule chooses from each.

    Args:
        all_records: of every setting of searched hyper-parameters, without the runs that failed.
        records: those of the chosen setting of each row and task.
        metric: what the oracle goes by.
        chosen: by task and variant, then by seed, the chosen evaluation.
        failed: the records of runs that failed; they have no scores.
        lost: those of them that the scores lack; a search with seeds of its own may fail without such a loss.
        candidate: of such a search, whose scores these are.
    """

    experiment: Experiment
    all_records: Sequence[Record]
    records: Sequence[Record]
    rule: str
    metric: str
    chosen: dict[Row, dict[int, Evaluation]]
    failed: Sequence[Record] = ()
    lost: Sequence[Record] = ()
    candidate: Candidate = "tuned"

    @cached_property
    def seeds(self) -> int:
        """The number of seeds that most cells have; of two equally common numbers the larger."""
        counts = Counter(len(runs) for runs in self.chosen.values())
        return max(counts, key=lambda number: (counts[number], number), default=0)

    @cached_property
    def upper_bounds(self) -> Mapping[str, None]:
        """The variants that train on target labels, in order; a mapping, because many ask whether they are in it."""
        return dict.fromkeys(record.variant for record in self.records if trains_on_target(record))

    @cached_property
    def by_variant(self) -> Mapping[str, list[Record]]:
        """The records of each variant."""
        groups: dict[str, list[Record]] = {variant: [] for variant in self.experiment.variants}
        for record in self.records:
            groups.setdefault(record.variant, []).append(record)
        return groups

    @cached_property
    def has_target_labels(self) -> bool:
        """Whether any run was scored on target labels, or may be, as long as there is none."""
        return not self.all_records or any(map(has_target_labels, self.all_records))

    @cached_property
    def scored_tasks(self) -> list[str]:
        """The tasks of which a run was scored on target labels, or that have no run yet."""
        without = {record.task for record in self.all_records} - {
            record.task for record in self.all_records if has_target_labels(record)
        }
        return [task for task in self.experiment.tasks if task not in without]

    def for_metric(self, metric: str) -> "Outcomes":
        """The same, with the oracle's choices by this metric where the rule is the oracle."""
        every = [*self.all_records, *self.failed]
        return apply_rule(self.experiment, every, "oracle", metric, self.candidate) if self.rule == "oracle" else self

    def for_candidate(self, candidate: Candidate) -> "Outcomes":
        """The same with another setting of a search with seeds of its own."""
        return self._by_candidate[candidate]

    @cached_property
    def _by_candidate(self) -> Mapping[Candidate, "Outcomes"]:
        every = [*self.all_records, *self.failed]
        names: tuple[Candidate, ...] = get_args(Candidate)
        return {name: apply_rule(self.experiment, every, self.rule, self.metric, name) for name in names}

    @cached_property
    def choices(self) -> Mapping[Row, Choice]:
        """What a search with seeds of its own gave, by task and variant."""
        return choose_settings(self.experiment, [*self.all_records, *self.failed])

    def failures(self, variant: str, task: str | None) -> int:
        """The number of a cell's runs that failed, those of all settings and, without a task, of all tasks."""
        return sum(each.variant == variant and task in (None, each.task) for each in self.lost)

    def scores(self, variant: str, task: str | None, metric: str) -> SeedScores:
        """A metric on the target's test examples; no run whose target has no test labels has it."""
        runs = self.chosen.get((task, variant), {})
        labelled = {seed: evaluation for seed, evaluation in runs.items() if "target_test" in evaluation}
        return {seed: target_score(evaluation, metric) for seed, evaluation in labelled.items()}

    def average(self, variant: str, metric: str) -> SeedScores:
        """The mean over the scored tasks for each seed that all of them have; without tasks the only scores."""
        if not self.experiment.tasks:
            return self.scores(variant, None, metric)
        per_task = [self.scores(variant, task, metric) for task in self.scored_tasks]
        seeds = sorted(set.intersection(*map(set, per_task))) if per_task else []
        return {seed: fmean(scores[seed] for scores in per_task) for seed in seeds}

    def source_scores(self, variant: str, task: str | None = None) -> SeedScores:
        """The source accuracy on a task or without tasks; empty for a variant on the target or without a source."""
        runs = {} if variant in self.upper_bounds else self.chosen.get((task, variant), {})
        scores = {seed: source_score(evaluation) for seed, evaluation in runs.items()}
        return {seed: score for seed, score in scores.items() if not isnan(score)}

    def differences(self, metric: str) -> dict[str, Difference]:
        """The paired difference of each variant from its baseline, with p-values Holm-corrected over the variants.

        Upper bounds are left out, and so are variants without a baseline or a common seed with it.
        """
        found: dict[str, Difference] = {}
        for variant in self.experiment.variants:
            baseline = self.experiment.find_baseline(variant)
            if baseline is not None and variant not in self.upper_bounds:
                ours, theirs = self.average(variant, metric), self.average(baseline, metric)
                if (difference := compare_pairs(ours, theirs, self.experiment.test)) is not None:
                    found[variant] = difference
        adjusted = holm([difference.p for difference in found.values()])
        return {variant: replace(found[variant], adjusted=p) for variant, p in zip(found, adjusted, strict=True)}


def apply_rule(
    experiment: Experiment,
    records: Sequence[Record],
    rule: str = "last",
    metric: str = "accuracy",
    candidate: Candidate = "tuned",
) -> Outcomes:
    """Choose a setting for each row and task, and an evaluation from each of its records that have a result.

    Args:
        rule: a name in ``RULES``.
        metric: what the oracle goes by.
        candidate: of a search with seeds of its own, which setting.

    Raises:
        BadInput: no record has the score that the rule reads, or it has no meaning for what is predicted.
    """
    refuse_rule(RULES[rule], experiment.of_numbers, "--selection")
    made, failed = with_result(records), [record for record in records if record.failed is not None]
    check_scores(rule, [record.evaluations for record in made])
    kept = select_settings(experiment, records, rule, metric, candidate)
    chosen: dict[Row, dict[int, Evaluation]] = defaultdict(dict)
    for record in kept:
        chosen[record.task, record.variant][record.seed] = choose(rule, record.evaluations, metric)
    lost = failed
    if experiment.search_seeds:
        lost = candidate_records(experiment, failed, choose_settings(experiment, records), candidate)
    return Outcomes(experiment, made, kept, rule, metric, dict(chosen), failed, lost, candidate)


def with_result(records: Sequence[Record]) -> list[Record]:
    """The records of runs that did not fail."""
    return [record for record in records if record.failed is None]


def trains_on_target(record: Record) -> bool:
    """Whether a run's labelled examples are the target's, so that it is an upper bound."""
    return bool(record.data["source"] == record.data["target"])


def target_score(evaluation: Evaluation, metric: str) -> float:
    """A metric on the target's test examples.

    Raises:
        BadInput: the evaluation does not have it.
    """
    key = METRICS[metric].reads
    if key not in evaluation:
        raise BadInput(f"metrics: these runs have no {metric}: make them again, or leave it out")
    return evaluation[key]


def published_score(experiment: Experiment, variant: str, task: str | None, metric: str) -> float | None:
    """The score that a paper reports, as a share of 1, for a task or, with ``task`` None, averaged over tasks.

    A single number under ``published`` is that average, or the only score; numbers for all tasks give theirs. Only
    ``published_metric`` has some.
    """
    reported = experiment.published.get(variant) if metric == experiment.published_metric else None
    if not isinstance(reported, dict):
        return reported if task is None else None
    if task is not None:
        return reported.get(task)
    return fmean(reported.values()) if reported and set(reported) == set(experiment.tasks) else None


def published_by_rule(experiment: Experiment, variant: str, rule: str, metric: str) -> float | None:
    """The score that a paper reports for a variant under a selection rule, averaged over tasks, as a share of 1."""
    reported = experiment.published.get(variant) if metric == experiment.published_metric else None
    return reported.get(rule) if isinstance(reported, dict) and rule not in experiment.tasks else None
