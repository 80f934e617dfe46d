"""Remedies for tiny data: the share that a message names is sufficient, and no remedy is named that cannot help."""

import re

import numpy as np
import pytest

from dann.data.datasets.own_arrays import from_arrays
from dann.data.domain import Domain
from dann.data.pair_builder import PairOptions, build_pair
from dann.errors import BadInput


def domain(name: str, *counts: int) -> Domain:
    y = np.repeat(np.arange(len(counts)), counts)
    x = np.random.default_rng(len(name)).normal(size=(len(y), 3))
    order = np.random.default_rng(0).permutation(len(y))
    return from_arrays(name, x[order], y[order])


@pytest.mark.parametrize(
    ("source", "target", "steps"),
    [
        ((12, 12), (3, 3), 1),
        ((12, 12), (2, 2), 1),
        ((12, 12, 12, 12), (3, 3, 3, 3), 1),
        ((2, 2), (12, 12), 1),
        ((3, 3), (3, 3), 3),
        ((5, 5, 5, 5), (3, 9, 2, 4), 1),
    ],
)
def test_following_the_remedies_leads_to_a_pair(source: tuple[int, ...], target: tuple[int, ...], steps: int) -> None:
    options: dict[str, float] = {}
    for _ in range(steps):
        with pytest.raises(BadInput) as caught:
            build_pair([domain("a", *source)], domain("bb", *target), PairOptions(**options))  # type: ignore[arg-type]
        named = re.search(r": set data\.(\w+): ([\d.]+)", str(caught.value))
        assert named is not None, caught.value
        options[named[1]] = float(named[2])
    pair = build_pair([domain("a", *source)], domain("bb", *target), PairOptions(**options))  # type: ignore[arg-type]
    assert set(pair.target_test.y.tolist()) == set(range(len(target))) and len(pair.validation)


def test_where_no_share_helps_examples_are_asked_for() -> None:
    for source, target, says in (
        ((1, 1), (9, 9), "0, 1 have one example each, which are kept for training: add examples"),
        ((9, 9), (1, 1), "0, 1 have one example each, .*: add examples, or set data.transductive: true"),
        ((9, 9), (1, 20), "0 has one example, which is kept for training: add examples, or set"),
    ):
        with pytest.raises(BadInput, match=says) as caught:
            build_pair([domain("a", *source)], domain("bb", *target), PairOptions())
        assert not re.search(r"set data\.(test|validation)", str(caught.value))
    pair = build_pair([domain("a", 9, 9)], domain("bb", 1, 20), PairOptions(transductive=True))
    assert len(pair.target_test) == 21
