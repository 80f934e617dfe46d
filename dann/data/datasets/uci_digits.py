"""UCI digits and their blend with photos: real data that scikit-learn ships, so nothing is downloaded."""

from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch.nn import functional as F

from dann.data.datasets.mnist_m_recipe import Pixels, blend
from dann.data.domain import Domain, Split

Side = Annotated[int, Field(ge=1, le=4096)]
CLASSES = tuple("0123456789")
TEST_SHARE = 0.25


def digits(*, size: Side = 16) -> Domain:
    """UCI handwritten digits, the source half: 674 + 224 grey images (Alpaydin and Kaynak 1998).

    The 1797 images of 8 × 8 pixels that scikit-learn ships are split by one fixed permutation into two halves, this
    one and that of ``digits_m``, so that no image is in both; each half keeps a quarter for its test.

    Shape ``(N, 1, size, size)``, values 0 to 255, black ground. Licence: CC BY 4.0, as UCI states. E. Alpaydin,
    C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine Learning Repository, 1998.

    Args:
        size: H and W after bilinear enlargement.
    """
    train, test = (Split.of(torch.from_numpy(x)[:, None], y) for x, y in load_half(0, size))
    return Domain("digits", train, test, CLASSES, "scikit-learn's digits, first half")


def digits_m(*, size: Side = 16) -> Domain:
    """The other half of UCI digits, 674 + 225, by the recipe of MNIST-M: |photo patch − digit|, RGB.

    The photos are scikit-learn's two, ``china.jpg`` (by KuboF Hromoslav) and ``flower.jpg`` (by Romain Guy), both under
    Creative Commons Attribution. Shape ``(N, 3, size, size)``, values 0 to 255; the digits' licence and citation are
    those of ``digits``. The recipe is that of Ganin et al. 2016.

    Args:
        size: H and W, of the enlarged digits and of the patches.
    """
    photos = load_photos()
    random = np.random.RandomState(1)
    train, test = (Split.of(torch.from_numpy(blend(x, photos, random)), y) for x, y in load_half(1, size))
    return Domain("digits_m", train, test, CLASSES, "scikit-learn's digits, second half, and photos")


def load_photos() -> list[Pixels]:
    """The two photos that scikit-learn ships, shape ``(H, W, 3)`` each."""
    from sklearn.datasets import load_sample_images  # takes a second to import

    return [np.asarray(photo, np.uint8) for photo in load_sample_images().images]


def load_half(half: int, size: int) -> list[tuple[Pixels, torch.Tensor]]:
    """Load the training and the test part of one half: images ``(N, size, size)`` and labels."""
    from sklearn.datasets import load_digits  # takes a second to import

    stored = load_digits()
    grey = torch.from_numpy(stored.images).float()[:, None] * (255 / 16)
    images = F.interpolate(grey, size=(size, size), mode="bilinear").round().to(torch.uint8)[:, 0]
    order = torch.from_numpy(np.random.RandomState(0).permutation(len(images)))
    middle = len(order) // 2
    chosen = order[:middle] if half == 0 else order[middle:]
    held = round(len(chosen) * TEST_SHARE)
    labels = torch.from_numpy(stored.target)
    return [(images[part].numpy(), labels[part]) for part in (chosen[held:], chosen[:held])]
