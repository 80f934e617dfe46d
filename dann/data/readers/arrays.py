"""Arrays and labels as users have them → what a split holds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dann.data.domain import UNLABELLED
from dann.errors import BadInput

Labels = tuple[NDArray[Any], NDArray[np.bool_]]  # integers or strings, and which of them are labels


def as_array(values: Any, where: str) -> NDArray[Any]:
    """A tensor, an array or a list as an array."""
    try:
        if isinstance(values, Tensor):
            narrow = values.detach().cpu()
            return (narrow.float() if narrow.dtype == torch.bfloat16 else narrow).numpy()
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise BadInput(f"{where}: cannot be read as an array ({' '.join(str(error).split())})") from error


def examples(values: Any, where: str) -> Tensor:
    """Images as uint8 ``(N, C, H, W)``; vectors ``(N, D)`` or series ``(N, C, L)`` as float32.

    uint8 arrays of three or four dimensions are images, grey or with their channels first or last. NaN is kept.

    Raises:
        BadInput: another shape or type, one that can be read in two ways, no examples, or infinite values.
    """
    array = as_array(values, where)
    if array.dtype.kind not in "biuf":
        raise BadInput(f"{where} holds {array.dtype} values, not numbers: save an array of numbers")
    if array.size == 0:
        raise BadInput(f"{where} has shape {array.shape}, so no examples: save at least one")
    if array.dtype == np.uint8 and array.ndim in (3, 4):
        return torch.from_numpy(_writable(_channels_first(array, where)))
    if array.ndim not in (2, 3):
        remedy = "save images as uint8, 0 to 255" if array.ndim == 4 else "save images (N, C, H, W) or vectors (N, D)"
        raise BadInput(f"{where} has shape {array.shape} and type {array.dtype}: {remedy}")
    with np.errstate(over="ignore"):
        x = torch.from_numpy(_writable(array.astype(np.float32, copy=False)))
    infinite = int(x.flatten(1).isinf().any(dim=1).sum())
    if infinite:
        raise BadInput(f"{where}: {infinite} of {len(x)} examples have infinite values: correct or remove them")
    return x


def _writable(array: NDArray[Any]) -> NDArray[Any]:
    """The array itself where PyTorch can share its memory, else a copy."""
    shared = array.flags.writeable and all(step >= 0 for step in array.strides)
    return array if shared else array.copy()


def _channels_first(images: NDArray[np.uint8], where: str) -> NDArray[np.uint8]:
    first, last = images.shape[1] in (1, 3), images.shape[-1] in (1, 3)
    if images.ndim == 3 and not first and not last:
        return images[:, None]
    if images.ndim == 3 or (first and last):
        raise BadInput(
            f"{where} has shape {images.shape}, in which the channels could be at either end or missing: save images "
            "as (N, C, H, W) with sides longer than 3, or vectors and series as float32"
        )
    if not first and not last:
        raise BadInput(f"{where} has shape {images.shape}: neither its second nor its last size is 1 or 3 channels")
    return images if first else images.transpose(0, 3, 1, 2)


def indexed(
    parts: Sequence[tuple[str, Any]], classes: Sequence[str] | None = None
) -> tuple[list[Tensor], tuple[str, ...]]:
    """The labels of several parts as class indices, −1 where there is none, and the names of the classes.

    Labels are integers or strings; −1, NaN, None and empty strings say that an example has none. Without ``classes``
    those that occur are taken, numbers by value before other strings; with it, integers are indices into it.

    Args:
        parts: the places that labels come from, for messages, and the labels.

    Raises:
        BadInput: labels of two kinds, not integers, or not among the classes; ambiguous −1 and 1.
    """
    places = [where for where, _ in parts]
    read = [_labels(labels, where) for where, labels in parts]
    present = [values[labelled] for values, labelled in read if labelled.any()]
    if len({values.dtype.kind for values in present}) > 1:
        raise BadInput(f"{' and '.join(places)}: integers in one and strings in the other: write both alike")
    occurring = np.unique(np.concatenate(present)) if present else np.empty(0, np.int64)
    if classes is not None:
        names = _class_names(classes, places[0])
        known = np.array(names) if occurring.dtype.kind == "U" else np.arange(len(names))
    else:
        if occurring.tolist() in ([1], ["1"]) and not all(labelled.all() for _, labelled in read):
            raise BadInput(f"{' and '.join(places)}: labels -1 and 1, but -1 means unlabelled: write 0 and 1")
        known = np.array(sorted(occurring.tolist(), key=_rank)) if present else occurring
        names = tuple(map(str, known.tolist()))
    return [_index(*labels, known, where) for where, labels in zip(places, read, strict=True)], names


def _rank(label: int | str) -> tuple[bool, int, str]:
    number = isinstance(label, int) or label.isdecimal()
    return not number, int(label) if number else 0, str(label)


def _labels(labels: Any, where: str) -> Labels:
    array = as_array(labels, where)
    if array.ndim != 1:
        raise BadInput(f"{where} has shape {array.shape}: save one label for each example, shape (N,)")
    if array.dtype.kind == "O":
        array = _from_objects(array, where)
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind == "U":
        array = np.char.strip(array)
        return array, (array != "") & (array != str(UNLABELLED))
    if array.dtype.kind not in "biuf":
        raise BadInput(f"{where} holds {array.dtype} values: labels are integers or strings")
    numbers = array.astype(np.float64)
    numbers[np.isnan(numbers)] = UNLABELLED
    wrong = ~((numbers >= UNLABELLED) & (numbers < 2**31) & (numbers == np.floor(numbers)))
    if wrong.any():
        raise BadInput(f"{where}: {array[wrong][0]} is no label: write integers from 0, or -1 for none")
    return numbers.astype(np.int64), numbers != UNLABELLED


def _from_objects(array: NDArray[np.object_], where: str) -> NDArray[Any]:
    """Python's own integers or strings, among which None and NaN say that there is no label."""
    values = array.tolist()
    missing = [value is None or value != value for value in values]
    kinds = {type(value) for value, none in zip(values, missing, strict=True) if not none}
    if not (kinds <= {int} or kinds <= {str}):
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise BadInput(f"{where} holds values of the types {names}: labels are integers or strings")
    none = "" if kinds == {str} else UNLABELLED
    return np.array([none if lacks else value for value, lacks in zip(values, missing, strict=True)])


def _class_names(classes: Sequence[str], where: str) -> tuple[str, ...]:
    given = as_array(classes, where)
    if given.ndim != 1 or given.dtype.kind != "U":
        raise BadInput(f"{where}: classes are {given.dtype} values of shape {given.shape}: give a list of names")
    names = tuple(name.strip() for name in given.tolist())
    if not names or "" in names or len(set(names)) < len(names):
        raise BadInput(f"{where}: classes are {', '.join(map(repr, names))}: give each class a name of its own")
    return names


def _index(values: NDArray[Any], labelled: NDArray[np.bool_], known: NDArray[Any], where: str) -> Tensor:
    """The places of ``values`` in ``known``, −1 where there is no label."""
    index = np.full(len(values), UNLABELLED, np.int64)
    if labelled.any():
        order = np.argsort(known)
        index[labelled] = order[np.searchsorted(known, values[labelled], sorter=order).clip(max=len(known) - 1)]
        wrong = labelled & (known[index] != values)
        if wrong.any():
            raise BadInput(f"{where}: label {values[wrong][0]!s} is not one of the {len(known)} classes")
    return torch.from_numpy(index)
