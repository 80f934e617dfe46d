"""Convolutional network for time series."""

from torch import nn

from dann.errors import BadInput
from dann.networks.bottleneck import Bottleneck, attach_classifier
from dann.networks.network import Network
from dann.options import Rate, Width


def cnn1d(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    width: Width = 64,
    kernel: Width = 5,
    dropout: Rate = 0.5,
    bottleneck: Bottleneck | None = None,
) -> Network:
    """For time series (C, L): three convolutions of 64, 128 and 128 channels, mean over time (Ragab et al. 2023).

    The CNN of AdaTime with its values for UCI HAR; discriminator 64-64.

    Args:
        width: channels of the first convolution; the other two have twice as many.
        kernel: kernel size of the first convolution; that of the other two is 8.
        dropout: dropout rate after the first block.
        bottleneck: a layer behind the mean over time, see ``dann.networks.bottleneck``.
    """
    if len(input_shape) != 2:
        raise BadInput(f"network: cnn1d takes series (C, L), not inputs of shape {input_shape}: choose another network")

    def block(channels_in: int, channels: int, size: int) -> list[nn.Module]:
        convolution = nn.Conv1d(channels_in, channels, size, padding=size // 2, bias=False)
        return [convolution, nn.BatchNorm1d(channels), nn.ReLU(), nn.MaxPool1d(2, padding=1)]

    layers = [*block(input_shape[0], width, kernel), nn.Dropout(dropout), *block(width, 2 * width, 8)]
    layers += [*block(2 * width, 2 * width, 8), nn.AdaptiveAvgPool1d(1), nn.Flatten()]
    features = nn.Sequential(*layers)
    classifier = attach_classifier(features, 2 * width, num_classes, bottleneck)
    return Network(features, classifier, input_shape, (64, 64))
