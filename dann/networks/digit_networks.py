"""The convolutional networks of Ganin et al. 2016, Figure 4.

The inner widths, kernels and heads are the figure's. It gives no padding and no initialisation: the MNIST and GTSRB
networks here pad nothing (768 features from 28 × 28, as in the common re-implementations), the SVHN network pads by 2
as its model (Srivastava et al. 2014) does, and all start from PyTorch's defaults. ReLU comes after the pooling: the
values and gradients are those of the other order, of a quarter as many numbers. Each builder takes the shape
``(C, H, W)`` of an input image and the number of classes.
"""

from collections.abc import Sequence

from torch import nn

from dann.networks.dropout import Dropout
from dann.networks.network import Network, feature_width, fully_connected

Shape = tuple[int, ...]


def mnist(input_shape: Shape, num_classes: int, *, batch_norm: bool = False, dropout: float = 0.0) -> Network:
    """For MNIST, Figure 4a: conv 5×5×32, pool, conv 5×5×48, pool; head 100-100-K; discriminator 100-1.

    Args:
        batch_norm: normalise after each convolution, which the paper does not do but most re-implementations do. Its
            statistics are the source's alone when nothing else is forwarded, which costs source only much of its target
            accuracy: compare the tables in results/ganin2016 before crediting a method with the difference.
        dropout: on the hidden layers of the label head, and on whole channels of the last features; 0 in the paper.
    """

    def norm(channels: int) -> list[nn.Module]:
        return [nn.BatchNorm2d(channels)] if batch_norm else []

    layers: list[nn.Module] = [nn.Conv2d(input_shape[0], 32, 5), *norm(32), nn.MaxPool2d(2), nn.ReLU()]
    layers += [nn.Conv2d(32, 48, 5), *norm(48), nn.MaxPool2d(2), nn.ReLU()]
    layers += [Dropout(dropout, channels=True)] if dropout else []
    return _network("mnist", layers, input_shape, [100, 100, num_classes], [100], dropout)


def svhn(input_shape: Shape, num_classes: int, *, dropout: float = 0.5) -> Network:
    """For SVHN, Figure 4b: conv 5×5×64, pool, 5×5×64, pool, 5×5×128; head 3072-2048-K; discriminator 1024-1024-1.

    Args:
        dropout: on the hidden layers of the label head. The paper trains with dropout and a bound on the weights'
            norm (section 5.2.2) but gives neither's value; the bound is left out here.
    """
    layers: list[nn.Module] = [nn.Conv2d(input_shape[0], 64, 5, padding=2), nn.MaxPool2d(3, 2), nn.ReLU()]
    layers += [nn.Conv2d(64, 64, 5, padding=2), nn.MaxPool2d(3, 2), nn.ReLU()]
    layers += [nn.Conv2d(64, 128, 5, padding=2), nn.ReLU()]
    return _network("svhn", layers, input_shape, [3072, 2048, num_classes], [1024, 1024], dropout)


def gtsrb(input_shape: Shape, num_classes: int) -> Network:
    """For GTSRB, Figure 4c: conv 5×5×96, 3×3×144, 5×5×256, each pooled; head 512-K; discriminator 1024-1024-1."""
    layers: list[nn.Module] = [nn.Conv2d(input_shape[0], 96, 5), nn.MaxPool2d(2), nn.ReLU()]
    layers += [nn.Conv2d(96, 144, 3), nn.MaxPool2d(2), nn.ReLU()]
    layers += [nn.Conv2d(144, 256, 5), nn.MaxPool2d(2), nn.ReLU()]
    return _network("gtsrb", layers, input_shape, [512, num_classes], [1024, 1024], 0.0)


def _network(
    name: str,
    layers: Sequence[nn.Module],
    input_shape: Shape,
    head: Sequence[int],
    discriminator: Sequence[int],
    dropout: float,
) -> Network:
    features = nn.Sequential(*layers, nn.Flatten())
    width = feature_width(features, input_shape, name)
    return Network(features, fully_connected([width, *head], dropout), input_shape, discriminator)
