"""Choice of one setting of searched hyper-parameters for each row and task. Imports no torch."""

from collections import defaultdict
from collections.abc import Sequence

from dann.config.experiment import Experiment
from dann.config.naming import name_setting
from dann.evaluation.rules import RULES, Evaluation
from dann.evaluation.selection import check_scores, choose, find_best, mean_evaluation
from dann.runner.records import Record
from dann.runner.search_choice import Candidate, Row, candidate_records, choose_settings, search_records


def select_settings(
    experiment: Experiment,
    records: Sequence[Record],
    rule: str = "last",
    metric: str = "accuracy",
    candidate: Candidate = "tuned",
) -> Sequence[Record]:
    """The records of one setting for each row and task, without runs that failed.

    It is the setting that a rule scores best by its mean over seeds, of those with the largest number of seeds. Of a
    search with seeds of its own it is the ``candidate``, whatever the rule, on the experiment's seeds.

    Args:
        records: also those of runs that failed.
        rule: a name in ``RULES``; for ``last``, which chooses no setting, the rule of the experiment's search.
        metric: what the oracle goes by.

    Raises:
        BadInput: no record has the score that the rule reads.
    """
    made = [record for record in records if record.failed is None]
    if experiment.search is None:
        return made
    if experiment.search_seeds:
        searched = [record.evaluations for record in search_records(experiment, made)]
        check_scores(experiment.search.rule, searched, "search.rule")
        return candidate_records(experiment, made, choose_settings(experiment, records), candidate)
    records, among = made, experiment.search.rule if rule == "last" else rule
    check_scores(among, [record.evaluations for record in records], "search.rule" if rule == "last" else "--selection")
    kept: list[Record] = []
    for settings, means in _settings_by_row(records, rule, metric).values():
        kept += settings[find_best(among, means, metric)[-1]]
    return kept


def rows_without_score(
    experiment: Experiment, records: Sequence[Record], rule: str = "last", metric: str = "accuracy"
) -> list[str]:
    """The rows that show their last setting, because on some task no setting has the score that the rule reads."""
    if experiment.search is None:
        return []
    if experiment.search_seeds:
        choices = choose_settings(experiment, records)
        return list(dict.fromkeys(variant for (_, variant), choice in choices.items() if choice.is_blind))
    among = RULES[experiment.search.rule if rule == "last" else rule]
    settings = _settings_by_row([record for record in records if record.failed is None], rule, metric)
    return list(dict.fromkeys(variant for (_, variant), (_, means) in settings.items() if not among.has_score(means)))


def _settings_by_row(
    records: Sequence[Record], rule: str, metric: str
) -> dict[Row, tuple[list[list[Record]], list[Evaluation]]]:
    """For each task and row the settings with the most seeds, each with the mean over seeds of what it scores."""
    rows: dict[Row, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        rows[record.task, record.variant][name_setting(record.setting)].append(record)
    result = {}
    for row, settings in rows.items():
        most = max(map(len, settings.values()))
        complete = [runs for runs in settings.values() if len(runs) == most]
        chosen = [[choose(rule, run.evaluations, metric) for run in runs] for runs in complete]
        result[row] = complete, list(map(mean_evaluation, chosen))
    return result
