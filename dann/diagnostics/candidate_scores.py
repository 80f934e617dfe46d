"""Scores of the candidates for one target, and the seconds that each score took."""

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from dann.config.candidates import Candidate
from dann.errors import BadInput
from dann.evaluation.candidate_order import ScoredCandidate
from dann.evaluation.proxy_distance import linear_distance
from dann.evaluation.transferability import h_scores, leep, logme
from dann.training.candidate_features import CandidateFeatures, Features, compute_features

FEATURES = "features"
FEWEST = 4  # examples of either domain, half of which test


def score_candidates(
    candidates: Sequence[Candidate], examples: int, device: torch.device, report: Callable[[str], None]
) -> list[ScoredCandidate]:
    """The scores of all candidates for one target, in their order.

    The A-distance of all is measured on as many examples of either domain as the smallest has: it grows with their
    number, so that other distances would not compare.

    Args:
        examples: largest number of examples of either domain.
        report: is called with what is computed next.

    Raises:
        BadInput: the features of a candidate cannot be had; names the row that would train it. Or a domain has hardly
            any examples.
    """
    import sklearn.svm  # noqa: F401  here: its second is not part of the first score

    found = []
    for candidate in candidates:
        row = ", ".join(filter(None, candidate.rows[0]))
        report(f"features of {row}: {candidate.network}")
        try:
            found.append(compute_features(candidate, examples, device))
        except BadInput as error:
            raise BadInput(f"{row}: {error}") from error
    count = min(min(map(_check_count, each.names, (each.source, each.target))) for each in found)
    scored = []
    for candidate, features in zip(candidates, found, strict=True):
        report(f"scores of {features.names[0]} → {features.names[1]}: {candidate.network}")
        scored.append(_score(candidate, features, count))
    return scored


def _check_count(name: str, features: Features) -> int:
    """The number of a domain's examples, if there are enough."""
    if len(features) < FEWEST:
        raise BadInput(f"{name}: {len(features)} training example(s), but at least {FEWEST} are needed to train and "
                       "test a classifier of domains: add some")  # fmt: skip
    return len(features)


def _score(candidate: Candidate, features: CandidateFeatures, count: int) -> ScoredCandidate:
    seconds = {FEATURES: features.seconds}

    def timed(name: str, compute: Callable[..., Any], *arguments: Any) -> Any:
        start = time.perf_counter()
        result = compute(*arguments)
        seconds[name] = time.perf_counter() - start
        return result

    scores: dict[str, float | None] = {"logme": timed("logme", logme, features.source, features.labels)}
    if features.probabilities is not None:
        scores["leep"] = timed("leep", leep, features.probabilities, features.labels)
    h_score = timed("h_score", h_scores, features.source, features.labels)
    scores |= {"h_score": h_score.plain, "h_score_shrunk": h_score.shrunk}
    sides = (_spread(each, count) for each in (features.source, features.target))
    scores["a_distance"] = timed("a_distance", linear_distance, *sides)
    source, target = features.names
    return ScoredCandidate(
        source=source,
        source_key=f"{source} {hashlib.sha256(features.labels.tobytes()).hexdigest()}",
        target=target,
        network=candidate.network,
        features=candidate.features,
        rows=candidate.rows,
        scores=scores,
        seconds=seconds,
        examples=len(features.labels),
    )


def _spread(features: Features, count: int) -> Features:
    """``count`` examples, spread evenly over all."""
    spread: Features = features[torch.linspace(0, len(features) - 1, count, dtype=torch.float64).round().long().numpy()]
    return spread
