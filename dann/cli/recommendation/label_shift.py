"""Whether the classes have other shares in the target: the estimates, and what they allow to conclude."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dann.cli.recommendation.domain_gap import NAMED, SHOWN, Separation, separate
from dann.cli.recommendation.representations import Representation
from dann.evaluation.class_shares import (
    FOLDS,
    SOURCE,
    ShareEstimate,
    draw_shares,
    estimate_shares,
    find_shifted,
    predict_across,
)
from dann.reporting.advice import Listing, Part, Statement

CLEAR = 0.65  # accuracy of a domain classifier that the interval has to exclude before a difference is ruled out
MOST_CLASSES = 50  # of which shares are estimated: with more, the draws take minutes


@dataclass(frozen=True)
class LabelShift:
    """Whether the classes have other shares in the target.

    Args:
        is_likely: the intervals of both estimators exclude the source's share of a class, and the domains cannot be
            distinguished once the source is drawn with the estimated shares, as under pure label shift, by so many
            examples that a clear difference would have shown.
    """

    is_likely: bool
    part: Part


def estimate_shift(found: Representation, classes: Sequence[str]) -> LabelShift:
    """Estimate the class shares of the target by a classifier of a representation; the target has no label here."""
    title = "Whether class shares differ (label shift)"
    counts = np.bincount(found.labels, minlength=len(classes))
    rare = [name for name, count in zip(classes, counts, strict=True) if count < FOLDS]
    if rare or len(classes) > MOST_CLASSES:
        why = f"{rare[0]} has {counts.min()} source examples, {FOLDS} are needed" if rare else f"{len(classes)} classes"
        return LabelShift(False, Part(title, [Statement(f"Not estimated: {why}.")]))
    predictions = predict_across(found.source, found.labels, found.target)
    estimates = estimate_shares(predictions)
    shifted = find_shifted(estimates)
    left = _separate_after_drawing(found, estimates) if shifted else None
    likely = bool(shifted) and left is not None and left.is_at_chance and left.interval[1] <= CLEAR
    statements = [Statement(_conclude(shifted, left, estimates, counts / counts.sum(), classes))]
    limits = (
        f"Estimated with logistic regression by the {found.name}, which is {100 * predictions.accuracy:.0f} % accurate "
        "on source examples that it was not trained on. Bootstrap intervals (95 %) hold for all classes together.",
        "BBSE and MLLS assume that examples of a class look alike in both domains. Where they do not, errors on the "
        "target look like shifted shares, and neither the estimates nor their intervals can be trusted.",
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
        return "No label shift can be shown: for no class do both estimates exclude its share in the source."
    some = f"{len(shifted)} of {len(classes)} classes"
    if left is None:
        return f"Both estimates exclude the source's share of {some}; too few examples are left to check why."
    remaining = f"{100 * left.accuracy:.0f} % [{100 * left.interval[0]:.0f}–{100 * left.interval[1]:.0f}]"
    if not left.is_at_chance:
        return (
            f"Both estimates exclude the source's share of {some}, but the inputs differ too: with the source drawn in "
            f"the estimated shares, a classifier still identifies the domain of {remaining} of examples. So the "
            "estimates cannot be trusted here, and label shift is neither shown nor excluded."
        )
    if left.interval[1] > CLEAR:
        return (
            f"Both estimates exclude the source's share of {some}. With the source drawn in the estimated shares, a "
            f"classifier identifies the domain of {remaining} of examples: too few to exclude that the inputs differ "
            "too, so label shift is neither shown nor excluded."
        )
    named = "; ".join(
        f"class {classes[k]} {100 * source[k]:.0f} % in the source and, in the target, "
        + ", ".join(f"{_share(each, k)} by {name}" for name, each in estimates.items())
        for k in list(shifted)[:NAMED]
    )
    return (
        f"Label shift is likely: {named}. With the source drawn in the estimated shares, a classifier identifies "
        f"the domain of {remaining} of examples, which is chance: the shares explain all the difference that it finds."
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
    heads = ["class", "share in the source", *(f"in the target by {name}" for name in estimates)]
    return Listing(heads, lines).cut(SHOWN)
