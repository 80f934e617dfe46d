"""The order of candidates for one target."""

from dataclasses import replace

import pytest

from dann.evaluation.candidate_order import ScoredCandidate, mean_ranks


def candidate(source: str, network: str, logme: float, distance: float) -> ScoredCandidate:
    scores = {"logme": logme, "h_score_shrunk": 1.0, "a_distance": distance}
    return ScoredCandidate(source, source, "t", network, network, [(None, "v")], scores, {}, 50)


def test_one_network_leaves_the_distance() -> None:
    candidates = [candidate("a", "n", 3, 1.9), candidate("b", "n", 1, 0.4), candidate("c", "n", 2, 1.0)]
    assert mean_ranks(candidates) == [3, 1, 2]


def test_one_source_leaves_logme() -> None:
    candidates = [candidate("a", "n", 0.1, 0.2), candidate("a", "m", 0.5, 1.9)]
    assert mean_ranks(candidates) == [2, 1]


def test_networks_are_compared_on_one_source_and_sources_in_one_networks_features() -> None:
    # LogME of b is higher throughout, and the distances of m: neither says which source, or which network.
    candidates = [candidate("a", "n", 0.1, 0.5), candidate("a", "m", 0.2, 1.5),
                  candidate("b", "n", 5.0, 0.9), candidate("b", "m", 6.0, 1.9)]  # fmt: skip
    assert mean_ranks(candidates) == [(2 + 1) / 2, (1 + 1) / 2, (2 + 2) / 2, (1 + 2) / 2]


def test_equal_distances_share_their_rank() -> None:
    candidates = [candidate(name, "n", 1, distance) for name, distance in (("a", 2.0), ("b", 2.0), ("c", 1.0))]
    assert mean_ranks(candidates) == [2.5, 2.5, 1]


@pytest.mark.parametrize("count", [1, 2])
def test_candidates_that_share_nothing_are_equal(count: int) -> None:
    candidates = [candidate("a", "n", 1, 1), candidate("b", "m", 2, 2)][:count]
    assert mean_ranks(candidates) == [1.0] * count


def test_two_sources_of_one_name_are_two() -> None:
    one = candidate("train", "n", 1, 1.5)
    assert mean_ranks([one, replace(candidate("train", "n", 1, 0.5), source_key="other")]) == [2, 1]
