"""The small network of VADA and DIRT-T (Shu et al. 2018).

Shu et al. 2018, "A DIRT-T approach to unsupervised domain adaptation". Layers and values are those of the authors'
repository (RuiShu/dirt-t, codebase/models/nns/small.py, on RuiShu/tensorbayes): BatchNorm on the logits too; ε of 0.001
and a weight of 0.01 for each batch in the running statistics; a learnt scale and shift of the instance normalisation;
the discriminator on the maps ahead of the last three convolutions. Not taken from it are initial weights (He et al.
2015), which are PyTorch's here, and the running statistics, which only target batches update there. A reimplementation
in PyTorch (ozanciga/dirt-t) has no BatchNorm on the logits and no learnt scale of the instance normalisation. The
authors train on RGB images of 32 × 32 in [−1, 1] (``normalise: half``).
"""

from torch import Tensor, nn

from dann.errors import BadInput
from dann.functional.normal_draws import normal_like
from dann.networks.bottleneck import Bottleneck, attach_classifier
from dann.networks.network import Network
from dann.options import Factor, Rate

CHANNELS, SLOPE, EPSILON, MOMENTUM = 64, 0.1, 1e-3, 0.01


def vada_small(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    instance_norm: bool = True,
    dropout: Rate = 0.5,
    noise: Factor = 1.0,
    bottleneck: Bottleneck | None = None,
) -> Network:
    """For digits, small CNN of VADA (Shu et al. 2018): three times 3 conv 3×3×64, head K; discriminator 100-1.

    BatchNorm and leaky ReLU (0.1) follow each convolution; max pooling, dropout and Gaussian noise follow the first and
    second block of three, the global average and the head the third. The features are the outputs of the second block;
    the third belongs to the classifier. Runs on this network train one by one, never as a stack.

    Args:
        instance_norm: normalise each channel of each image, which is the default of the authors' code.
        dropout: dropout rate behind the first and second block.
        noise: standard deviation of the Gaussian noise there; 0 for none.
        bottleneck: a layer behind the global average, see ``dann.networks.bottleneck``; then all convolutions belong
            to the features.
    """
    if len(input_shape) != 3 or min(input_shape[1:]) < 4:
        raise BadInput(f"network: vada_small cannot take inputs of shape {input_shape}: choose another network")
    layers: list[nn.Module] = []
    if instance_norm:
        layers += [nn.InstanceNorm2d(input_shape[0], eps=EPSILON, affine=True)]
    for channels in (input_shape[0], CHANNELS):
        layers += [*_block(channels), nn.MaxPool2d(2), nn.Dropout(dropout), GaussianNoise(noise)]
    last = [*_block(CHANNELS), nn.AdaptiveAvgPool2d(1), nn.Flatten()]

    def head(width: int) -> nn.Module:
        return nn.Sequential(nn.Linear(width, num_classes), _norm(nn.BatchNorm1d, num_classes))

    if bottleneck is not None:
        features = nn.Sequential(*layers, *last)
        return Network(
            features, attach_classifier(features, CHANNELS, num_classes, bottleneck, head), input_shape, [100]
        )
    features = nn.Sequential(*layers, nn.Flatten())
    sides = [side // 4 for side in input_shape[1:]]
    classifier = nn.Sequential(nn.Unflatten(1, (CHANNELS, *sides)), *last, *head(CHANNELS).children())
    return Network(features, classifier, input_shape, [100])


def _block(channels: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for channels_in in (channels, CHANNELS, CHANNELS):
        layers += [nn.Conv2d(channels_in, CHANNELS, 3, padding=1), _norm(nn.BatchNorm2d, CHANNELS)]
        layers += [nn.LeakyReLU(SLOPE)]
    return layers


def _norm(kind: type[nn.BatchNorm1d] | type[nn.BatchNorm2d], channels: int) -> nn.Module:
    return kind(channels, eps=EPSILON, momentum=MOMENTUM)


class GaussianNoise(nn.Module):
    """Adds independent Gaussian noise to its inputs, in training only.

    A network with this layer is never stacked, since the draws of a stack would differ from those of separate runs;
    those of dropout on maps would too.

    Args:
        deviation: standard deviation.
    """

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self.deviation = deviation

    def forward(self, x: Tensor) -> Tensor:
        return x + self.deviation * normal_like(x) if self.training and self.deviation else x

    def extra_repr(self) -> str:
        return f"deviation={self.deviation}"
