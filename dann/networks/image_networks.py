"""The generator and the discriminator of images of PixelDA (Bousmalis et al. 2017).

Layers and values are those of the authors' repository (tensorflow/models, research/domain_adaptation/
pixel_domain_adaptation: pixelda_model.py and hparams.py), which the paper describes for images of 28 and 32 pixels. Not
taken from it are initial weights (normal, 0.02), which are PyTorch's here, BatchNorm and ReLU on the channel that is
made of the noise, and two traits of BatchNorm: here it has a scale and adds 1e-5 to variances, there it has none and
adds 0.001. The channel that is made of the class is an addition.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dann.networks.vada_network import GaussianNoise

FIRST, SMALLEST = 64, 4  # filters of the discriminator's first layer; the side down to which it halves images
SLOPE, DROPOUT, DEVIATION = 0.2, 0.1, 0.2  # of its leaky ReLU, dropout and noise


class ImageGenerator(nn.Module):
    """Renders images of known classes in another style, which noise varies; it keeps their size.

    One channel made of the noise and one made of the class, each by a linear layer, join the channels of the image. A
    convolution 3×3, residual blocks and a convolution 1×1 with tanh follow.

    Args:
        shape: of an image, ``(C, H, W)``.
        num_classes: K.
        filters: of each layer.
        blocks: number of residual blocks.
        noise: Z, the number of values that vary an image.
    """

    def __init__(self, shape: Sequence[int], num_classes: int, filters: int, blocks: int, noise: int) -> None:
        super().__init__()
        channels, *sides = shape
        self.sides, self.num_classes, self.noise = tuple(sides), num_classes, noise
        self.noise_channel = nn.Linear(noise, sides[0] * sides[1])
        self.class_channel = nn.Linear(num_classes, sides[0] * sides[1], bias=False)
        layers: list[nn.Module] = [nn.Conv2d(channels + 2, filters, 3, padding=1), nn.ReLU()]
        layers += [_ResidualBlock(filters) for _ in range(blocks)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(filters, channels, 1), nn.Tanh())

    def forward(self, x: Tensor, y: Tensor, noise: Tensor) -> Tensor:
        """Images in [−1, 1] of the same shape as x.

        Args:
            x: images, shape ``(N, C, H, W)``.
            y: their class indices, shape ``(N,)``.
            noise: shape ``(N, Z)``.
        """
        of_class = self.class_channel(F.one_hot(y, self.num_classes).to(x.dtype))
        maps = torch.stack([self.noise_channel(noise), of_class], dim=1).reshape(len(x), 2, *self.sides)
        images: Tensor = self.layers(torch.cat([x, maps], dim=1))
        return images

    def draw(self, x: Tensor, y: Tensor) -> Tensor:
        """The same with noise that is drawn uniformly from [−1, 1], by the generator of the device."""
        images: Tensor = self(x, y, x.new_empty(len(x), self.noise).uniform_(-1, 1))
        return images


class ImageDiscriminator(nn.Module):
    """Convolutions 3×3 that halve an image down to 4×4 or less, to the logit of "this is a target image".

    The first has stride 1 and no BatchNorm; each further one has twice the filters. Leaky ReLU, dropout and Gaussian
    noise follow each.

    Args:
        shape: of an image, ``(C, H, W)``.

    Shapes: ``(N, C, H, W)`` to ``(N,)``.
    """

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        channels, *sides = shape
        layers = [nn.Conv2d(channels, FIRST, 3, padding=1), *_disturbed()]
        width = FIRST
        while max(sides) > SMALLEST:
            layers += [nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), nn.BatchNorm2d(2 * width), *_disturbed()]
            width, sides = 2 * width, [-(-side // 2) for side in sides]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(width * sides[0] * sides[1], 1))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.layers(x)
        return logits.squeeze(1)


class _ResidualBlock(nn.Module):
    def __init__(self, filters: int) -> None:
        super().__init__()
        convolutions = [nn.Conv2d(filters, filters, 3, padding=1, bias=False) for _ in range(2)]
        norms = [nn.BatchNorm2d(filters) for _ in range(2)]
        self.layers = nn.Sequential(convolutions[0], norms[0], nn.ReLU(), convolutions[1], norms[1])

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.layers(x)
        return result


def _disturbed() -> list[nn.Module]:
    return [nn.LeakyReLU(SLOPE), nn.Dropout(DROPOUT), GaussianNoise(DEVIATION)]
