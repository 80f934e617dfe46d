"""Tables of precision, recall and F1 for each class, from the records' confusion matrices. Imports no torch."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_fscore_support

from dann.config.naming import slug
from dann.reporting.html.grids import Entry, Grid, Head, Line
from dann.reporting.html.provenance import Runs
from dann.runner.records import Record

SPLITS = {"target_test": "target test", "source_test": "source test", "source_validation": "source validation"}
SCORES = ("precision", "recall", "F1")


def class_scores(counts: Sequence[Sequence[Sequence[int]]]) -> NDArray[np.float64]:
    """Precision, recall and F1 of each class in each of R runs, ``(R, K + 1, 3)``: the first class is their plain mean.

    A class without an example has none (nan) and is left out of the mean, as in ``dann.evaluation.metrics``.

    Args:
        counts: confusion matrices, a row per true class, shape ``(R, K, K)``.
    """
    weights = np.array(counts)
    runs, classes, _ = weights.shape
    run, true, predicted = np.indices(weights.shape).reshape(3, -1)
    # One call, in which each run has classes of its own: scikit-learn spends most of its time on checks.
    every = precision_recall_fscore_support(
        run * classes + true,
        run * classes + predicted,
        labels=range(runs * classes),
        sample_weight=weights.ravel(),
        zero_division=0.0,
    )
    scores = np.stack(every[:3], axis=-1).reshape(runs, classes, 3)
    there = weights.sum(axis=2, keepdims=True) > 0
    mean = scores.mean(axis=1, where=there, keepdims=True)
    return np.concatenate([mean, np.where(there, scores, np.nan)], axis=1)


def class_grids(runs: Runs) -> list[Grid]:
    """A table for each task and split: means over seeds after the last step, a row per variant."""
    grids = []
    for task, (split, words) in product(runs.experiment.tasks or [None], SPLITS.items()):
        title = f"{task}: {words}" if task else words
        alike: dict[tuple[str, ...], list[Record]] = {}  # rows may have other data sets, and so other classes
        for record in runs.ours.records:
            if record.task == task and split in record.confusion:
                alike.setdefault(tuple(record.classes), []).append(record)
        for records in alike.values():
            of = f" of {', '.join(dict.fromkeys(record.variant for record in records))}" if len(alike) > 1 else ""
            grids.append(_grid(runs, records, split, title + of))
    return grids


def _grid(runs: Runs, records: Sequence[Record], split: str, title: str) -> Grid:
    """The table of records with the same classes."""
    classes, lines = records[0].classes, []
    scores = class_scores([record.confusion[split] for record in records])
    places: dict[str, list[int]] = {variant: [] for variant in runs.experiment.variants}
    for place, record in enumerate(records):
        places[record.variant].append(place)
    for variant, of_variant in places.items():
        if of_variant:
            mean = scores[of_variant].mean(axis=0).ravel()  # of each class its three scores in turn
            link = runs.link("", runs.numbers(records[place] for place in of_variant))
            lines.append(Line(variant, [_entry(float(score)) for score in mean], link=link))
    heads = [Head(score) for _ in ["macro", *classes] for score in SCORES]
    name = f"{runs.name}-classes-{slug(title)}"
    return Grid(name, title, "", heads, lines, groups=[(group, len(SCORES)) for group in ("macro average", *classes)])


def _entry(score: float) -> Entry:
    return Entry() if np.isnan(score) else Entry(f"{100 * score:.1f}", score)
