"""Examples as users give them: paths of images, a data set of PyTorch, or whatever becomes an array."""

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, IterableDataset

from dann.data.readers.example_arrays import to_array
from dann.data.readers.image_files import decode_image
from dann.errors import BadInput


def collect_examples(given: Any, image_size: int) -> tuple[Any, Any]:
    """Examples as scikit-learn's checks take them, and their labels if ``given`` has any, else None.

    Args:
        given: paths of image files, which are stretched to squares of RGB as by the data set ``csv``; a map-style data
            set whose items are examples, or examples and labels; or an array, a tensor, a data frame, a sparse matrix.
        image_size: H and W of decoded images.

    Raises:
        BadInput: an image cannot be read, or the items of a data set differ in shape.
    """
    if isinstance(given, Dataset):
        return _collect_items(given)
    if (paths := _find_paths(given)) is not None:
        return np.stack([decode_image(path, image_size, "squash").transpose(2, 0, 1) for path in paths]), None
    return (to_array(given, "X") if isinstance(given, torch.Tensor) else given), None


def _find_paths(given: Any) -> list[Path] | None:
    """The paths in a list, an array or a column of a data frame; None if it holds anything else."""
    if not isinstance(given, list | tuple) and getattr(given, "ndim", 0) != 1:
        return None
    values = given.tolist() if hasattr(given, "tolist") else list(given)
    return (
        [Path(each) for each in values] if values and all(isinstance(each, str | PathLike) for each in values) else None
    )


def _collect_items(dataset: Dataset[Any]) -> tuple[NDArray[Any], list[Any] | None]:
    size = None if isinstance(dataset, IterableDataset) else getattr(dataset, "__len__", lambda: None)()
    if not size:
        raise BadInput("X: a data set without a length, or an empty one: give one of the map style with items")
    items = [dataset[place] for place in range(size)]
    labelled = isinstance(items[0], tuple | list)
    examples = [to_array(item[0] if labelled else item, "X") for item in items]
    if shapes := {example.shape for example in examples} - {examples[0].shape}:
        raise BadInput(f"X: examples of shapes {examples[0].shape} and {shapes.pop()}: make them alike")
    return np.stack(examples), [_to_plain(item[1]) for item in items] if labelled and len(items[0]) > 1 else None


def _to_plain(label: Any) -> Any:
    return label.item() if isinstance(label, torch.Tensor | np.generic) else label
