"""Records → what an experiment's rows and columns score, by seed, under a selection rule. Imports no torch."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean

from dann.config.experiment import Experiment, Metric
from dann.config.search import named
from dann.errors import BadInput
from dann.evaluation.selection import Evaluation, check_scores, choose, favourites, lacks, target_key
from dann.evaluation.statistics import Difference, holm, paired
from dann.runner.records import Record, source_accuracy

Scores = dict[int, float]  # by seed, as shares of 1


@dataclass(frozen=True)
class Outcomes:
    """What the runs of an experiment score under a selection rule.

    Args:
        every: all records.
        records: those of the settings of hyper-parameters that are chosen, where they were searched.
        metric: what the oracle goes by.
        chosen: by task and variant, then by seed, the evaluation that the rule chooses.
    """

    experiment: Experiment
    every: Sequence[Record]
    records: Sequence[Record]
    rule: str
    metric: Metric
    chosen: dict[tuple[str | None, str], dict[int, Evaluation]]

    @cached_property
    def seeds(self) -> int:
        """How many seeds most cells have; of equally many the larger number."""
        counts = Counter(len(runs) for runs in self.chosen.values())
        return max(counts, key=lambda number: (counts[number], number), default=0)

    @cached_property
    def upper_bounds(self) -> list[str]:
        """The variants that train on labels of the target itself."""
        found = [record.variant for record in self.records if record.data["source"] == record.data["target"]]
        return list(dict.fromkeys(found))

    def by(self, metric: Metric) -> "Outcomes":
        """The same, but as the oracle would have it by this metric, where it is the rule."""
        return self if self.rule != "oracle" else outcomes(self.experiment, self.every, self.rule, metric)

    def scores(self, variant: str, task: str | None, metric: Metric) -> Scores:
        """A metric on the target's test examples."""
        runs = self.chosen.get((task, variant), {})
        return {seed: on_target(evaluation, metric) for seed, evaluation in runs.items()}

    def main(self, variant: str, metric: Metric) -> Scores:
        """The mean over tasks of each seed that all tasks have; without tasks the only column."""
        if not self.experiment.tasks:
            return self.scores(variant, None, metric)
        per_task = [self.scores(variant, task, metric) for task in self.experiment.tasks]
        seeds = sorted(set.intersection(*map(set, per_task)))
        return {seed: fmean(scores[seed] for scores in per_task) for seed in seeds}

    def on_source(self, variant: str) -> Scores:
        """The source accuracy of an experiment without tasks; none of a variant that trains on the target."""
        runs = {} if variant in self.upper_bounds else self.chosen.get((None, variant), {})
        return {seed: source_accuracy(evaluation) for seed, evaluation in runs.items()}

    def differences(self, metric: Metric) -> dict[str, Difference]:
        """What each variant differs from its baseline by, with p-values that are Holm-corrected over the variants.

        Upper bounds and variants without a baseline, or that share no seed with it, are left out.
        """
        found = {}
        for variant in self.experiment.variants:
            baseline = self.experiment.compared_with(variant)
            if baseline is not None and variant not in self.upper_bounds:
                ours, theirs = self.main(variant, metric), self.main(baseline, metric)
                found[variant] = paired(ours, theirs, self.experiment.test)
        made = {variant: difference for variant, difference in found.items() if difference is not None}
        adjusted = holm([difference.p for difference in made.values()])
        return {variant: replace(made[variant], adjusted=p) for variant, p in zip(made, adjusted, strict=True)}


def outcomes(
    experiment: Experiment, records: Sequence[Record], rule: str = "last", metric: Metric = "accuracy"
) -> Outcomes:
    """What ``records`` score under ``rule``.

    Args:
        metric: what the oracle goes by.

    Raises:
        BadInput: none of them has the score that the rule goes by.
    """
    check_scores(rule, [record.evaluations for record in records])
    kept = of_chosen_settings(experiment, records, rule, metric)
    chosen: dict[tuple[str | None, str], dict[int, Evaluation]] = defaultdict(dict)
    for record in kept:
        chosen[record.task, record.variant][record.seed] = choose(rule, record.evaluations, metric)
    return Outcomes(experiment, records, kept, rule, metric, dict(chosen))


def of_chosen_settings(
    experiment: Experiment, records: Sequence[Record], rule: str = "last", metric: Metric = "accuracy"
) -> Sequence[Record]:
    """The records of one setting for each row and task: that whose scores, the means over seeds, a rule likes best.

    Only settings with as many seeds as any are candidates.

    Args:
        rule: ``last`` chooses no setting: then the rule of the experiment's search does.
        metric: what the oracle goes by.

    Raises:
        BadInput: none of the records has the score that the rule goes by.
    """
    if experiment.search is None:
        return records
    among = experiment.search.rule if rule == "last" else rule
    check_scores(among, [record.evaluations for record in records])
    kept: list[Record] = []
    for settings, means in _tried(records, rule, metric).values():
        kept += settings[favourites(among, means, metric)[-1]]
    return kept


def without_choice(
    experiment: Experiment, records: Sequence[Record], rule: str = "last", metric: Metric = "accuracy"
) -> list[str]:
    """The rows that show the last setting, as of a task no setting has the score that a rule chooses by."""
    if experiment.search is None:
        return []
    among = experiment.search.rule if rule == "last" else rule
    tried = _tried(records, rule, metric)
    return list(dict.fromkeys(variant for (_, variant), (_, means) in tried.items() if lacks(among, means)))


def _tried(
    records: Sequence[Record], rule: str, metric: Metric
) -> dict[tuple[str | None, str], tuple[list[list[Record]], list[Evaluation]]]:
    """Of each task and row the settings with as many seeds as any, and of each the mean over seeds of its scores."""
    rows: dict[tuple[str | None, str], dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        rows[record.task, record.variant][named(record.setting)].append(record)
    tried = {}
    for row, settings in rows.items():
        most = max(map(len, settings.values()))
        complete = [runs for runs in settings.values() if len(runs) == most]
        tried[row] = complete, [_mean([choose(rule, run.evaluations, metric) for run in runs]) for runs in complete]
    return tried


def _mean(evaluations: Sequence[Evaluation]) -> Evaluation:
    """The mean of each value that all have."""
    common = set.intersection(*map(set, evaluations))
    return {key: fmean(each[key] for each in evaluations) for key in sorted(common)}


def on_target(evaluation: Evaluation, metric: Metric) -> float:
    """A metric on the target's test examples, in an evaluation that has it.

    Raises:
        BadInput: it has none.
    """
    key = target_key(metric)
    if key not in evaluation:
        raise BadInput(f"metrics: these runs have no {metric}: make them again, or leave it out")
    return evaluation[key]


def published(experiment: Experiment, variant: str, task: str | None) -> float | None:
    """What a paper reports of a variant and task, as a share of 1, or of the average of tasks if ``task`` is None.

    A single number for a variant is of that average, else of the only column; numbers for all tasks give theirs.
    """
    given = experiment.published.get(variant)
    if not isinstance(given, dict):
        return given if task is None else None
    if task is not None:
        return given.get(task)
    return fmean(given.values()) if given and set(given) == set(experiment.tasks) else None
