"""Shallow network for vectors."""

from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from dann.errors import BadInput
from dann.networks.bottleneck import Bottleneck, attach_classifier
from dann.networks.initial_weights import Initial, reckon_with
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
    fan_in: Annotated[int, Field(ge=1)] | None = None,
) -> Network:
    """For vectors: one hidden layer, a linear head, a logistic regression as discriminator (Ganin et al. 2016, 4.1).

    Args:
        hidden: D, width of the hidden layer: 50 for Amazon reviews, 15 for the moons (sections 5.1.3 and 5.1.1).
            Null for a bottleneck on the inputs themselves, as on features of a pretrained network.
        activation: activation of the hidden layer; sigmoid in the paper.
        batch_norm: apply BatchNorm before the activation, as in the usual bottleneck on pretrained features.
        discriminator: hidden widths of the discriminator that methods put on this network; no hidden layer in the
            paper.
        bottleneck: a layer behind the hidden one, see ``dann.networks.bottleneck``.
        initial: initial weights: ``pytorch``, ``xavier`` or ``glorot``, the last in the code of the paper's shallow
            network; see ``dann.networks.initial_weights``.
        fan_in: number of inputs that the initial weights of the hidden layer reckon with, where the vectors are
            coordinates of longer ones (``data.msda.span``); by default that of the vectors.
    """
    if len(input_shape) != 1:
        raise BadInput(f"network: mlp takes vectors, not inputs of shape {input_shape}: choose a network for images")
    if hidden is None:
        if bottleneck is None:
            raise BadInput("network.hidden: null leaves no layer for the features: set a width or network.bottleneck")
        if batch_norm or activation != "sigmoid":
            raise BadInput("network.hidden: null has no BatchNorm or activation: leave batch_norm and activation out")
        if fan_in is not None:
            raise BadInput("network.hidden: null leaves no hidden layer for fan_in: leave one of them out")
        features, width = nn.Sequential(), input_shape[0]
    else:
        norm = [nn.BatchNorm1d(hidden)] if batch_norm else []
        nonlinearity = nn.Sigmoid() if activation == "sigmoid" else nn.ReLU()
        layer = nn.Linear(input_shape[0], hidden)
        features, width = nn.Sequential(layer, *norm, nonlinearity), hidden
    classifier = attach_classifier(features, width, num_classes, bottleneck)
    network = Network(features, classifier, input_shape, discriminator or (), initial)
    if hidden is not None and fan_in is not None:
        reckon_with(fan_in, layer, initial)
    return network
