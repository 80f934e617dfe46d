"""Convolutional network for time series."""

from torch import nn

from dann.errors import BadInput
from dann.networks.bottleneck import Bottleneck, attach_classifier
from dann.networks.network import Network, fully_connected
from dann.options import Rate, Width


def cnn1d(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    width: Width = 64,
    final: Width | None = None,
    kernel: Width = 5,
    stride: Width = 1,
    dropout: Rate = 0.5,
    length: Width = 1,
    hidden: list[Width] | None = None,
    bottleneck: Bottleneck | None = None,
) -> Network:
    """For time series (C, L): three convolutions of 64, 128 and 128 channels, mean over time (Ragab et al. 2023).

    The CNN of AdaTime with its values for UCI HAR; discriminator 64-64. Its values for other data are options: for
    sleep stages ``kernel: 25, stride: 6, dropout: 0.2, width: 32, final: 128``. In AdaTime, CoDATS (Wilson et al. 2020)
    is DANN on this network with the classifier ``hidden: [500, 500]``. In its authors' code (floft/codats) it has
    convolutions of 128, 256 and 128 channels and sizes 8, 5 and 3 with BatchNorm, no pooling between them, no dropout,
    a linear classifier, and a discriminator 500-500 with BatchNorm and dropout of 0.3.

    Args:
        width: channels of the first convolution; the second has twice as many.
        final: channels of the third convolution, and with ``length`` the width of the features; by default as many as
            the second has.
        kernel: kernel size of the first convolution; that of the other two is 8.
        stride: stride of the first convolution.
        dropout: dropout rate after the first block.
        length: number of equal stretches of time over which the mean is taken; the features are these times ``final``.
        hidden: hidden widths of the classifier, with ReLU; by default it is linear.
        bottleneck: a layer behind the mean over time, see ``dann.networks.bottleneck``.
    """
    if len(input_shape) != 2:
        raise BadInput(f"network: cnn1d takes series (C, L), not inputs of shape {input_shape}: choose another network")

    def block(channels_in: int, channels: int, size: int, stride: int = 1) -> list[nn.Module]:
        convolution = nn.Conv1d(channels_in, channels, size, stride, padding=size // 2, bias=False)
        return [convolution, nn.BatchNorm1d(channels), nn.ReLU(), nn.MaxPool1d(2, padding=1)]

    final = 2 * width if final is None else final
    layers = [*block(input_shape[0], width, kernel, stride), nn.Dropout(dropout), *block(width, 2 * width, 8)]
    layers += [*block(2 * width, final, 8), nn.AdaptiveAvgPool1d(length), nn.Flatten()]
    features = nn.Sequential(*layers)
    own = (lambda size: fully_connected([size, *hidden, num_classes])) if hidden else None
    classifier = attach_classifier(features, final * length, num_classes, bottleneck, own)
    return Network(features, classifier, input_shape, (64, 64))
