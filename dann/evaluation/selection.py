"""Choice of a candidate by a selection rule. Imports no torch."""

from collections.abc import Iterable, Sequence
from statistics import fmean

from dann.errors import BadInput
from dann.evaluation.rules import RULES, Evaluation, rule_for


def find_best(rule: str, candidates: Sequence[Evaluation], metric: str = "accuracy") -> list[int]:
    """The places of the candidates that a rule scores highest, in order; several where they tie.

    Args:
        rule: a name in ``RULES``.
        metric: what the oracle goes by.
    """
    scores = rule_for(rule, metric).score(candidates)
    highest = max(scores)
    return [place for place, score in enumerate(scores) if score == highest]


def choose(rule: str, candidates: Sequence[Evaluation], metric: str = "accuracy") -> Evaluation:
    """The candidate that a rule scores highest; the last of those that tie."""
    return candidates[find_best(rule, candidates, metric)[-1]]


def mean_evaluation(evaluations: Sequence[Evaluation]) -> Evaluation:
    """The mean of each value that all evaluations have."""
    common = set.intersection(*map(set, evaluations))
    return {key: fmean(each[key] for each in evaluations) for key in sorted(common)}


def check_scores(rule: str, runs: Iterable[Sequence[Evaluation]], place: str = "--selection") -> None:
    """Raise if no run has the scores that a rule needs.

    Args:
        runs: the evaluations of each run.
        place: where the rule was named, for the message.

    Raises:
        BadInput: with the remedy.
    """
    every = list(runs)
    if every and RULES[rule].needs_target_labels and not any(map(RULES[rule].has_score, every)):
        raise BadInput(
            f"{place} {rule}: the target has no test labels, by which this rule chooses: name a rule that needs none, "
            "such as last, source_val or vote"
        )
    for needed in (RULES[rule], *RULES[rule].requires):
        if every and not any(needed.has_score(evaluations) for evaluations in every):
            raise BadInput(f"{place} {rule}: these runs {needed.remedy}")
