"""Shallow network for vectors."""

from typing import Literal

from torch import nn

from dann.errors import BadInput
from dann.networks.bottleneck import Bottleneck, attach_classifier
from dann.networks.initial_weights import Initial
from dann.networks.network import Network
from dann.options import Width


def mlp(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    hidden: Width | None = 50,
    activation: Literal["sigmoid", "relu"] = "sigmoid",
    batch_norm: bool = False,
    discriminator: list[Width] | None = None,
    bottleneck: Bottleneck | None = None,
    initial: Initial = "pytorch",
) -> Network:
    """For vectors: one hidden layer, a linear head, a logistic regression as discriminator (Ganin et al. 2016, 4.1).

    Args:
        hidden: D, width of the hidden layer: 50 for Amazon reviews, 15 for the moons (sections 5.1.1, 5.1.2).
            Null for a bottleneck on the inputs themselves, as on features of a pretrained network.
        activation: activation of the hidden layer; sigmoid in the paper.
        batch_norm: apply BatchNorm before the activation, as in the usual bottleneck on pretrained features.
        discriminator: hidden widths of the discriminator that methods put on this network; no hidden layer in the
            paper.
        bottleneck: a layer behind the hidden one, see ``dann.networks.bottleneck``.
        initial: initial weights: ``pytorch``, ``xavier`` or ``glorot``, the last in the code of the paper's shallow
            network; see ``dann.networks.initial_weights``.
    """
    if len(input_shape) != 1:
        raise BadInput(f"network: mlp takes vectors, not inputs of shape {input_shape}: choose a network for images")
    if hidden is None:
        if bottleneck is None:
            raise BadInput("network.hidden: null leaves no layer for the features: set a width or network.bottleneck")
        if batch_norm or activation != "sigmoid":
            raise BadInput("network.hidden: null has no BatchNorm or activation: leave batch_norm and activation out")
        features, width = nn.Sequential(), input_shape[0]
    else:
        norm = [nn.BatchNorm1d(hidden)] if batch_norm else []
        nonlinearity = nn.Sigmoid() if activation == "sigmoid" else nn.ReLU()
        features, width = nn.Sequential(nn.Linear(input_shape[0], hidden), *norm, nonlinearity), hidden
    classifier = attach_classifier(features, width, num_classes, bottleneck)
    return Network(features, classifier, input_shape, discriminator or (), initial)
