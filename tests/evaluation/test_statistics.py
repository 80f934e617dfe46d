"""Intervals, paired tests and Holm's correction against scipy.stats and against the papers' own arithmetic."""

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats

from dann.evaluation.statistics import (
    ExampleSet,
    bootstrap_interval,
    compare_pairs,
    deviation,
    holm,
    interval,
    paired_t,
    poisson_binomial,
    wilcoxon,
)

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("n", [2, 3, 5, 10, 100])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_interval_is_students(n: int, level: float) -> None:
    values = RANDOM.normal(0.7, 0.05, n)
    expected = stats.ttest_1samp(values, 0).confidence_interval(level)
    half = interval(list(values), level)
    assert half == pytest.approx((expected.high - expected.low) / 2, rel=1e-9)
    assert values.mean() - half == pytest.approx(expected.low, rel=1e-9)


def test_interval_by_hand() -> None:
    # t with 2 degrees of freedom is 4.302653 at 97.5 %; the standard deviation of 1, 2, 3 is 1
    assert interval([1.0, 2.0, 3.0]) == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert interval([0.5]) is None and interval([]) is None and deviation([0.5]) is None
    assert interval([0.25, 0.25]) == 0 and deviation([0.2, 0.4]) == pytest.approx(math.sqrt(0.02))


@pytest.mark.parametrize("n", [2, 3, 5, 20])
def test_paired_t_against_scipy(n: int) -> None:
    ours, theirs = RANDOM.normal(0.7, 0.05, n), RANDOM.normal(0.66, 0.05, n)
    found = compare_pairs(dict(enumerate(ours)), dict(enumerate(theirs)))
    expected = stats.ttest_rel(ours, theirs)
    low, high = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-6) and found.n == n and found.adjusted is None
    assert [found.mean - found.half_width, found.mean + found.half_width] == pytest.approx([low, high], rel=1e-6)
    assert found.effect == pytest.approx((ours - theirs).mean() / (ours - theirs).std(ddof=1), rel=1e-6)
    assert found.is_below == (high < 0)


def test_only_equal_seeds_are_paired() -> None:
    found = compare_pairs({0: 0.5, 1: 0.9, 7: 0.6, 8: 0.1}, {8: 0.2, 2: 0.3, 7: 0.3})
    assert found.n == 2 and found.mean == pytest.approx((0.3 - 0.1) / 2)
    assert compare_pairs({0: 0.5}, {1: 0.5}) is None
    single = compare_pairs({0: 0.5}, {0: 0.4, 1: 0.2})
    assert (single.n, single.half_width, single.p, single.effect) == (1, None, None, None) and not single.is_below


def test_differences_that_do_not_vary() -> None:
    equal = compare_pairs({0: 0.5, 1: 0.6}, {0: 0.5, 1: 0.6})
    assert (equal.mean, equal.p, equal.effect, equal.is_below) == (0, 1, None, False)
    shifted = compare_pairs({0: 0.7, 1: 0.8, 2: 0.9}, {0: 0.6, 1: 0.7, 2: 0.8})  # not all 0.1 in floats
    assert (shifted.p, shifted.effect, shifted.half_width) == (None, None, 0)
    assert wilcoxon([0.0, 0.0]) == 1 and wilcoxon([0.1]) is None and paired_t([0.1]) is None is paired_t([0.0])


@pytest.mark.parametrize("n", [2, 5, 6, 9])
def test_wilcoxon_against_scipy(n: int) -> None:
    for _ in range(5):
        differences = RANDOM.normal(0.02, 0.05, n)
        expected = stats.wilcoxon(differences, method="exact").pvalue
        assert wilcoxon(list(differences)) == pytest.approx(expected, rel=1e-12)
    ours, theirs = RANDOM.normal(0.7, 0.1, n), RANDOM.normal(0.7, 0.1, n)
    found = compare_pairs(dict(enumerate(ours)), dict(enumerate(theirs)), "wilcoxon")
    assert found.p == pytest.approx(stats.wilcoxon(ours, theirs, method="exact").pvalue, rel=1e-12)


def test_wilcoxon_with_ties_and_zeros_counts_all_signs() -> None:
    differences = [0.0, 0.1, -0.1, 0.1, 0.3, 0.3, -0.2, 0.0]
    kept = np.array([0.1, -0.1, 0.1, 0.3, 0.3, -0.2])
    ranks = np.array([2, 2, 2, 5.5, 5.5, 4])  # of 1 to 6, equals sharing the mean
    observed = ranks[kept > 0].sum()
    sums = np.array([np.dot(ranks, signs) for signs in product([0, 1], repeat=6)])
    expected = 2 * min((sums <= observed).mean(), (sums >= observed).mean())
    assert wilcoxon(differences) == pytest.approx(expected, rel=1e-12) and expected < 1


def test_five_seeds_cannot_go_under_a_sixteenth_by_wilcoxon() -> None:
    assert wilcoxon([0.1, 0.2, 0.3, 0.4, 0.5]) == 0.0625 == wilcoxon([-0.5, -0.5, -0.5, -0.5, -0.5])
    assert wilcoxon([1, 2, 3, 4, 5, 6]) == 0.03125


def test_holm_by_hand() -> None:
    # sorted 0.01, 0.02, 0.03, 0.04, 0.6 times 5, 4, 3, 2, 1 are 0.05, 0.08, 0.09, 0.08, 0.6; the fourth follows 0.09
    assert holm([0.03, 0.01, 0.6, 0.02, 0.04]) == pytest.approx([0.09, 0.05, 0.6, 0.08, 0.09])
    assert holm([0.7, None, 0.4]) == [0.8, None, 0.8]  # 0.7 alone would be smaller than what came before it
    assert holm([0.9, 0.8]) == [1.0, 1.0] and holm([]) == [] and holm([None]) == [None]


def test_holm_rejects_what_the_paper_does() -> None:
    """Holm's procedure as written: reject while the i-th smallest of m is at most α / (m − i + 1)."""
    for _ in range(20):
        p_values = list(RANDOM.uniform(0, 0.1, 6))
        rejected: set[int] = set()
        for i, place in enumerate(np.argsort(p_values)):
            if p_values[place] > 0.05 / (6 - i):
                break
            rejected.add(int(place))
        assert {place for place, p in enumerate(holm(p_values)) if p <= 0.05} == rejected


def test_the_interval_over_test_examples_is_the_bootstrap_s() -> None:
    """Against drawing the examples themselves, and against the quantiles of the binomial distribution."""
    random = np.random.default_rng(0)
    right = random.random(300) < 0.8
    drawn = right[random.integers(0, 300, (20_000, 300))].mean(axis=1)
    ends = bootstrap_interval([ExampleSet(float(right.mean()), 300, 1.0)])
    assert ends == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.004)
    assert ends == pytest.approx(stats.binom.ppf([0.025, 0.975], 300, right.mean()) / 300, abs=0.004)
    assert ends == bootstrap_interval([ExampleSet(float(right.mean()), 300, 1.0)])
    assert bootstrap_interval([ExampleSet(1.0, 300, 1.0)]) == [1.0, 1.0]


def test_the_interval_over_test_examples_is_not_too_narrow_for_several_seeds() -> None:
    random = np.random.default_rng(1)
    easy = random.random(400)
    right = random.random((5, 400)) < easy  # seeds agree in part on which examples are right
    drawn = right.mean(axis=0)[random.integers(0, 400, (20_000, 400))].mean(axis=1)
    ends, within = bootstrap_interval([ExampleSet(float(right.mean()), 400, 1.0)]), np.quantile(drawn, [0.025, 0.975])
    assert ends[0] < within[0] and within[1] < ends[1]


def test_different_test_sets_are_independent_parts_of_the_mean() -> None:
    random = np.random.default_rng(2)
    first, second = random.random(100) < 0.6, random.random(50) < 0.9
    parts = [(2 / 3) * first[random.integers(0, 100, (20_000, 100))].mean(axis=1),
             (1 / 3) * second[random.integers(0, 50, (20_000, 50))].mean(axis=1)]  # fmt: skip
    ends = bootstrap_interval(
        [ExampleSet(float(first.mean()), 100, 2 / 3), ExampleSet(float(second.mean()), 50, 1 / 3)]
    )
    assert ends == pytest.approx(np.quantile(sum(parts), [0.025, 0.975]), abs=0.006)


def test_poisson_binomial_adds_up_the_probability_of_every_majority() -> None:
    """By quadrature of the Beta density above a half, and by all outcomes of the tasks."""
    tasks = [(0.8, 0.7, 40), (0.6, 0.65, 100), (0.71, 0.7, 60), (0.5, 0.4, 30)]
    theta = (np.arange(200_000) + 0.5) / 200_000
    better = []
    for ours, theirs, n in tasks:
        density = theta ** (n * ours * (1 - theirs)) * (1 - theta) ** (n * theirs * (1 - ours))
        better.append(density[theta > 0.5].sum() / density.sum())
    expected = 0.0
    for wins in product([0, 1], repeat=4):
        chance = np.prod([p if won else 1 - p for won, p in zip(wins, better, strict=True)])
        expected += chance * {True: 1.0, False: 0.5 * (sum(wins) == 2)}[sum(wins) > 2]
    assert poisson_binomial(tasks) == pytest.approx(expected, abs=1e-6)
    assert poisson_binomial([(b, a, n) for a, b, n in tasks]) == pytest.approx(1 - expected, abs=1e-6)
    assert poisson_binomial([(0.7, 0.7, 50)] * 3) == pytest.approx(0.5)
