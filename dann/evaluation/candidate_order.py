"""The order of sources and networks by scores that need no training. Imports no torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from dann.evaluation.rules import rank

INPUTS = "inputs"  # the features of a network that is not pretrained
LOGME, DISTANCE = "logme", "a_distance"
SCORES = {  # by their keys, with the headings of their columns
    LOGME: "LogME",
    "leep": "LEEP",
    "h_score": "H-score",
    "h_score_shrunk": "H-score, shrunk",
    DISTANCE: "A-distance",
}


@dataclass(frozen=True)
class ScoredCandidate:
    """A source and a network for one target, with their scores.

    Args:
        source: the name of the source.
        source_key: equal for candidates with the same source, whatever its features.
        target: the name of the target.
        network: the name of its features.
        features: equal for candidates whose features of the target are the same.
        rows: the tasks and variants of the experiment that would train it.
        scores: by key; None where one is not defined.
        seconds: that each score took, both H-scores together, and ``features``.
        examples: labelled ones that were scored.
    """

    source: str
    source_key: str
    target: str
    network: str
    features: str
    rows: list[tuple[str | None, str]]
    scores: dict[str, float | None]
    seconds: dict[str, float]
    examples: int


def mean_ranks(candidates: Sequence[ScoredCandidate]) -> list[float]:
    """The mean of two ranks of each candidate for one target, from 1 for the best.

    One is its network's by LogME among the networks on the same source, the other its source's by the A-distance among
    the sources in the same features: each score compares what its paper does. Where there is one network or one source
    alone, the other rank counts.
    """
    ranks = []
    if len({each.features for each in candidates}) > 1:
        ranks.append([_rank_among(candidates, one, lambda each: each.source_key, _by_logme) for one in candidates])
    if len({each.features for each in candidates}) < len(candidates):
        ranks.append([_rank_among(candidates, one, lambda each: each.features, _by_distance) for one in candidates])
    return [fmean(each) for each in zip(*ranks, strict=True)] if ranks else [1.0]


def _by_logme(candidate: ScoredCandidate) -> float:
    return candidate.scores[LOGME] or 0.0


def _by_distance(candidate: ScoredCandidate) -> float:
    return -(candidate.scores[DISTANCE] or 0.0)


def _rank_among(
    candidates: Sequence[ScoredCandidate],
    one: ScoredCandidate,
    shared: Callable[[ScoredCandidate], str],
    score: Callable[[ScoredCandidate], float],
) -> float:
    """The rank of a candidate by a score, among those that share something with it."""
    peers = [each for each in candidates if shared(each) == shared(one)]
    return rank([score(each) for each in peers])[peers.index(one)]
