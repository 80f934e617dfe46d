"""How far two domains are apart, which classes of the source overlap least, and whether class shares differ."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dann.cli.recommendation.representations import Features, Representation
from dann.evaluation.class_shares import (
    FOLDS,
    SOURCE,
    ShareEstimate,
    draw_shares,
    estimate_shares,
    find_shifted,
    predict_across,
)
from dann.evaluation.proxy_distance import DomainAnswers, linear_answers
from dann.evaluation.statistics import ExampleSet, bootstrap_interval
from dann.reporting.advice import Listing, Part, Statement

FEWEST = 20  # examples of each domain, half of which test: with fewer an interval is wider than the scale
NEARLY_ALL = 0.95  # accuracy of a domain classifier
NAMED, SHOWN = 4, 15  # classes in a sentence, and in a table
MOST_CLASSES = 50  # of which shares are estimated: with more, the draws take minutes
Interval = tuple[float, float]


@dataclass(frozen=True)
class Separation:
    """How well a linear classifier identifies the domain of examples that it was not trained on.

    Args:
        accuracy: 0.5 is chance.
        interval: of the accuracy, 95 % over test examples.
        of_class: for each class the held-out source examples, and how many of them are taken for target ones.
    """

    name: str
    accuracy: float
    interval: Interval
    of_class: dict[int, tuple[int, int]]

    @property
    def is_at_chance(self) -> bool:
        """Whether the interval reaches chance."""
        return self.interval[0] <= 0.5


def separate(name: str, source: Features, labels: NDArray[np.int64], target: Features) -> Separation | None:
    """Train and test a linear classifier on as many examples of either domain; None if there are too few."""
    count = min(len(source), len(target))
    if count < FEWEST:
        return None
    random = np.random.default_rng(0)
    kept = [random.permutation(len(each))[:count] for each in (source, target)]
    answers = linear_answers(source[kept[0]], target[kept[1]])
    accuracy = 1.0 - float(answers.wrong.mean())
    low, high = bootstrap_interval([ExampleSet(accuracy, len(answers.wrong), 1.0)])
    return Separation(name, accuracy, (low, high), _count_by_class(answers, labels[kept[0]]))


def _count_by_class(answers: DomainAnswers, labels: NDArray[np.int64]) -> dict[int, tuple[int, int]]:
    of_source = answers.places < len(labels)
    held_out, wrong = labels[answers.places[of_source]], answers.wrong[of_source]
    return {int(k): (int((held_out == k).sum()), int(wrong[held_out == k].sum())) for k in np.unique(held_out)}


def describe_gap(separations: Sequence[Separation | None], classes: Sequence[str]) -> Part:
    """The part of the report on distances and overlap; by the last representation for the classes."""
    found = [each for each in separations if each is not None]
    if not found:
        text = f"Not measured: fewer than {FEWEST} training examples of a domain."
        return Part("How far the domains are apart", [Statement(text)])
    statements = [Statement(_describe(each)) for each in found]
    statements.append(Statement(_name_extremes(found[-1], classes)))
    limits = (
        "The proxy A-distance is 2 (2 a − 1) for an accuracy of a: 0 at chance, 2 where every example shows its domain. "
        "Intervals are over test examples, with the classifier as it is.",
        "A distance compares sources for one target (results/ranking.md). It does not say what adaptation gains, nor that "
        "classes lie on classes.",
    )
    return Part("How far the domains are apart", statements, _list_overlap(found[-1], classes), limits)


def _describe(found: Separation) -> str:
    distance, low, high = (2 * (2 * a - 1) for a in (found.accuracy, *found.interval))
    if found.is_at_chance:
        meaning = "no difference between the domains can be shown, so there is nothing to align"
    elif found.interval[0] >= NEARLY_ALL:
        meaning = "nearly every example shows which domain it is from"
    else:
        meaning = "the domains differ, but overlap"
    return (
        f"By the {found.name}: a linear classifier identifies the domain of {100 * found.accuracy:.0f} % of held-out "
        f"examples [{100 * found.interval[0]:.0f}–{100 * found.interval[1]:.0f}], proxy A-distance {distance:.2f} "
        f"[{low:.2f} to {high:.2f}]: {meaning}."
    )


def _interval(count: int, part: int) -> Interval:
    low, high = (
        bootstrap_interval([ExampleSet(part / count, count, 1.0)]) if 0 < part < count else _one_sided(count, part)
    )
    return low, high


def _one_sided(count: int, part: int) -> Interval:
    """The exact 95 % interval of a share of 0 or 1, for which a bootstrap has no width (Clopper and Pearson 1934)."""
    reach = 1.0 - 0.025 ** (1 / count)
    return (0.0, reach) if part == 0 else (1.0 - reach, 1.0)


def _order(found: Separation) -> list[int]:
    """The classes, the one with the least overlap first."""
    return sorted(found.of_class, key=lambda k: found.of_class[k][1] / found.of_class[k][0])


def _name_extremes(found: Separation, classes: Sequence[str]) -> str:
    order = _order(found)
    intervals = {k: _interval(*found.of_class[k]) for k in order}
    most = order[-1]
    least = [k for k in order if intervals[k][1] < intervals[most][0]][:NAMED]
    if not least:
        return "Classes: none overlaps less with the target than another by more than chance, on so many examples."
    names = ", ".join(f"{classes[k]} ({_percent(found, k)})" for k in least)
    return (
        f"Classes that overlap least with the target: {names}; most: {classes[most]} ({_percent(found, most)}). In brackets "
        "the share of held-out source examples of the class that the classifier takes for target ones."
    )


def _percent(found: Separation, k: int) -> str:
    count, part = found.of_class[k]
    low, high = _interval(count, part)
    return f"{100 * part / count:.0f} % [{100 * low:.0f}–{100 * high:.0f}]"


def _list_overlap(found: Separation, classes: Sequence[str]) -> Listing:
    lines = [[classes[k], str(found.of_class[k][0]), _percent(found, k)] for k in _order(found)]
    more = [[f"and {len(lines) - SHOWN} more", "", ""]] if len(lines) > SHOWN else []
    return Listing(["class", "held-out source examples", "taken for target"], [*lines[:SHOWN], *more])


@dataclass(frozen=True)
class LabelShift:
    """Whether the classes have other shares in the target.

    Args:
        is_likely: the intervals of both estimators exclude the source's share of a class, and the domains cannot be
            distinguished once the source is drawn with the estimated shares, as under pure label shift.
    """

    is_likely: bool
    part: Part


def estimate_shift(found: Representation, classes: Sequence[str]) -> LabelShift:
    """Estimate the class shares of the target by a classifier of a representation; the target has no label here."""
    title = "Whether class shares differ (label shift)"
    counts = np.bincount(found.labels, minlength=len(classes))
    rare = [classes[k] for k in np.flatnonzero(counts < FOLDS)]
    if rare or len(classes) > MOST_CLASSES:
        why = f"{rare[0]} has {counts.min()} source examples, {FOLDS} are needed" if rare else f"{len(classes)} classes"
        return LabelShift(False, Part(title, [Statement(f"Not estimated: {why}.")]))
    predictions = predict_across(found.source, found.labels, found.target)
    estimates = estimate_shares(predictions)
    shifted = find_shifted(estimates)
    left = _separate_after_drawing(found, estimates) if shifted else None
    likely = bool(shifted) and left is not None and left.is_at_chance
    statements = [Statement(_conclude(shifted, left, estimates, counts / counts.sum(), classes))]
    limits = (
        f"Estimated with logistic regression by the {found.name}, {100 * predictions.accuracy:.0f} % accurate on source "
        "examples that it was not trained on. Intervals are bootstrap intervals that hold for all classes together (95 %).",
        "BBSE and MLLS assume that examples of a class look alike in both domains. Where they do not, errors on the target "
        "look like shifted shares, and neither the estimates nor their intervals can be trusted.",
    )
    return LabelShift(likely, Part(title, statements, _list_shares(estimates, counts / counts.sum(), classes), limits))


def _separate_after_drawing(found: Representation, estimates: dict[str, ShareEstimate]) -> Separation | None:
    """The separation of the domains once the source is drawn with the shares of the first estimate."""
    shares = next(iter(estimates.values())).shares.values
    kept = draw_shares(found.labels, shares)
    return separate(SOURCE, found.source[kept], found.labels[kept], found.target)


def _conclude(
    shifted: Sequence[int],
    left: Separation | None,
    estimates: dict[str, ShareEstimate],
    source: NDArray[np.float64],
    classes: Sequence[str],
) -> str:
    if not shifted:
        return (
            "No label shift can be shown: for no class do both estimates exclude the share that it has in the source."
        )
    named = "; ".join(
        f"{classes[k]} {100 * source[k]:.0f} % in the source, "
        + ", ".join(f"{name} {_share(each, k)}" for name, each in estimates.items())
        for k in list(shifted)[:NAMED]
    )
    if left is None:
        return f"Shares differ by both estimates ({named}), but too few examples are left to check their assumption."
    remaining = f"{100 * left.accuracy:.0f} % [{100 * left.interval[0]:.0f}–{100 * left.interval[1]:.0f}]"
    if left.is_at_chance:
        return (
            f"Label shift is likely: {named}. With the source drawn in these shares, a classifier identifies the domain of "
            f"{remaining} of examples, which is chance: the shares explain the whole difference that it can find."
        )
    return (
        f"Shares differ by both estimates ({named}), but so do the inputs: with the source drawn in these shares, a "
        f"classifier still identifies the domain of {remaining} of examples. Label shift is then neither shown nor excluded."
    )


def _share(estimate: ShareEstimate, k: int) -> str:
    shares = estimate.shares
    ends = [100 * min(max(float(end[k]), 0.0), 1.0) for end in (shares.low, shares.high)]
    return f"{100 * shares.values[k]:.0f} % [{ends[0]:.0f}–{ends[1]:.0f}]"


def _list_shares(estimates: dict[str, ShareEstimate], source: NDArray[np.float64], classes: Sequence[str]) -> Listing:
    lines = [
        [classes[k], f"{100 * source[k]:.0f} %", *(_share(each, k) for each in estimates.values())]
        for k in range(len(classes))
    ]
    more = [[f"and {len(lines) - SHOWN} more", *[""] * (1 + len(estimates))]] if len(lines) > SHOWN else []
    heads = ["class", "share in the source", *(f"in the target by {name}" for name in estimates)]
    return Listing(heads, [*lines[:SHOWN], *more])
