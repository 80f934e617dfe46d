"""Division of a user's examples into sources and a target, by what says which is which."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d
from torch import Tensor

from dann.data.domain import UNLABELLED, Domain, Split, Task, is_labelled, remove_labels
from dann.data.readers.example_arrays import ArrayFormat, to_array, to_examples
from dann.data.readers.label_numbers import read_number_array
from dann.data.readers.label_spellings import find_unlabelled
from dann.errors import BadInput

ORIGIN = "arrays in memory"


@dataclass(frozen=True)
class Labels:
    """The labels of N examples.

    Args:
        classes: the K different labels in their order, as the user wrote them; none of numbers.
        y: as of a ``Split``: the index of the class of each example, −1 where there is no label, or its number, NaN
            where there is none; shape ``(N,)``.
    """

    classes: NDArray[Any]
    y: Tensor


@dataclass(frozen=True)
class Sides:
    """Labelled sources and an unlabelled target.

    Args:
        classes: the labels that the class indices of the sources stand for; none of numbers.
        sources: one domain each.
        target: the sources without their labels where the user has named no target.
        has_target: whether the user has named one.
    """

    classes: NDArray[Any]
    sources: list[Domain]
    target: Domain
    has_target: bool


def divide_examples(
    x: Any, y: Any, x_target: Any, sample_domain: Any, form: ArrayFormat, task: Task = "classification"
) -> Sides:
    """Divide examples into sources and a target; no label of a target's example is read.

    Args:
        x: N examples, an array or a sparse matrix.
        y: their labels, shape ``(N,)``.
        x_target: the target's examples; None if they are among ``x``.
        sample_domain: the domain of each of ``x``, shape ``(N,)``: 0 and above for a source, below 0 for the target, as
            in skada; None if ``x_target`` has the target, or if the examples of ``x`` without a label are it.
        task: whether labels are classes or numbers.

    Raises:
        BadInput: both say which the target is, or there is no source.
        ValueError: lengths differ, or labels are none of the task.
    """
    if sample_domain is not None:
        if x_target is not None:
            raise BadInput("X_target: sample_domain says which examples are the target's: leave one of them out")
        domain = _read_domains(sample_domain)
        check_consistent_length(x, y, domain)
        labels = read_labels(y, task, domain >= 0)
    else:
        check_consistent_length(x, y)
        labels = read_labels(y, task)
        masked = ~is_labelled(labels.y).numpy()
        domain = np.where(masked, -1, 0) if x_target is None else np.zeros(len(masked), np.int64)
    numbers = np.unique(domain[domain >= 0]).tolist()
    names = ["source"] if len(numbers) == 1 else [f"source {number}" for number in numbers]
    classes = tuple(map(str, labels.classes.tolist()))
    sources = [
        _domain(name, x[domain == number], labels.y[torch.from_numpy(domain == number)], classes, form)
        for name, number in zip(names, numbers, strict=True)
    ]
    own = x_target if x_target is not None else x[domain < 0] if (domain < 0).any() else None
    given = x if own is None else own
    target = _domain("target", given, remove_labels(labels.y.new_empty(given.shape[0])), (), form)
    return Sides(labels.classes, sources, target, own is not None)


def _domain(name: str, x: Any, y: Tensor, classes: tuple[str, ...], form: ArrayFormat) -> Domain:
    return Domain(name, Split.of(to_examples(x, name, form), y), None, classes, ORIGIN)


def _read_domains(sample_domain: Any) -> NDArray[np.int64]:
    numbers = to_array(sample_domain, "sample_domain")
    if numbers.ndim != 1 or numbers.dtype.kind not in "iuf" or not np.array_equal(numbers, np.floor(numbers)):
        raise BadInput("sample_domain: write one whole number for each example, below 0 for those of the target")
    if not (numbers >= 0).any():
        raise BadInput("sample_domain: no number is 0 or above, so there is no source: number its examples from 0 on")
    if not (numbers < 0).any():
        raise BadInput("sample_domain: no number is below 0, so there is no target: number its examples -1")
    return numbers.astype(np.int64)


def read_labels(y: Any, task: Task, read: NDArray[np.bool_] | None = None) -> Labels:
    """Read labels; which mean that there is none is the rule of all readers (dann/data/README.md), NaN and None do.

    Args:
        y: integers, booleans or strings, or of a regression numbers, shape ``(N,)``.
        task: which of both.
        read: a mask of the examples whose labels are read; the others count as unlabelled.

    Raises:
        BadInput: no label is left.
        ValueError: the labels are none of the task.
    """
    labels = column_or_1d(to_array(y, "y"), warn=True)
    known = ~is_missing(labels)
    if read is not None:
        known &= read
    if not known.any():
        raise BadInput("y: no example has a label: give labels to the source's examples")
    return _read_classes(labels, known) if task == "classification" else _read_numbers(labels, known)


def _read_numbers(labels: NDArray[Any], known: NDArray[np.bool_]) -> Labels:
    values = torch.full((len(labels),), torch.nan)
    values[torch.from_numpy(known)] = read_number_array(labels[known], None, "y")
    return Labels(np.array([]), values)


def _read_classes(labels: NDArray[Any], known: NDArray[np.bool_]) -> Labels:
    if labels.dtype.kind == "f" and np.isinf(labels).any():
        raise BadInput("y: has infinite values: write integers or words, and NaN for no label")
    given = labels[known]
    if given.dtype.kind == "O" and not any(isinstance(label, str) for label in given):
        given = np.array(given.tolist())  # numbers beside None or NA
    check_classification_targets(given)
    values, places = np.unique(given, return_inverse=True)
    without = find_unlabelled([str(value) for value in values.tolist()])
    kept = np.array([str(value) not in without for value in values.tolist()])
    indices = np.full(len(labels), UNLABELLED, np.int64)
    indices[known] = np.where(kept, np.cumsum(kept) - 1, UNLABELLED)[places]
    return Labels(values[kept], torch.from_numpy(indices))


def find_masked(y: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.bool_]:
    """A mask of the labels that mean no label, where −1 does unless it is one of ``classes``.

    Args:
        y: labels, shape ``(N,)``.
        classes: the K labels of training.
    """
    known = set(classes.tolist())
    masked = {label: bool(find_unlabelled([str(label)])) for label in set(y[~is_missing(y)].tolist()) - known}
    return np.array(
        [missing or masked.get(label, False) for missing, label in zip(is_missing(y), y.tolist(), strict=True)]
    )


def is_missing(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """A mask of the labels that are NaN, None or pandas' NA."""
    if labels.dtype.kind not in "fO":
        return np.zeros(len(labels), bool)
    return np.array([value is None or type(value).__name__ == "NAType" or value != value for value in labels], bool)
