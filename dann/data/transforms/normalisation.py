"""Means and deviations by which inputs are normalised."""

import math

import torch
from torch import Tensor

from dann.data.domain import Split
from dann.data.transforms.transform_options import Normalisation

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
EXAMINED = 2**28  # values of a domain from which its statistics are taken: all of MNIST, 5461 photos of 128 × 128
CHUNK = 64


def normalising_statistics(normalise: Normalisation, reference: Split, images: bool) -> tuple[Tensor, Tensor]:
    """Mean and deviation that broadcast against a batch; of images in units of 1.

    Args:
        normalise: the option of an experiment file.
        reference: the training examples that statistics are taken from.
        images: whether the examples are images.
    """
    if normalise == "half":
        return torch.tensor(0.5), torch.tensor(0.5)
    if normalise == "imagenet":
        return torch.tensor(IMAGENET[0]).reshape(1, 3, 1, 1), torch.tensor(IMAGENET[1]).reshape(1, 3, 1, 1)
    if normalise in {"none", "instance"} or (normalise == "mean" and not images):
        return torch.tensor(0.0), torch.tensor(1.0)
    if normalise == "mean_image":
        mean = _mean_image(reference)
        return mean, torch.ones_like(mean)
    mean, variance = _moments(reference, images, squared=normalise != "mean")
    if normalise == "mean":
        return mean, torch.ones_like(mean)
    return mean, variance.sqrt().where(variance > 1e-12, 1.0)  # a feature that never varies is not divided


def normalise_instances(x: Tensor) -> Tensor:
    """Each channel of each example less its mean, by its standard deviation; a constant channel is 0.

    Shu et al. 2018, section 6 (instance normalisation of the input).

    Args:
        x: images or series, uint8 or float, shape ``(N, C, H, W)`` or ``(N, C, L)``.

    Returns:
        float32; images are channels last.
    """
    axes = tuple(range(2, x.ndim))
    if x.ndim == 4:
        x = x.contiguous(memory_format=torch.channels_last)
    # Less a value of its own first: a constant channel is then exactly 0, and so is its deviation.
    x = x.float() - (x[:, :, :1, :1] if x.ndim == 4 else x[:, :, :1]).float()
    x = x - x.mean(dim=axes, keepdim=True)
    deviation = x.square().mean(dim=axes, keepdim=True).sqrt()
    return x / deviation.where(deviation > 0, 1.0)


def _mean_image(reference: Split) -> Tensor:
    """Mean over images, in units of 1, shape ``(1, C, H, W)``, in float64."""
    shape = reference.store.shape
    examined = reference.spread(max(1, EXAMINED // math.prod(shape)))
    total = torch.zeros(shape, dtype=torch.float64)
    for rows in torch.split(examined.rows, CHUNK):
        total += examined.store.read(rows).double().sum(dim=0)
    return total[None] / (255 * len(examined))


def _moments(reference: Split, images: bool, squared: bool) -> tuple[Tensor, Tensor]:
    """Mean and variance over examples and places, shape ``(1, C, 1, 1)``, ``(1, C, 1)`` or ``(1, D)``, in float64.

    Args:
        squared: whether the variance is needed; it is 0 otherwise.
    """
    shape = reference.store.shape
    examined = reference.spread(max(1, EXAMINED // math.prod(shape)))
    axes, total, squares = list(range(2, 1 + len(shape))), torch.zeros(1), torch.zeros(1)
    for rows in torch.split(examined.rows, CHUNK):
        x = examined.store.read(rows)
        # The sum of one image's values is exact in float32 up to 256 × 256 pixels, so their order does not matter.
        x = x.to(torch.float32 if images else torch.float64)
        total = total + (x.sum(dim=axes) if axes else x).double().sum(dim=0)
        if squared:
            squares = squares + (x.double().square().sum(dim=axes) if axes else x.square()).sum(dim=0)
    size, unit = len(examined) * math.prod(shape[1:]), 255.0 if images else 1.0
    mean = (total / size).reshape(1, shape[0], *[1] * len(axes))
    mean_square = (squares / size).reshape(mean.shape) if squared else mean.square()
    return mean / unit, (mean_square - mean.square()).clamp(min=0) / unit**2
