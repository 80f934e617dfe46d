"""The convolutional networks of Ganin et al. 2016, Figure 4.

Widths, kernels and heads are those of the figure. It specifies neither padding nor initialisation: the MNIST and
GTSRB networks here have no padding (768 features from 28 × 28, as in the common re-implementations), the SVHN network
pads by 2 like the model it follows (Srivastava et al. 2014), and the option ``initial`` chooses the initial weights.
ReLU follows the pooling instead of preceding it: values and gradients are the same, but it acts on a quarter as many
numbers. Each builder takes the shape ``(C, H, W)`` of an input image and the number of classes. The optional
bottleneck stands behind the convolutions; the head of the figure is then its classifier ``own``.
"""

from collections.abc import Sequence

from torch import nn

from dann.networks.bottleneck import Bottleneck, attach_classifier
from dann.networks.initial_weights import Initial
from dann.networks.network import Network, feature_width, fully_connected
from dann.options import Rate

Shape = tuple[int, ...]


def mnist(
    input_shape: Shape,
    num_classes: int,
    *,
    batch_norm: bool = False,
    dropout: Rate = 0.0,
    initial: Initial = "pytorch",
    bottleneck: Bottleneck | None = None,
) -> Network:
    """For MNIST, Figure 4a: conv 5×5×32, pool, conv 5×5×48, pool; head 100-100-K; discriminator 100-1.

    Args:
        batch_norm: apply BatchNorm after each convolution. The paper does not, most re-implementations do. A method
            that forwards only source examples collects source statistics only, which lowers the target accuracy of
            source only: compare the tables in results/ganin2016 before attributing the difference to a method.
        dropout: dropout rate of the hidden layers of the label head, and of whole channels of the last feature maps; 0
            in the paper.
        initial: initial weights: ``pytorch`` or ``xavier``, which are larger, see ``dann.networks.initial_weights``.
        bottleneck: a layer behind the convolutions, see ``dann.networks.bottleneck``.
    """

    def norm(channels: int) -> list[nn.Module]:
        return [nn.BatchNorm2d(channels)] if batch_norm else []

    layers: list[nn.Module] = [nn.Conv2d(input_shape[0], 32, 5), *norm(32), nn.MaxPool2d(2), nn.ReLU()]
    layers += [nn.Conv2d(32, 48, 5), *norm(48), nn.MaxPool2d(2), nn.ReLU()]
    layers += [nn.Dropout2d(dropout)] if dropout else []
    return _network("mnist", layers, input_shape, [100, 100, num_classes], [100], dropout, bottleneck, initial)


def svhn(
    input_shape: Shape,
    num_classes: int,
    *,
    dropout: Rate = 0.5,
    initial: Initial = "pytorch",
    bottleneck: Bottleneck | None = None,
) -> Network:
    """For SVHN, Figure 4b: conv 5×5×64, pool, 5×5×64, pool, 5×5×128; head 3072-2048-K; discriminator 1024-1024-1.

    Args:
        dropout: dropout rate of the hidden layers of the label head. The paper trains with dropout and a bound on the
            norm of the weights (section 5.2.2) but gives no value for either; the bound is omitted here.
        initial: as for ``mnist``.
        bottleneck: a layer behind the convolutions, see ``dann.networks.bottleneck``.
    """
    layers: list[nn.Module] = [nn.Conv2d(input_shape[0], 64, 5, padding=2), nn.MaxPool2d(3, 2), nn.ReLU()]
    layers += [nn.Conv2d(64, 64, 5, padding=2), nn.MaxPool2d(3, 2), nn.ReLU()]
    layers += [nn.Conv2d(64, 128, 5, padding=2), nn.ReLU()]
    return _network("svhn", layers, input_shape, [3072, 2048, num_classes], [1024, 1024], dropout, bottleneck, initial)


def gtsrb(
    input_shape: Shape, num_classes: int, *, initial: Initial = "pytorch", bottleneck: Bottleneck | None = None
) -> Network:
    """For GTSRB, Figure 4c: conv 5×5×96, 3×3×144, 5×5×256, each pooled; head 512-K; discriminator 1024-1024-1.

    Args:
        initial: as for ``mnist``.
        bottleneck: a layer behind the convolutions, see ``dann.networks.bottleneck``.
    """
    layers: list[nn.Module] = [nn.Conv2d(input_shape[0], 96, 5), nn.MaxPool2d(2), nn.ReLU()]
    layers += [nn.Conv2d(96, 144, 3), nn.MaxPool2d(2), nn.ReLU()]
    layers += [nn.Conv2d(144, 256, 5), nn.MaxPool2d(2), nn.ReLU()]
    return _network("gtsrb", layers, input_shape, [512, num_classes], [1024, 1024], 0.0, bottleneck, initial)


def _network(
    name: str,
    layers: Sequence[nn.Module],
    input_shape: Shape,
    head: Sequence[int],
    discriminator: Sequence[int],
    dropout: float,
    bottleneck: Bottleneck | None,
    initial: Initial,
) -> Network:
    def own(width: int) -> nn.Module:
        return fully_connected([width, *head], dropout)

    features = nn.Sequential(*layers, nn.Flatten())
    width = feature_width(features, input_shape, name)
    classifier = attach_classifier(features, width, head[-1], bottleneck, own)
    return Network(features, classifier, input_shape, discriminator, initial)
