"""The guard against negative transfer: source only is reported unless label-free evidence favours an adapted row.

Reads no target label; imports no torch.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Literal, get_args

from dann.evaluation.rules import BNM, IM, REVERSE, SOURCE_VAL, Evaluation
from dann.evaluation.selection import find_best, mean_evaluation
from dann.evaluation.statistics import compare_pairs

Condition = Literal["im", "bnm", "source_val", "reverse", "alarms"]
CONDITIONS: tuple[Condition, ...] = get_args(Condition)
FAVOUR, KEEP = (IM, BNM), (SOURCE_VAL, REVERSE)  # the validators that must be higher, and those that must not fall
TOO_FEW = "seeds"  # the objection to a row that has no two seeds in common with source only


@dataclass(frozen=True)
class RowEvidence:
    """What is known of a row on one task without target labels.

    Args:
        evaluations: after the last step, by seed.
        alarms: the names of the alarms of each run, by seed; those of negative transfer, which read target labels, do
            not belong here.
        validated_on: number of examples of the source's validation split.
    """

    evaluations: Mapping[int, Evaluation]
    alarms: Mapping[int, frozenset[str]]
    validated_on: int

    @cached_property
    def mean(self) -> Evaluation:
        """The mean over seeds of each value that all of them have."""
        return mean_evaluation(list(self.evaluations.values()))


@dataclass(frozen=True)
class Comparison:
    """A row compared with source only on equal seeds.

    Args:
        seeds: their number.
        largest_margin: for each validator of ``FAVOUR`` the mean of the differences as a multiple of the half-width of
            its 95 % t-interval; −∞ where it is not recorded.
        lost: for each validator of ``KEEP`` that both rows have, the loss of accuracy, as a share of 1.
        error: for the same, one standard error of source only's accuracy.
        has_new_alarm: a run has an alarm that source only's run with the same seed does not have.
    """

    seeds: int
    largest_margin: Mapping[str, float]
    lost: Mapping[str, float]
    error: Mapping[str, float]
    has_new_alarm: bool


def compare_rows(rows: Mapping[str, RowEvidence], source_only: str) -> dict[str, Comparison]:
    """Compare the other rows of a task with source only, by name.

    Args:
        source_only: its name.
    """
    return {name: compare_row(row, rows[source_only]) for name, row in rows.items() if name != source_only}


def compare_row(row: RowEvidence, source_only: RowEvidence) -> Comparison:
    """Compare a row with source only."""
    seeds = len(set(row.evaluations) & set(source_only.evaluations))
    favour = {rule.name: _largest_margin(row, source_only, rule.reads[0]) for rule in FAVOUR}
    lost, error = {}, {}
    for rule in KEEP:
        ours, theirs = _values(row, rule.reads[0]), _values(source_only, rule.reads[0])
        if (difference := compare_pairs(ours, theirs)) is not None:
            kept = fmean(theirs.values())
            lost[rule.name] = -difference.mean
            error[rule.name] = math.sqrt(kept * (1 - kept) / source_only.validated_on)
    alarmed = any(names - source_only.alarms.get(seed, frozenset()) for seed, names in row.alarms.items())
    return Comparison(seeds, favour, lost, error, alarmed)


def _values(row: RowEvidence, key: str) -> dict[int, float]:
    return {seed: evaluation[key] for seed, evaluation in row.evaluations.items() if key in evaluation}


def _largest_margin(row: RowEvidence, source_only: RowEvidence, key: str) -> float:
    difference = compare_pairs(_values(row, key), _values(source_only, key))
    if difference is None or difference.half_width is None:
        return -math.inf
    if not difference.half_width:
        return math.copysign(math.inf, difference.mean) if difference.mean else 0.0
    return difference.mean / difference.half_width


@dataclass(frozen=True)
class Guard:
    """The rule: which row to report among the rows of one task.

    An adapted row passes if all conditions hold, of differences from source only on equal seeds:

    - ``im``, ``bnm``: both scores of the predictions on the target that are least for a constant prediction favour it:
      the 95 % t-interval of either difference lies above 0. Entropy, soft neighbourhood density and MixVal are greatest
      for a constant prediction, and deep embedded validation divides by the probabilities of a domain classifier, so
      that its weights and its error have no bound.
    - ``source_val``, ``reverse``: the source is kept. The mean accuracy of source validation, and of reverse validation
      where it is recorded, falls by no more than the tolerance or, if that is larger, by one standard error of source
      only's accuracy, √(p (1 − p) / n) on n validation examples (the one-standard-error rule of Breiman et al. 1984,
      section 3.4.3).
    - ``alarms``: none of its runs has an alarm that source only's run with the same seed does not have.

    Among the rows that pass, the vote chooses (``dann.evaluation.rules``), by the mean over seeds; where none passes,
    source only is reported. A row that has no two seeds in common with source only does not pass.

    Args:
        margin: the multiple of an interval's half-width by which a difference must be above 0; 0: by its mean alone.
        tolerance: the share of source accuracy that may be lost.
        conditions: that are checked.
    """

    margin: float = 1.0
    tolerance: float = 0.01
    conditions: tuple[Condition, ...] = CONDITIONS

    def objections(self, compared: Comparison) -> list[str]:
        """The conditions that a row fails, by name; empty if it passes."""
        if compared.seeds < 2:
            return [TOO_FEW]
        failed = [name for name, largest in compared.largest_margin.items() if not largest > self.margin]
        failed += [name for name, lost in compared.lost.items() if lost > max(self.tolerance, compared.error[name])]
        failed += ["alarms"] if compared.has_new_alarm else []
        return [name for name in failed if name in self.conditions]

    def choose(
        self, rows: Mapping[str, RowEvidence], compared: Mapping[str, Comparison], source_only: str
    ) -> list[str]:
        """The row to report, by name; several where the vote ties.

        Args:
            rows: of one task, with source only.
            compared: the result of ``compare_rows``.
            source_only: its name.
        """
        passing = {name: rows[name] for name, each in compared.items() if not self.objections(each)}
        return vote_among(passing) if passing else [source_only]


def vote_among(rows: Mapping[str, RowEvidence]) -> list[str]:
    """The rows that the vote scores highest by the mean over their seeds; several where they tie."""
    names, means = list(rows), [row.mean for row in rows.values()]
    return [names[place] for place in find_best("vote", means)]
