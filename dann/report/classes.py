"""Precision, recall and F1 of each class, from the confusion matrices in the records. Imports no torch."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_fscore_support

from dann.experiment import Experiment, slug
from dann.records import Record
from dann.report.grids import Entry, Grid, Head, Line

SPLITS = {"target_test": "target test", "source_test": "source test", "source_validation": "source validation"}
SCORES = ("precision", "recall", "F1")


def class_scores(counts: Sequence[Sequence[Sequence[int]]]) -> NDArray[np.float64]:
    """Precision, recall and F1 of each class in each of R runs, ``(R, K + 1, 3)``: the first class is their plain mean.

    A class without an example has none (nan) and is left out of the mean, as in ``dann.metrics``.

    Args:
        counts: confusion matrices, a row per true class, shape ``(R, K, K)``.
    """
    weights = np.array(counts)
    runs, classes, _ = weights.shape
    run, true, predicted = np.indices(weights.shape).reshape(3, -1)
    # One call, in which each run has classes of its own: scikit-learn's checks take far longer than its counting.
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


def class_grids(experiment: Experiment, records: Sequence[Record], prefix: str) -> list[Grid]:
    """For each task and split a table of the means over seeds, a row per variant, after the last step.

    Args:
        prefix: begins the tables' names.
    """
    grids = []
    for task in experiment.tasks or [None]:
        runs = [record for record in records if record.task == task]
        for split, words in SPLITS.items():
            if any(split in record.confusion for record in runs):
                title = f"{task}: {words}" if task else words
                grids.append(_grid(experiment, runs, split, title, f"{prefix}-{slug(title)}"))
    return grids


def _grid(experiment: Experiment, records: Sequence[Record], split: str, title: str, name: str) -> Grid:
    runs = [record for record in records if split in record.confusion]
    classes = runs[0].classes
    scores = class_scores([record.confusion[split] for record in runs])
    lines = []
    for variant in experiment.variants:
        of_variant = [record.variant == variant for record in runs]
        if any(of_variant):
            mean = scores[of_variant].mean(axis=0).ravel()  # of each class its three scores in turn
            lines.append(Line(variant, [_entry(float(score)) for score in mean]))
    heads = [Head(score) for _ in ["macro", *classes] for score in SCORES]
    return Grid(name, title, "", heads, lines, groups=[(group, len(SCORES)) for group in ("macro average", *classes)])


def _entry(score: float) -> Entry:
    return Entry() if np.isnan(score) else Entry(f"{100 * score:.1f}", score)
