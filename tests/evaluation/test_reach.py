"""Where a curve reaches a level, against NumPy's interpolation, and the bootstrap of it by hand."""

import math

import numpy as np
import pytest

from dann.evaluation.reach import bootstrap_reach, reach

VALUES = [0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0]


def test_a_rising_curve_is_inverted_as_numpy_interpolates() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        curve = np.sort(random.uniform(0.5, 0.9, len(VALUES)))
        level = random.uniform(curve[0], curve[-1])
        expected = np.expm1(np.interp(level, curve, np.log1p(VALUES)))
        assert reach(VALUES, list(curve), level) == pytest.approx(expected, rel=1e-12)


def test_the_first_crossing_counts_and_nothing_is_extrapolated() -> None:
    assert reach([0, 1, 3], [0.5, 0.7, 0.6], 0.6) == pytest.approx(math.sqrt(2) - 1)  # half of log 2
    assert reach([0, 1, 3], [0.5, 0.4, 0.6], 0.5) == 0 and reach([2, 3], [0.5, 0.4], 0.1) == 2
    assert reach([0, 1, 3], [0.5, 0.7, 0.6], 0.7) == pytest.approx(1)
    assert reach([0, 1, 3], [0.5, 0.7, 0.6], 0.71) == math.inf


def test_the_bootstrap_draws_seeds_for_all_points_together() -> None:
    """With two seeds the draws are one of them alone, each a quarter of the time, or both."""
    curve = [{0: 0.5, 1: 0.5}, {0: 0.9, 1: 0.6}, {0: 0.9, 1: 0.8}]
    level = {1: 0.7, 0: 0.7}
    found, ends = bootstrap_reach([0, 1, 3], curve, level)
    assert found == pytest.approx(2 ** (0.2 / 0.25) - 1)  # the mean curve is 0.5, 0.75, 0.85
    assert ends == pytest.approx([2 ** (0.2 / 0.4) - 1, 2**1.5 - 1])  # of each seed alone
    _, middle = bootstrap_reach([0, 1, 3], curve, level, share=0.4)
    assert middle == pytest.approx([found, found])


def test_an_interval_may_be_open_or_missing() -> None:
    curve, level = [{0: 0.5, 1: 0.5}, {0: 0.9, 1: 0.6}], {0: 0.7, 1: 0.7, 2: 0.1}
    found, ends = bootstrap_reach([0, 1], curve, level)
    assert 0 < found < 1 and ends is not None and ends[1] == math.inf
    assert bootstrap_reach([0, 1], [{4: 0.5}, {4: 0.6}], {4: 0.5}) == (0, None)
    with pytest.raises(ValueError, match="no seed"):
        bootstrap_reach([0, 1], [{0: 0.5}, {1: 0.6}], {0: 0.5})
