"""How far two domains are apart, and which classes of the source overlap least with the target."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dann.cli.recommendation.representations import Features
from dann.evaluation.proxy_distance import DomainAnswers, linear_answers, network_answers
from dann.evaluation.statistics import ExampleSet, bootstrap_interval
from dann.reporting.advice import Listing, Part, Statement

FEWEST = 20  # examples of each domain, half of which test: with fewer an interval is wider than the scale
NEARLY_ALL = 0.95  # accuracy of a domain classifier
FEW_OF_CLASS = 5  # held-out examples of a class, from which it is compared
HARDLY = 0.05  # share of source examples that are taken for target ones
NAMED, SHOWN = 4, 15  # classes in a sentence, and in a table
CLASSIFIERS: dict[str, Callable[[Features, Features], DomainAnswers]] = {
    "linear classifier": linear_answers,
    "small network": network_answers,
}
Interval = tuple[float, float]


@dataclass(frozen=True)
class Separation:
    """How well a classifier identifies the domain of examples that it was not trained on.

    Args:
        name: of the representation.
        classifier: the better of a linear one and a small network.
        accuracy: 0.5 is chance.
        interval: of the accuracy, 95 % over test examples.
        of_class: for each class the held-out source examples, and how many of them are taken for target ones.
    """

    name: str
    classifier: str
    accuracy: float
    interval: Interval
    of_class: dict[int, tuple[int, int]]

    @property
    def is_at_chance(self) -> bool:
        """Whether the interval reaches chance."""
        return self.interval[0] <= 0.5


def separate(name: str, source: Features, labels: NDArray[np.int64], target: Features) -> Separation | None:
    """Train and test two classifiers on as many examples of either domain; None if there are too few.

    Of the two the better one counts: a linear one misses differences that are not linear, such as that of a rotation,
    and a small network may miss others where examples are few.
    """
    count = min(len(source), len(target))
    if count < FEWEST:
        return None
    random = np.random.default_rng(0)
    kept = [random.permutation(len(each))[:count] for each in (source, target)]
    found = {word: answer(source[kept[0]], target[kept[1]]) for word, answer in CLASSIFIERS.items()}
    classifier = min(found, key=lambda word: found[word].wrong.mean())  # the linear one where they tie
    answers = found[classifier]
    accuracy = 1.0 - float(answers.wrong.mean())
    low, high = bootstrap_interval([ExampleSet(accuracy, len(answers.wrong), 1.0)])
    return Separation(name, classifier, accuracy, (low, high), _count_by_class(answers, labels[kept[0]]))


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
        "The proxy A-distance is 2 (2 a − 1) for an accuracy of a: 0 at chance, 2 where every example shows its "
        "domain. Intervals (95 %) are over test examples, with the classifier as it is: the better of a linear one and "
        "a small network.",
        "A distance compares sources for one target (results/ranking.md). It does not say what adaptation gains, nor "
        "whether a class lies on the same class. Examples of a class that is more frequent in the target are taken for "
        "target ones more often.",
    )
    return Part("How far the domains are apart", statements, _list_overlap(found[-1], classes), limits)


def judge(found: Separation) -> str:
    """What an accuracy and its interval mean, in words."""
    if found.is_at_chance:
        return "no difference between the domains can be shown"
    if found.interval[0] >= NEARLY_ALL:
        return "nearly every example shows which domain it is from"
    return "the domains differ, but overlap"


def _describe(found: Separation) -> str:
    distance, low, high = (2 * (2 * a - 1) for a in (found.accuracy, *found.interval))
    return (
        f"By the {found.name}: a {found.classifier} identifies the domain of {100 * found.accuracy:.0f} % of held-out "
        f"examples [{100 * found.interval[0]:.0f}–{100 * found.interval[1]:.0f}], proxy A-distance {distance:.2f} "
        f"[{low:.2f} to {high:.2f}]: {judge(found)}."
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
    order = [k for k in _order(found) if found.of_class[k][0] >= FEW_OF_CLASS]
    if not order:
        return f"Classes: none has {FEW_OF_CLASS} held-out source examples, too few to compare them."
    intervals = {k: _interval(*found.of_class[k]) for k in order}
    most = order[-1]
    least = [k for k in order if intervals[k][1] < intervals[most][0]][:NAMED]
    if sum(part for _, part in found.of_class.values()) <= HARDLY * sum(count for count, _ in found.of_class.values()):
        return "Classes: none overlaps with the target, as hardly any source example is taken for a target one."
    if not least:
        return "Classes: none overlaps less with the target than another by more than chance, on so many examples."
    names = ", ".join(f"{classes[k]} ({_percent(found, k)})" for k in least)
    return (
        f"Classes that overlap least with the target: {names}; most: {classes[most]} ({_percent(found, most)}). In "
        "brackets the share of a class's held-out source examples that the classifier takes for target ones."
    )


def _percent(found: Separation, k: int) -> str:
    count, part = found.of_class[k]
    low, high = _interval(count, part)
    return f"{100 * part / count:.0f} % [{100 * low:.0f}–{100 * high:.0f}]"


def _list_overlap(found: Separation, classes: Sequence[str]) -> Listing:
    lines = [[classes[k], str(found.of_class[k][0]), _percent(found, k)] for k in _order(found)]
    return Listing(["class", "held-out source examples", "taken for target"], lines).cut(SHOWN)
