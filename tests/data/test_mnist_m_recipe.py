"""The recipe of MNIST-M."""

import numpy as np

from dann.data.datasets.mnist_m_recipe import blend


def test_blend_is_the_absolute_difference_with_a_patch() -> None:
    random = np.random.RandomState(3)
    photos = [random.randint(0, 256, (9, 11, 3), dtype=np.uint8) for _ in range(2)]
    digits = random.randint(0, 256, (5, 4, 4), dtype=np.uint8)
    blended = blend(digits, photos, np.random.RandomState(7))
    for digit, image in zip(digits, blended, strict=True):
        patches = [
            photo[top : top + 4, left : left + 4].astype(float)
            for photo in photos
            for top in range(6)
            for left in range(8)
        ]
        expected = [np.abs(patch - digit[:, :, None].astype(float)).transpose(2, 0, 1) for patch in patches]
        assert any(np.array_equal(image, candidate) for candidate in expected)
