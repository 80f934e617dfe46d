"""Statistics for a few seeds: intervals, paired differences and corrected p-values. Imports no torch."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean, stdev
from typing import Literal

Test = Literal["paired_t", "wilcoxon"]
Intervals = Literal["seeds", "test_examples"]
Pairwise = Literal["none", "poisson_binomial"]
RESAMPLES = 20_000  # the error of an interval's ends that they leave is half a hundredth of its width
DIGITS = 12  # beyond these, differences of shares of 1 are rounding errors, which must not count as variance


@dataclass(frozen=True)
class Difference:
    """The mean of paired differences, with its interval and test.

    Args:
        mean: of the differences.
        half_width: of their 95 % t-interval, or None for a single pair.
        p: two-sided, or None where there is no test.
        effect: d_z, the mean over the standard deviation of the differences (Cohen 1988, section 2.3.5), or None where
            they do not vary.
        n: the number of pairs.
        adjusted: ``p`` corrected for the number of comparisons, if it was corrected.
    """

    mean: float
    half_width: float | None
    p: float | None
    effect: float | None
    n: int
    adjusted: float | None = None

    @property
    def is_below(self) -> bool:
        """Whether the whole interval lies below 0; two equal differences, common with few test examples, have none."""
        varied = self.n > 2 or bool(self.half_width)
        return self.half_width is not None and varied and self.mean + self.half_width < 0


def deviation(values: Sequence[float]) -> float | None:
    """The sample standard deviation, or None for fewer than two values."""
    return stdev(values) if len(values) > 1 else None


def interval(values: Sequence[float], level: float = 0.95) -> float | None:
    """The half-width of Student's t-interval of the mean, t s / √n, or None for fewer than two values."""
    if len(values) < 2:
        return None
    from scipy.special import stdtrit  # here: it takes 0.3 s, which tables of one seed need not wait for

    return float(stdtrit(len(values) - 1, (1 + level) / 2)) * stdev(values) / math.sqrt(len(values))


@dataclass(frozen=True)
class ExampleSet:
    """The part of a mean accuracy that was measured on one set of test examples.

    Args:
        accuracy: the mean over the seeds, and over the tasks that share the test set.
        examples: their number.
        weight: share of this test set in the mean; all weights sum to 1.
    """

    accuracy: float
    examples: int
    weight: float


def bootstrap_interval(tests: Sequence[ExampleSet], level: float = 0.95) -> list[float]:
    """The ends of the percentile bootstrap interval of a mean accuracy over test examples (Efron 1979).

    Of n examples drawn with replacement, each is right with the probability p that the accuracy is, so that the number
    of right ones is binomial: it is drawn in place of the examples. Several seeds of one test set are taken to be right
    on the same examples, as records do not say on which each is: the mean over seeds of an example lies in [0, 1], and
    its variance over examples is then at most p (1 − p), so the interval is not too narrow. Different test
    sets are independent.
    """
    import numpy as np  # here: tables without such intervals need not wait for it

    random = np.random.RandomState(0)  # the same table each time
    drawn = [test.weight * random.binomial(test.examples, test.accuracy, RESAMPLES) / test.examples for test in tests]
    ends = np.quantile(np.sum(drawn, axis=0), [(1 - level) / 2, (1 + level) / 2])
    return [float(end) for end in ends]


def compare_pairs(
    ours: Mapping[int, float], baseline: Mapping[int, float], test: Test = "paired_t"
) -> Difference | None:
    """The paired difference of two scores on the seeds that both have, or None if there is none.

    Args:
        ours: a score by seed.
        baseline: the other score by seed.
        test: ``paired_t`` is Student's, ``wilcoxon`` the signed-rank test.
    """
    differences = [round(ours[seed] - baseline[seed], DIGITS) for seed in sorted(set(ours) & set(baseline))]
    if not differences:
        return None
    mean, spread = fmean(differences), deviation(differences)
    effect = mean / spread if spread else None
    p = TESTS[test](differences)
    return Difference(mean, interval(differences), p, effect, len(differences))


def paired_t(differences: Sequence[float]) -> float | None:
    """The two-sided p-value of Student's t-test that the mean of paired differences is 0.

    Returns:
        None where nonzero differences do not vary, and for a single one: neither has a t; 1 if all are 0.
    """
    if not any(differences):
        return 1.0 if len(differences) > 1 else None
    if not deviation(differences):
        return None
    from scipy.special import stdtr

    t = fmean(differences) / stdev(differences) * math.sqrt(len(differences))
    return float(2 * stdtr(len(differences) - 1, -abs(t)))


def wilcoxon(differences: Sequence[float]) -> float | None:
    """The exact two-sided p-value of the signed-rank test (Wilcoxon 1945): both signs are equally likely.

    Zeros are left out; equal sizes share their mean rank. The smallest p of n differences is 2 / 2ⁿ: 0.0625 for five
    seeds, 0.03125 for six.

    Returns:
        None for a single difference; 1 if all are 0.
    """
    if len(differences) < 2:
        return None
    sizes = sorted((difference for difference in differences if difference), key=abs)
    doubled: list[int] = []  # ranks, doubled so that shared ones are whole numbers
    for _, group in groupby(sizes, key=abs):
        count = len(list(group))
        doubled += [2 * len(doubled) + count + 1] * count
    sums = Counter({0: 1})  # how many of the 2ⁿ sign patterns give each sum of positive ranks
    for rank in doubled:
        sums = sums + Counter({total + rank: ways for total, ways in sums.items()})
    observed = sum(rank for rank, size in zip(doubled, sizes, strict=True) if size > 0)
    least = min(observed, sum(doubled) - observed)
    tail = sum(ways for total, ways in sums.items() if total <= least)
    return float(min(1.0, 2 * tail / 2 ** len(doubled)))


def poisson_binomial(tasks: Sequence[tuple[float, float, int]]) -> float:
    """The probability that one algorithm is better than another on more than half of the tasks.

    The Poisson binomial test (Lacoste, Laviolette and Marchand 2012). Of n test examples of a task the algorithms
    differ on k₁₀ that only the first has right and k₀₁ that only the second has right; under a uniform prior the first
    has the smaller risk with probability q = P(θ > ½), θ ~ Beta(k₁₀ + 1, k₀₁ + 1). The number of tasks on which it is
    better is a sum of independent Bernoulli variables with these probabilities; as many as the other counts half, so
    that the probabilities of both orders sum to 1.

    Records have accuracies, not the examples that are right, so k₁₀ and k₀₁ are those of independent errors,
    n p (1 − p′) and n p′ (1 − p). Two classifiers of one task err on much the same examples: the true k are smaller,
    their difference is the same, and so the probabilities found here are nearer to a half.

    Args:
        tasks: of each the accuracy p of the first, p′ of the second, and n.
    """
    from scipy.special import betainc  # here: it takes 0.3 s, which tables without it need not wait for

    wins = [1.0]  # the probability of each number of tasks on which the first is better
    for ours, theirs, examples in tasks:
        only_ours, only_theirs = examples * ours * (1 - theirs), examples * theirs * (1 - ours)
        better = float(betainc(only_theirs + 1, only_ours + 1, 0.5))
        same, more = [p * (1 - better) for p in wins], [p * better for p in wins]
        wins = [one + other for one, other in zip([*same, 0.0], [0.0, *more], strict=True)]
    half = len(tasks) / 2
    return sum(p if number > half else p / 2 for number, p in enumerate(wins) if number >= half)


TESTS = {"paired_t": paired_t, "wilcoxon": wilcoxon}


def kendall(ours: Sequence[float], others: Sequence[float]) -> float | None:
    """The rank correlation τ-b of two scores of the same items (Kendall 1945); None where one of them is constant."""
    if len(set(ours)) < 2 or len(set(others)) < 2:
        return None
    from scipy.stats import kendalltau  # here: it takes a second, which tables without it need not wait for

    return float(kendalltau(ours, others).statistic)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """p-values corrected for their number, stepping down from the smallest (Holm 1979, section 3).

    The i-th smallest of m is multiplied by m − i + 1, is no smaller than those before it, and at most 1.

    Args:
        p_values: None stands for no test; it stays None and does not count.
    """
    tested = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for i, (p, place) in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - i) * p))
        adjusted[place] = largest
    return adjusted
