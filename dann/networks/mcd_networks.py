"""The networks of MCD for digits (Saito et al. 2018).

Saito et al. 2018, "Maximum classifier discrepancy for unsupervised domain adaptation". Layers are those of the authors'
repository (mil-tokyo/MCD_DA, classification/model/usps.py and svhn2mnist.py), which has the widths of Ganin et al. 2016
and adds BatchNorm. Layers that are declared there but never forwarded are left out: a BatchNorm on the logits of both
networks and a first layer in the classifier of the second. ReLU follows the pooling as in
``dann.networks.digit_networks``, with the same values. MCD has no discriminator; that of the network of Ganin et al. is
the default here. Initial weights are PyTorch's, as in the repository.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from dann.networks.bottleneck import Bottleneck, attach_classifier
from dann.networks.network import Network, feature_width
from dann.options import Rate

Shape = tuple[int, ...]
HIDDEN = Bottleneck(width=3072, classifier="own")  # the fully connected layer of the features for SVHN


def mcd_mnist(
    input_shape: Shape, num_classes: int, *, dropout: Rate = 0.5, bottleneck: Bottleneck | None = None
) -> Network:
    """For MNIST and USPS, network of MCD: conv 5×5×32, pool, 5×5×48, pool; head 100-100-K; discriminator 100-1.

    BatchNorm follows each layer but the last. The authors train it on grey digits of 28 × 28.

    Args:
        dropout: dropout rate of the inputs of each layer of the label head; 0.5 in the authors' code.
        bottleneck: a layer behind the convolutions, see ``dann.networks.bottleneck``.
    """

    def head(width: int) -> nn.Module:
        return _normalised([width, 100, 100, num_classes], dropout)

    layers: list[nn.Module] = [nn.Conv2d(input_shape[0], 32, 5), nn.BatchNorm2d(32), nn.MaxPool2d(2), nn.ReLU()]
    layers += [nn.Conv2d(32, 48, 5), nn.BatchNorm2d(48), nn.MaxPool2d(2), nn.ReLU()]
    features = nn.Sequential(*layers, nn.Flatten())
    width = feature_width(features, input_shape, "mcd_mnist")
    return Network(features, attach_classifier(features, width, num_classes, bottleneck, head), input_shape, [100])


def mcd_svhn(
    input_shape: Shape,
    num_classes: int,
    *,
    bottleneck: Bottleneck = HIDDEN,
) -> Network:
    """For SVHN, network of MCD: conv 5×5×64, pool, 5×5×64, pool, 5×5×128, 3072; head 2048-K; discriminator 1024-1024-1.

    BatchNorm follows each layer but the last. The authors train it on RGB digits of 32 × 32.

    Args:
        bottleneck: the fully connected layer of the features, see ``dann.networks.bottleneck``; the default is that of
            the authors.
    """

    def head(width: int) -> nn.Module:
        return _normalised([width, 2048, num_classes], 0.0)

    layers: list[nn.Module] = []
    for channels_in, channels in ((input_shape[0], 64), (64, 64)):
        layers += [nn.Conv2d(channels_in, channels, 5, padding=2), nn.BatchNorm2d(channels)]
        layers += [nn.MaxPool2d(3, 2, padding=1), nn.ReLU()]
    layers += [nn.Conv2d(64, 128, 5, padding=2), nn.BatchNorm2d(128), nn.ReLU()]
    features = nn.Sequential(*layers, nn.Flatten())
    width = feature_width(features, input_shape, "mcd_svhn")
    classifier = attach_classifier(features, width, num_classes, bottleneck, head)
    return Network(features, classifier, input_shape, [1024, 1024])


def _normalised(widths: Sequence[int], dropout: float) -> nn.Sequential:
    """Linear layers with dropout before each and BatchNorm and ReLU between them."""
    layers: list[nn.Module] = []
    for width_in, width_out in pairwise(widths):
        layers += [nn.Dropout(dropout)] if dropout else []
        layers += [nn.Linear(width_in, width_out), nn.BatchNorm1d(width_out), nn.ReLU()]
    return nn.Sequential(*layers[:-2])
