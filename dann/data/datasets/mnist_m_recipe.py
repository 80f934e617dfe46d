"""Recipe of MNIST-M, for any grey digits and any photos."""

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def blend(digits: Pixels, photos: list[Pixels], random: np.random.RandomState) -> Pixels:
    """Blend each digit, as |photo patch − digit|, with a patch drawn at random from a photo drawn at random.

    Ganin et al. 2016, section 5.2.4 ("MNIST → MNIST-M"): the difference is taken in each pixel and colour.

    Args:
        digits: grey images, shape ``(N, H, W)``.
        photos: RGB images, each of shape ``(≥ H, ≥ W, 3)``.
        random: advanced by three draws a digit.

    Returns:
        RGB images, shape ``(N, 3, H, W)``.
    """
    count, height, width = digits.shape
    blended = np.empty((count, 3, height, width), np.uint8)
    for i in range(count):
        photo = photos[random.randint(len(photos))]
        top = random.randint(photo.shape[0] - height + 1)
        left = random.randint(photo.shape[1] - width + 1)
        patch = photo[top : top + height, left : left + width].transpose(2, 0, 1).astype(np.int16)
        blended[i] = np.abs(patch - digits[i])
    return blended
