"""Conversion of a user's arrays to the examples of a split."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dann.data.readers.example_layout import Layout, images_to_channels_first, series_to_channels_first
from dann.errors import BadInput
from dann.files.input_limits import check_size

WHITE = 255.0  # the highest value of an image, whose lowest is 0
LEVEL = 1e-4  # values this near to a whole level are that level, as of an 8-bit image divided by 255
USUAL_RANGES = ((0, 1), (-1, 1), (0, 255), (0, 4095), (0, 10000), (0, 65535))  # suggested where they fit


@dataclass(frozen=True)
class ArrayFormat:
    """The format of a user's array, where its shape and type do not determine it.

    Args:
        layout: the order of the axes; None where the shape decides.
        range: the values of black and white of images that are not uint8, and of series and images of three axes the
            sign that they are images; None for uint8 images, vectors and series.
    """

    layout: Layout | None = None
    range: tuple[float, float] | None = None

    @classmethod
    def of_options(cls, options: Mapping[str, Any]) -> "ArrayFormat":
        """The format that the options of a data set state; of data sets without such options, the default one.

        Raises:
            BadInput: the range is empty.
        """
        stated = options.get("range")
        if stated is not None and not (len(stated) == 2 and stated[0] < stated[1]):
            raise BadInput(f"range is {list(stated)}: write the values of black and white, such as range: [0, 1]")
        return cls(options.get("layout"), None if stated is None else (float(stated[0]), float(stated[1])))


PLAIN = ArrayFormat()


def to_array(values: Any, where: str) -> NDArray[Any]:
    """Convert a tensor, an array, a sparse matrix, a table or a list to an array; ``where`` names it in the message."""
    try:
        if isinstance(values, Tensor):
            narrow = values.detach().cpu()
            return (narrow.float() if narrow.dtype == torch.bfloat16 else narrow).numpy()
        if callable(getattr(values, "toarray", None)):  # a matrix of scipy.sparse
            check_size(f"{where}: vectors of shape {values.shape}", math.prod(values.shape) * values.dtype.itemsize)
            return np.asarray(values.toarray())
        _check_columns(values, where)
        array = np.asarray(values)
        if array.dtype.kind == "O" and callable(getattr(values, "to_numpy", None)) and array.ndim == 2:
            return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))  # pandas' numbers with gaps
        return array
    except (TypeError, ValueError, RuntimeError) as error:
        raise BadInput(
            f"{where}: cannot be read as an array ({' '.join(str(error).split())}): save numbers or strings"
        ) from error


def _check_columns(values: Any, where: str) -> None:
    """Refuse the dates and durations of a data frame, which beside numbers would become billions of nanoseconds."""
    dtypes: Any = getattr(values, "dtypes", None)
    if not callable(getattr(dtypes, "items", None)):
        return
    if times := [str(name) for name, dtype in dtypes.items() if dtype.kind in "mM"]:
        raise BadInput(f"{where}: dates or durations in {', '.join(times)}: convert them to numbers, or drop them")


def to_examples(values: Any, where: str, format: ArrayFormat = PLAIN) -> Tensor:
    """Convert images to ``(N, C, H, W)``, vectors ``(N, D)`` and series ``(N, C, L)`` to float32.

    uint8 arrays of three or four dimensions are images and stay uint8. With a range, any numbers of three or four
    dimensions are images; they become float32 from 0 (black) to 255 (white). NaN in vectors and series is kept.

    Raises:
        BadInput: another shape or type, one that can be read in two ways, no examples, or infinite values.
    """
    array = to_array(values, where)
    if array.dtype.kind not in "biuf":
        raise BadInput(f"{where} holds {array.dtype} values, not numbers: save an array of numbers")
    if array.size == 0:
        raise BadInput(f"{where} has shape {array.shape}, so no examples: save at least one")
    series = array.ndim == 3 and format.layout in ("ncl", "nlc")
    if array.ndim in (3, 4) and not series and (array.dtype == np.uint8 or format.range is not None):
        images = images_to_channels_first(array, format.layout, where)
        return torch.from_numpy(_make_writable(_to_levels(images, format.range, where)))
    if array.ndim not in (2, 3) or (array.ndim == 3 and format.layout == "nhw"):
        raise BadInput(f"{where} has shape {array.shape} and type {array.dtype}: {_remedy(array)}")
    if format.range is not None:
        raise BadInput(f"{where} has shape {array.shape}, but range is for images: leave it out")
    if array.ndim == 3:
        array = series_to_channels_first(array, format.layout, where)
    with np.errstate(over="ignore"):
        x = torch.from_numpy(_make_writable(array.astype(np.float32, copy=False)))
    infinite = int(x.flatten(1).isinf().any(dim=1).sum())
    if infinite:
        raise BadInput(f"{where}: {infinite} of {len(x)} examples have infinite values: correct or remove them")
    return x


def _remedy(array: NDArray[Any]) -> str:
    if array.ndim not in (3, 4):
        return "save images (N, C, H, W) or vectors (N, D)"
    known = array[np.isfinite(array)] if np.isfinite(array).any() else np.zeros(1)
    low, high = float(known.min()), float(known.max())
    usual = next((each for each in USUAL_RANGES if each[0] <= low and high <= each[1]), (low, high))
    stated = f"range: [{usual[0]:g}, {usual[1]:g}]"
    return (
        f"its values are {low:g} to {high:g}: save images as uint8, or state what is black and white, such as {stated}"
    )


def _to_levels(images: NDArray[Any], range: tuple[float, float] | None, where: str) -> NDArray[Any]:
    """Images of a stated range in the levels of an 8-bit image, without rounding to them; others as they are."""
    if range is None or (images.dtype == np.uint8 and range == (0, WHITE)):
        return images
    if not np.isfinite(images).all():
        raise BadInput(f"{where} has pixels that are NaN or infinite: fill them in, or leave these images out")
    low, high = images.min(), images.max()
    if low < range[0] or high > range[1]:
        raise BadInput(
            f"{where} has values from {low:g} to {high:g}, outside range: [{range[0]:g}, {range[1]:g}]: state the "
            "range that all images share, or correct them"
        )
    levels = (images.astype(np.float64) - range[0]) * (WHITE / (range[1] - range[0]))
    whole = np.rint(levels)
    near = np.abs(levels - whole) < LEVEL
    return np.where(near, whole, levels).astype(np.float32)


def _make_writable(array: NDArray[Any]) -> NDArray[Any]:
    """The array itself where PyTorch can share its memory, else a copy."""
    shared = array.flags.writeable and all(step >= 0 for step in array.strides)
    return array if shared else array.copy()
