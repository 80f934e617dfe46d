"""The generator and the discriminator of images."""

import pytest
import torch
from torch import nn

from dann.networks.image_networks import ImageDiscriminator, ImageGenerator


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 20, 18), (1, 4, 4)])
def test_images_keep_their_shape_and_lie_in_their_range(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    generator = ImageGenerator(shape, 5, filters=4, blocks=2, noise=3)
    images = generator.draw(torch.randn(6, *shape), torch.arange(6) % 5)
    assert images.shape == (6, *shape) and images.abs().max() <= 1
    assert ImageDiscriminator(shape)(images).shape == (6,)


def test_noise_and_class_change_what_is_made_of_an_image() -> None:
    torch.manual_seed(0)
    generator = ImageGenerator((1, 8, 8), 5, filters=4, blocks=1, noise=3).eval()
    x, y, noise = torch.randn(4, 1, 8, 8), torch.zeros(4, dtype=torch.int64), torch.randn(4, 3)
    images = generator(x, y, noise)
    assert torch.equal(images, generator(x, y, noise))
    assert not torch.equal(images, generator(x, y + 1, noise))
    assert not torch.equal(images, generator(x, y, noise + 1))
    drawn = [generator.draw(x, y) for _ in range(2)]
    assert not torch.equal(*drawn)


def test_the_discriminator_halves_an_image_to_four_pixels() -> None:
    layers = list(ImageDiscriminator((3, 28, 28)).layers)
    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    assert [(layer.out_channels, layer.stride[0]) for layer in convolutions] == [(64, 1), (128, 2), (256, 2), (512, 2)]
    assert isinstance(layers[-1], nn.Linear) and layers[-1].in_features == 512 * 4 * 4
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in layers) == 3
