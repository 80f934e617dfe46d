"""The tables of an experiment, made from its records. Imports no torch."""

from collections.abc import Sequence

from dann.config.experiment import Experiment
from dann.reporting.axis_table import axis_tables
from dann.reporting.difference_table import difference_tables
from dann.reporting.discriminator_table import discriminator_tables
from dann.reporting.distance_table import distance_tables
from dann.reporting.guard_table import guard_tables
from dann.reporting.pairwise_table import pairwise_tables
from dann.reporting.rule_comparison import rule_table
from dann.reporting.score_table import score_tables
from dann.reporting.scores import apply_rule, with_result
from dann.reporting.search_tables import search_table, task_tables
from dann.reporting.selection_table import selection_tables
from dann.reporting.table import Table
from dann.runner.records import Record, has_target_labels


def make_tables(experiment: Experiment, records: Sequence[Record], rule: str = "last") -> list[Table]:
    """For each metric the scores and the paired differences; of a search with seeds of its own each task and its cost.

    With ``selections`` for each metric the scores under these rules.
    With ``axis`` what rows are worth on it.
    With ``pairwise`` also each row against each other; where ``diagnose.distance_c`` is set the distances of domains,
    and where ``shown.figures`` names ``discriminator`` what was measured of it.
    With ``compare_rules`` also how the rules choose, which is known by target labels alone: without any there is no
    such table. With ``guard`` also the row that the guard reports, which needs no target label.
    """
    ours = apply_rule(experiment, records, rule)
    judged = experiment.compare_rules and any(map(has_target_labels, with_result(records)))
    compared = [rule_table(experiment, records)] if judged else []
    searched = [*task_tables(ours), search_table(ours)] if experiment.search_seeds else []
    selected = selection_tables(experiment, records)
    pairwise = pairwise_tables(ours) if experiment.pairwise == "poisson_binomial" else []
    scores = [*score_tables(ours), *axis_tables(ours), *difference_tables(ours), *pairwise, *distance_tables(ours)]
    scores += discriminator_tables(ours)
    return [*scores, *searched, *selected, *compared, *guard_tables(ours)]
