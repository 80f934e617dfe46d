"""Precision, recall and F1 of each class, from the confusion matrices in the records. Imports no torch."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_fscore_support

from dann.experiment import Experiment, slug
from dann.grids import Entry, Grid, Head, Line
from dann.records import Record

SPLITS = {"target_test": "target test", "source_test": "source test", "source_validation": "source validation"}
SCORES = ("precision", "recall", "F1")


def class_scores(counts: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """Precision, recall and F1 of each class, shape ``(3, K + 1)``: the first column is their plain mean.

    A class without an example has none (nan) and is left out of the mean, as in ``dann.metrics``.

    Args:
        counts: a confusion matrix, a row per true class, shape ``(K, K)``.
    """
    weights = np.array(counts)
    true, predicted = np.indices(weights.shape).reshape(2, -1)
    every = precision_recall_fscore_support(
        true, predicted, labels=range(len(weights)), sample_weight=weights.ravel(), zero_division=0.0
    )
    scores = np.array(every[:3], dtype=np.float64)
    there = weights.sum(axis=1) > 0
    scores[:, ~there] = np.nan
    return np.column_stack([scores[:, there].mean(axis=1), scores])


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
    lines = []
    for variant in experiment.variants:
        scores = [class_scores(record.confusion[split]) for record in runs if record.variant == variant]
        if scores:
            mean = np.mean(scores, axis=0).T.ravel()  # of each class its three scores in turn
            lines.append(Line(variant, [_entry(float(score)) for score in mean]))
    heads = [Head(score) for _ in ["macro", *classes] for score in SCORES]
    return Grid(name, title, "", heads, lines, groups=[(group, len(SCORES)) for group in ("macro average", *classes)])


def _entry(score: float) -> Entry:
    return Entry() if np.isnan(score) else Entry(f"{100 * score:.1f}", score)
