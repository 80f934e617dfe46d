"""Rules that choose among candidates, applied when a table is made, never when training. Imports no torch.

Candidates are the evaluations of one run, to choose its reported step, or one evaluation per setting of the
hyper-parameters, to choose among these.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from dann.errors import BadInput

Evaluation = dict[str, float]  # what was measured after a step, by name
Rule = Callable[[Sequence[Evaluation]], list[float]]  # how much it likes each candidate
LOWER_IS_BETTER = {"calibration_error"}  # of the metrics
FLOOR = 0.95  # of the best source validation accuracy, what the vote asks of a candidate
KEYS = {
    "source_val": "source_validation",
    "entropy": "score_entropy",
    "im": "score_im",
    "snd": "score_snd",
    "bnm": "score_bnm",
    "dev": "score_dev",
    "rankme": "score_rankme",
    "mixval": "score_mixval",
    "reverse": "score_reverse",
    "oracle": "target_test",
}
VOTERS = ("im", "snd", "bnm", "dev")  # beside source_val, which is what the floor needs as well
DESCRIBED = {
    "last": "after the last step; no step is selected",
    "source_val": "at the step with the best source validation accuracy",
    "entropy": "at the step with the least entropy of the target's predictions",
    "im": "at the step with the most mutual information of the target's inputs and predictions",
    "snd": "at the step with the best soft neighbourhood density",
    "bnm": "at the step with the largest nuclear norm of the target's predictions",
    "dev": "at the step with the least deep embedded validation risk",
    "rankme": "at the step with the largest effective rank of the target's features",
    "mixval": "at the step with the best accuracy on mixtures of target examples, by its own predictions",
    "reverse": "at the step with the best reverse validation accuracy",
    "vote": "at the step with the best mean rank by IM, SND, BNM, DEV and source validation accuracy, of those with "
    "at least 95 % of the best source validation accuracy",
    "oracle": "at the step with the best target test accuracy: an upper bound that needs the target's labels",
}
REMEDIES = {
    "source_val": "held nothing out: set data.validation above 0",
    "mixval": "have no such score: set diagnose: {mixval: true} and make them again",
    "reverse": "have no such score: set diagnose: {reverse_steps: 200} and make them again",
    "oracle": "have no target test accuracy: make them again",
}


def last(candidates: Sequence[Evaluation]) -> list[float]:
    """Likes the last candidate: no selection at all."""
    return [float(place) for place in range(len(candidates))]


def best(candidates: Sequence[Evaluation], key: str, sign: int = 1) -> list[float]:
    """Likes large values under ``key``, and least what lacks it.

    Args:
        sign: −1 for small ones.
    """
    return _values([{key: sign * each[key]} if key in each else {} for each in candidates], key)


def vote(candidates: Sequence[Evaluation]) -> list[float]:
    """Likes a good mean rank by several scores, among those that have not forgotten the source.

    A candidate must reach 95 % of the best source validation accuracy; those that do are ranked by IM, SND, BNM, DEV
    and source validation accuracy, equals sharing a rank. All of this was fixed beforehand, because a single score can
    be catastrophic: in the results of SKADA-Bench (Lalou et al. 2024) SND's choice of DAN is right on 4.6 % of
    Office-31's targets, the oracle's on 80.5. The floor is against collapse.
    """
    if lacks("vote", candidates):
        return last(candidates)
    accuracies = _values(candidates, KEYS["source_val"])
    floor = FLOOR * max(accuracies)
    kept = [place for place, accuracy in enumerate(accuracies) if accuracy >= floor]
    liked = [-math.inf] * len(candidates)
    columns = [ranks(_values([candidates[at] for at in kept], KEYS[rule])) for rule in (*VOTERS, "source_val")]
    for place, row in zip(kept, zip(*columns, strict=True), strict=True):
        liked[place] = -sum(row)
    return liked


def _values(candidates: Sequence[Evaluation], key: str) -> list[float]:
    values = [candidate.get(key, -math.inf) for candidate in candidates]
    return [-math.inf if math.isnan(value) else value for value in values]


def ranks(values: Sequence[float]) -> list[float]:
    """1 for the largest; equals share the mean of their ranks."""
    ordered = sorted(values, reverse=True)
    count = Counter(values)
    return [ordered.index(value) + (count[value] + 1) / 2 for value in values]


RULES: dict[str, Rule] = {
    "last": last,
    "source_val": partial(best, key=KEYS["source_val"]),
    "entropy": partial(best, key=KEYS["entropy"]),
    "im": partial(best, key=KEYS["im"]),
    "snd": partial(best, key=KEYS["snd"]),
    "bnm": partial(best, key=KEYS["bnm"]),
    "dev": partial(best, key=KEYS["dev"]),
    "rankme": partial(best, key=KEYS["rankme"]),
    "mixval": partial(best, key=KEYS["mixval"]),
    "reverse": partial(best, key=KEYS["reverse"]),
    "vote": vote,
    "oracle": partial(best, key=KEYS["oracle"]),
}


def favourites(rule: str, candidates: Sequence[Evaluation], metric: str = "accuracy") -> list[int]:
    """The places of what a rule likes best, all of equals, in order; the last of them is chosen.

    Args:
        metric: what the oracle goes by, else it would be no bound of it.
    """
    judge = RULES[rule]
    if rule == "oracle":
        judge = partial(best, key=target_key(metric), sign=-1 if metric in LOWER_IS_BETTER else 1)
    liked = judge(candidates)
    most = max(liked)
    return [place for place, value in enumerate(liked) if value == most]


def target_key(metric: str) -> str:
    """Under which name evaluations have a metric of the target's test examples."""
    return "target_test" if metric == "accuracy" else f"target_test_{metric}"


def choose(rule: str, candidates: Sequence[Evaluation], metric: str = "accuracy") -> Evaluation:
    """The candidate that a rule chooses; ``metric`` is what the oracle goes by."""
    return candidates[favourites(rule, candidates, metric)[-1]]


def lacks(rule: str, candidates: Sequence[Evaluation]) -> bool:
    """Whether no candidate has what the rule goes by, so that the last one is chosen for want of a score."""
    wanted = [KEYS[name] for name in (VOTERS if rule == "vote" else (rule,)) if name in KEYS]
    return bool(wanted) and not any(key in candidate for candidate in candidates for key in wanted)


def check_scores(rule: str, runs: Iterable[Sequence[Evaluation]]) -> None:
    """Refuse a rule whose score none of the runs has.

    Args:
        runs: the evaluations of each.

    Raises:
        BadInput: with the remedy.
    """
    every = list(runs)
    for needed in (rule, "source_val") if rule == "vote" else (rule,):
        if every and all(lacks(needed, evaluations) for evaluations in every):
            remedy = REMEDIES.get(needed, "have no such score: make them again")
            raise BadInput(f"--selection {rule}: these runs {remedy}")
