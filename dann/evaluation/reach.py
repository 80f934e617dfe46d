"""Where the mean of a score over a numeric axis first reaches a level, with a bootstrap interval. Imports no torch."""

import math
from collections.abc import Mapping, Sequence

from dann.evaluation.statistics import RESAMPLES


def reach(values: Sequence[float], curve: Sequence[float], level: float) -> float:
    """The smallest value at which a curve is at or above a level, infinite if it nowhere is.

    Between two points the curve is linear in log(1 + value): each doubling of a number of labels counts alike, and 0
    has a place. No curve is extrapolated.

    Args:
        values: increasing, from 0 on.
        curve: the score at each of them.
    """
    if curve[0] >= level:
        return values[0]
    for at in range(1, len(values)):
        if curve[at] >= level:
            low, high = math.log1p(values[at - 1]), math.log1p(values[at])
            share = (level - curve[at - 1]) / (curve[at] - curve[at - 1])
            return math.expm1(low + share * (high - low))
    return math.inf


def bootstrap_reach(
    values: Sequence[float], curve: Sequence[Mapping[int, float]], level: Mapping[int, float], share: float = 0.95
) -> tuple[float, list[float] | None]:
    """Where the mean curve over seeds reaches a mean level, and the ends of its percentile bootstrap interval.

    Seeds are drawn with replacement (Efron 1979), the same for all points and for the level, as runs of one seed have
    their source batches in common. The interval has an infinite end where so many draws reach the level nowhere; its
    ends are draws, not interpolated between them.

    Args:
        curve: the score by seed at each value.
        level: the score by seed that is to be reached.
        share: of the draws within the interval.

    Returns:
        The value, and its interval; None for a single seed.

    Raises:
        ValueError: no seed has all scores.
    """
    import numpy as np  # here: tables without such intervals need not wait for it

    seeds = sorted(set(level).intersection(*curve))
    if not seeds:
        raise ValueError("no seed has a score at each value")
    scores = np.array([[point[seed] for seed in seeds] for point in [*curve, level]])
    whole = scores.mean(axis=1)
    found = reach(values, list(whole[:-1]), whole[-1])
    if len(seeds) < 2:
        return found, None
    drawn = np.random.RandomState(0).randint(len(seeds), size=(RESAMPLES, len(seeds)))  # the same table each time
    means = scores[:, drawn].mean(axis=2).T
    reached = np.sort([reach(values, list(each[:-1]), each[-1]) for each in means])
    ends = [(1 - share) / 2, (1 + share) / 2]
    return found, [float(reached[math.ceil(end * RESAMPLES) - 1]) for end in ends]
