"""Conversion of a user's arrays to the examples of a split."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dann.errors import BadInput


def to_array(values: Any, where: str) -> NDArray[Any]:
    """Convert a tensor, an array or a list to an array; ``where`` names it in the message."""
    try:
        if isinstance(values, Tensor):
            narrow = values.detach().cpu()
            return (narrow.float() if narrow.dtype == torch.bfloat16 else narrow).numpy()
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise BadInput(
            f"{where}: cannot be read as an array ({' '.join(str(error).split())}): save numbers or strings"
        ) from error


def to_examples(values: Any, where: str) -> Tensor:
    """Convert images to uint8 ``(N, C, H, W)``, vectors ``(N, D)`` and series ``(N, C, L)`` to float32.

    uint8 arrays of three or four dimensions are images, grey or with their channels first or last. NaN is kept.

    Raises:
        BadInput: another shape or type, one that can be read in two ways, no examples, or infinite values.
    """
    array = to_array(values, where)
    if array.dtype.kind not in "biuf":
        raise BadInput(f"{where} holds {array.dtype} values, not numbers: save an array of numbers")
    if array.size == 0:
        raise BadInput(f"{where} has shape {array.shape}, so no examples: save at least one")
    if array.dtype == np.uint8 and array.ndim in (3, 4):
        return torch.from_numpy(_make_writable(_to_channels_first(array, where)))
    if array.ndim not in (2, 3):
        remedy = "save images as uint8, 0 to 255" if array.ndim == 4 else "save images (N, C, H, W) or vectors (N, D)"
        raise BadInput(f"{where} has shape {array.shape} and type {array.dtype}: {remedy}")
    with np.errstate(over="ignore"):
        x = torch.from_numpy(_make_writable(array.astype(np.float32, copy=False)))
    infinite = int(x.flatten(1).isinf().any(dim=1).sum())
    if infinite:
        raise BadInput(f"{where}: {infinite} of {len(x)} examples have infinite values: correct or remove them")
    return x


def _make_writable(array: NDArray[Any]) -> NDArray[Any]:
    """The array itself where PyTorch can share its memory, else a copy."""
    shared = array.flags.writeable and all(step >= 0 for step in array.strides)
    return array if shared else array.copy()


def _to_channels_first(images: NDArray[np.uint8], where: str) -> NDArray[np.uint8]:
    first, last = images.shape[1] in (1, 3), images.shape[-1] in (1, 3)
    if images.ndim == 3 and not first and not last:
        return images[:, None]
    if images.ndim == 3 or (first and last):
        raise BadInput(
            f"{where} has shape {images.shape}, in which the channels could be at either end or missing: save images "
            "as (N, C, H, W) with sides longer than 3, or vectors and series as float32"
        )
    if not first and not last:
        raise BadInput(
            f"{where} has shape {images.shape}: neither its second nor its last size is 1 or 3: save grey or RGB images"
        )
    return images if first else images.transpose(0, 3, 1, 2)
