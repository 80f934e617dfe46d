"""The networks of CDAN for digits, which SHOT took over: LeNet and DTN.

Long et al. 2018, "Conditional adversarial domain adaptation"; Liang et al. 2020, "Do we really need to access the
source data?". The layers are those of the authors' repositories (thuml/CDAN, pytorch/network.py; tim-learn/SHOT,
digit/network.py), which agree on the convolutions. CDAN trains LeNet on 28 × 28 grey digits (MNIST ↔ USPS) and DTN on
32 × 32 RGB ones (SVHN → MNIST), and scales both to [−1, 1] (``normalise: half``). SHOT puts its bottleneck in the place
of the fully connected layer: ``bottleneck: {width: 256, activation: none, classifier: weight_norm}``. CDAN's
discriminator has dropout of 0.5 behind its hidden layers, which is left out here. Initial weights are PyTorch's, as in
the convolutions of both repositories.
"""

from torch import nn

from dann.networks.bottleneck import Bottleneck, attach_classifier
from dann.networks.network import Network, feature_width
from dann.options import Rate

Shape = tuple[int, ...]
DISCRIMINATOR = (500, 500)
HIDDEN = Bottleneck(width=512)  # the fully connected layer of DTN


def lenet(
    input_shape: Shape, num_classes: int, *, dropout: Rate = 0.5, bottleneck: Bottleneck | None = None
) -> Network:
    """LeNet of CDAN (Long et al. 2018): conv 5×5×20, pool, conv 5×5×50, pool, 500; head K; discriminator 500-500-1.

    The features are the outputs of the hidden layer of 500 units.

    Args:
        dropout: dropout rate of the hidden layer, and of whole channels of the second convolution; 0.5 in the
            authors' code.
        bottleneck: takes the place of the hidden layer, see ``dann.networks.bottleneck``; ``{width: 500}`` adds
            BatchNorm to it.
    """
    layers: list[nn.Module] = [nn.Conv2d(input_shape[0], 20, 5), nn.MaxPool2d(2), nn.ReLU()]
    layers += [nn.Conv2d(20, 50, 5), nn.Dropout2d(dropout), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten()]
    features = nn.Sequential(*layers)
    width = feature_width(features, input_shape, "lenet")
    if bottleneck is None:
        features.extend([nn.Linear(width, 500), nn.ReLU(), nn.Dropout(dropout)])
        width = 500
    classifier = attach_classifier(features, width, num_classes, bottleneck)
    return Network(features, classifier, input_shape, DISCRIMINATOR)


def dtn(input_shape: Shape, num_classes: int, *, bottleneck: Bottleneck = HIDDEN) -> Network:
    """DTN of CDAN (Long et al. 2018): conv 5×5×64, 128 and 256 with stride 2, 512; head K; discriminator 500-500-1.

    Each layer is followed by BatchNorm; channels of the three convolutions are dropped with rates of 0.1, 0.3 and 0.5
    ahead of the ReLU. The features are the outputs of the bottleneck.

    Args:
        bottleneck: the fully connected layer, see ``dann.networks.bottleneck``; the default is that of CDAN.
    """
    layers: list[nn.Module] = []
    channels_in = input_shape[0]
    for channels, rate in ((64, 0.1), (128, 0.3), (256, 0.5)):
        layers += [nn.Conv2d(channels_in, channels, 5, stride=2, padding=2), nn.BatchNorm2d(channels)]
        layers += [nn.Dropout2d(rate), nn.ReLU()]
        channels_in = channels
    features = nn.Sequential(*layers, nn.Flatten())
    width = feature_width(features, input_shape, "dtn")
    return Network(features, attach_classifier(features, width, num_classes, bottleneck), input_shape, DISCRIMINATOR)
