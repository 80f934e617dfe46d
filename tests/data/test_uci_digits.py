"""UCI digits and their blend with photos."""

import numpy as np
import torch

from dann.data.datasets.all_datasets import DOMAINS


def test_digits_halves_share_no_image() -> None:
    from sklearn.datasets import load_digits

    source, target = DOMAINS["digits"](size=8), DOMAINS["digits_m"](size=8)
    assert (len(source.train), len(source.test)) == (674, 224)
    assert (len(target.train), len(target.test)) == (674, 225)
    stored = sorted((image / 16 * 255).round().astype(np.uint8).tobytes() for image in load_digits().images)
    from dann.data.datasets.uci_digits import load_half

    halves = [images for half in (0, 1) for images, _ in load_half(half, 8)]
    assert sorted(image.tobytes() for images in halves for image in images) == stored  # each image exactly once


def test_digits_m_is_the_blend_of_its_half() -> None:
    from dann.data.datasets.uci_digits import load_half

    domain = DOMAINS["digits_m"](size=16)
    assert domain.train.x.shape == (674, 3, 16, 16) and domain.train.x.dtype == torch.uint8
    grey, labels = load_half(1, 16)[0]
    assert torch.equal(domain.train.y, labels)
    blank = torch.from_numpy(grey == 0)[:, None].expand(-1, 3, -1, -1)
    assert domain.train.x[blank].float().std() > 40  # the photos show where the digits are blank
    assert DOMAINS["digits_m"](size=16).checksum() == domain.checksum()
