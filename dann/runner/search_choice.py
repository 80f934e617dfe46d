"""Choice among the settings of a search with seeds of its own, and the runs that follow from it. Imports no torch."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from dann.config.experiment import MOST_CHOSEN, Experiment
from dann.config.experiment_run import Run
from dann.config.naming import name_setting
from dann.config.search import Setting
from dann.evaluation.rules import RULES
from dann.evaluation.selection import check_scores, find_best, mean_evaluation
from dann.runner.records import Record, has_target_labels

Row = tuple[str | None, str]  # task and variant
Candidate = Literal[
    "default", "tuned", "oracle"
]  # of the settings of a row: its own values, the choices of rule, oracle
OWN: Setting = {}  # the row's own values


@dataclass(frozen=True)
class Choice:
    """What a search gave for one row and task.

    Args:
        tuned: the setting that the rule chooses; None as long as runs are missing, or if each setting failed.
        oracle: the setting with the best target score; None likewise, and where the target has no test labels.
        failed: the settings of which a run failed, by their names; they cannot be chosen.
        missing: number of runs that are not there yet.
        is_blind: no setting has the score that the rule reads, and the last is chosen.
        searched: the settings that the search has runs of, or wants them of by now, beside the row's own values.
    """

    tuned: Setting | None = None
    oracle: Setting | None = None
    failed: tuple[str, ...] = ()
    missing: int = 0
    is_blind: bool = False
    searched: tuple[Setting, ...] = field(default=(), compare=False)

    def setting(self, candidate: Candidate) -> Setting | None:
        return {"default": OWN, "tuned": self.tuned, "oracle": self.oracle}[candidate]

    @property
    def wanted(self) -> list[Setting]:
        """The settings that the experiment's seeds train, equal ones once."""
        settings = (OWN, self.tuned, self.oracle)
        return list({name_setting(setting): setting for setting in settings if setting is not None}.values())


def search_records(experiment: Experiment, records: Iterable[Record]) -> list[Record]:
    """The records by which settings are chosen."""
    return [record for record in records if record.seed in experiment.search_seeds]


def choose_settings(experiment: Experiment, records: Iterable[Record]) -> dict[Row, Choice]:
    """The choices for each task and row.

    A setting is judged by its runs with the seeds of the search, after their last step: the mean over these seeds of
    what the rule reads, or of the experiment's first metric on the target for the oracle.

    Args:
        records: also those of runs that failed.
    """
    rows: dict[Row, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in search_records(experiment, records):
        rows[record.task, record.variant][name_setting(record.setting)].append(record)
    tasks: list[str | None] = [*experiment.tasks] or [None]
    rungs = {variant: experiment.rungs(variant) for variant in experiment.variants}
    return {(task, variant): _choose(experiment, rungs[variant], rows[task, variant])
            for task in tasks for variant in experiment.variants}  # fmt: skip


def _choose(experiment: Experiment, rungs: Sequence[list[Setting]], runs: Mapping[str, Sequence[Record]]) -> Choice:
    """The choices among the settings of one row and task, from the runs of the search by the setting's name."""
    searched, left = _climb(experiment, rungs, runs)
    made = {name_setting(setting): runs.get(name_setting(setting), []) for setting in [*searched, OWN]}
    missing = sum(len(experiment.search_seeds) - len(each) for each in made.values())
    failed = tuple(name for name, each in made.items() if _has_failed(each))
    left = [setting for setting in [*left, OWN] if name_setting(setting) not in failed]
    if missing or not left or experiment.search is None:
        return Choice(failed=failed, missing=missing, searched=tuple(searched))
    means = [mean_evaluation([record.evaluations[-1] for record in made[name_setting(setting)]]) for setting in left]
    rule, metric = experiment.search.rule, experiment.metrics[0]
    labelled = all(has_target_labels(record) for setting in left for record in made[name_setting(setting)])
    return Choice(
        left[find_best(rule, means)[-1]],
        left[find_best("oracle", means, metric)[-1]] if labelled else None,
        failed,
        is_blind=not RULES[rule].has_score(means),
        searched=tuple(searched),
    )


def _climb(
    experiment: Experiment, rungs: Sequence[list[Setting]], runs: Mapping[str, Sequence[Record]]
) -> tuple[list[Setting], list[Setting]]:
    """The searched settings that runs are wanted of so far, and those of the last rung among them.

    The next rung has the best of a rung once all of its runs are made, without those that failed.
    """
    searched = left = rungs[0]
    if experiment.search is None or len(rungs) == 1:
        return searched, left
    for below, rung, size in zip(rungs, rungs[1:], experiment.search.rung_sizes[1:], strict=False):
        made = [runs.get(name_setting(setting), []) for setting in left]
        if any(len(each) < len(experiment.search_seeds) for each in made):
            break
        kept = [(setting, each) for setting, each in zip(left, made, strict=True) if not _has_failed(each)]
        scores = RULES[experiment.search.rule].score(
            [mean_evaluation([record.evaluations[-1] for record in each]) for _, each in kept]
        )
        best = sorted(range(len(kept)), key=scores.__getitem__, reverse=True)[:size]
        left = [rung[below.index(kept[place][0])] for place in sorted(best)]
        searched = [*searched, *left]
    return searched, left


def _has_failed(records: Iterable[Record]) -> bool:
    return any(record.failed is not None for record in records)


def candidate_records(
    experiment: Experiment, records: Iterable[Record], choices: Mapping[Row, Choice], candidate: Candidate
) -> list[Record]:
    """The records of one candidate of each row and task on the experiment's seeds."""
    settings = {row: choice.setting(candidate) for row, choice in choices.items()}
    names = {row: None if setting is None else name_setting(setting) for row, setting in settings.items()}
    return [record for record in records if record.seed not in experiment.search_seeds
            and name_setting(record.setting) == names.get((record.task, record.variant))]  # fmt: skip


def is_wanted(experiment: Experiment, record: Record, choices: Mapping[Row, Choice]) -> bool:
    """Whether the experiment asks for a run: the search's, or one with a setting that was chosen."""
    if record.seed in experiment.search_seeds:
        return True
    wanted = choices[record.task, record.variant].wanted
    return name_setting(record.setting) in map(name_setting, wanted)


def later_runs(experiment: Experiment, records: Iterable[Record], first: Iterable[Run] | None = None) -> list[Run]:
    """The runs that follow from those of ``Experiment.first_runs``: of further rungs, and of complete searches.

    As further ones may follow from them, it is called again once they are made, until it gives no more.

    Args:
        records: of the search, those of runs that failed included.
        first: the runs whose rows and seeds are wanted; by default all.

    Raises:
        BadInput: no record has the score that the rule reads.
    """
    if experiment.search is None or not experiment.search_seeds:
        return []
    records, first = list(records), None if first is None else list(first)
    searched = [record.evaluations for record in search_records(experiment, records) if record.failed is None]
    check_scores(experiment.search.rule, searched, "search.rule")
    choices = choose_settings(experiment, records)
    runs = _rung_runs(experiment, choices, first)
    for (task, variant), seeds in _fresh_seeds(experiment, first).items():
        for setting in choices[task, variant].wanted:
            if setting != OWN:
                config = experiment.merge_configuration(variant, task, setting)
                runs += [Run(task, variant, seed, config, setting) for seed in seeds]
    return runs


def _rung_runs(experiment: Experiment, choices: Mapping[Row, Choice], first: Iterable[Run] | None) -> list[Run]:
    """The runs of the rungs above the first that are known."""
    runs, seeds = list[Run](), experiment.search_seeds
    for task, variant in _find_rows(experiment, first):
        for setting in choices[task, variant].searched[len(experiment.rungs(variant)[0]) :]:
            config = experiment.configure_search(experiment.merge_configuration(variant, task, setting))
            runs += [Run(task, variant, seed, config, setting) for seed in seeds]
    return runs


def _find_rows(experiment: Experiment, first: Iterable[Run] | None) -> list[Row]:
    return list(dict.fromkeys((run.task, run.variant) for run in (experiment.first_runs() if first is None else first)))


def count_unknown_runs(experiment: Experiment, records: Iterable[Record], first: Iterable[Run]) -> int:
    """The most runs that may follow in the rows whose search is not complete, beside those of ``later_runs``.

    Args:
        first: as of ``later_runs``.
    """
    if experiment.search is None or not experiment.search_seeds:
        return 0
    first, choices = list(first), choose_settings(experiment, records)
    fresh = sum((MOST_CHOSEN - 1) * len(seeds)
                for row, seeds in _fresh_seeds(experiment, first).items() if choices[row].missing)  # fmt: skip
    rungs = sum(experiment.search.count(row[1]) - len(choices[row].searched)
                for row in _find_rows(experiment, first) if choices[row].missing)  # fmt: skip
    return fresh + rungs * len(experiment.search_seeds)


def _fresh_seeds(experiment: Experiment, first: Iterable[Run] | None) -> dict[Row, list[int]]:
    """The seeds of each row that are not those of the search."""
    found: dict[Row, list[int]] = defaultdict(list)
    for run in experiment.first_runs() if first is None else first:
        if run.seed not in experiment.search_seeds:
            found[run.task, run.variant].append(run.seed)
    return found


def planned_runs(experiment: Experiment, records: Iterable[Record]) -> list[Run]:
    """All runs that the experiment asks for, as far as they are known, in the order of their rows."""
    runs = [*experiment.first_runs(), *later_runs(experiment, records)]
    if not experiment.search_seeds:
        return runs
    order = {run.row: place for place, run in enumerate(experiment.runs(seeds=[0]))}
    return sorted(runs, key=lambda run: order[run.row])  # stable: the seeds of a row stay in order
