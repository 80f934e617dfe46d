"""The moons of the paper."""

import numpy as np
import pytest
import torch

from dann.data.datasets.moons import moons, moons_rotated


def test_moons_are_two_interleaved_half_circles_of_radius_two() -> None:
    domain = moons(points=500)
    x, y = domain.train.x, domain.train.y
    assert torch.equal(y.bincount(), torch.tensor([500, 500]))
    centres = torch.tensor([[-1.0, -0.5], [1.0, 0.5]])  # of the doubled, centred half circles
    radii = (x - centres[y]).norm(dim=1)
    assert radii.mean().item() == pytest.approx(2.0, abs=0.02)
    assert radii.std().item() == pytest.approx(0.1, abs=0.02)  # noise 0.05, doubled


def test_rotated_moons_are_turned_counter_clockwise_and_drawn_apart() -> None:
    straight, turned = moons(points=400), moons_rotated(points=400)
    angle = np.radians(35)
    back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])  # turns columns clockwise
    unturned = torch.from_numpy(turned.train.x.numpy() @ back.T)
    means = [torch.stack([split[y == k].mean(dim=0) for k in (0, 1)])
             for split, y in ((unturned, turned.train.y), (straight.train.x.double(), straight.train.y))]  # fmt: skip
    torch.testing.assert_close(means[0], means[1], atol=0.06, rtol=0)
    assert not torch.allclose(unturned.float(), straight.train.x, atol=1e-2)
    splits = [straight.train.x, straight.test.x, turned.train.x, turned.test.x]
    assert len({tuple(split[0].tolist()) for split in splits}) == 4
