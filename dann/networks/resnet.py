"""Residual networks for photos."""

from torch import nn

from dann.networks.base import Network, output_width


def resnet18(input_shape: tuple[int, ...], num_classes: int) -> Network:
    """For photos: ResNet-18 with fresh weights (He et al. 2016), a linear head, discriminator 1024-1024.

    The discriminator is that of the paper's experiments on Office (Ganin et al. 2016, section 5.2.4).
    """
    from torchvision.models import resnet18 as backbone  # takes a second to import

    features = backbone(weights=None)
    features.fc = nn.Identity()
    width = output_width(features, input_shape, "resnet18")
    return Network(features, nn.Linear(width, num_classes), input_shape, (1024, 1024))
