"""Initial weights other than PyTorch's."""

import math
from typing import Literal

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

Initial = Literal["pytorch", "xavier", "glorot"]


def draw_weights(module: nn.Module, initial: Initial) -> None:
    """Draw the initial weights of the linear and convolutional layers of a new module.

    PyTorch draws weights and biases uniformly from ±1/√n, where n is the number of inputs of a unit; they are left as
    they are.

    Args:
        module: changed in place.
        initial: ``xavier``: weights uniformly from ±√(3/n), so that a unit's output has the variance of its inputs, and
            biases 0: the filler of this name of Caffe, the framework of Ganin et al. 2016, which takes the number of
            inputs alone where Glorot and Bengio 2010 take the mean of inputs and outputs. ``glorot``: uniformly from
            ±√(6/(n+m)), where m is the number of outputs, and biases 0, as Glorot and Bengio 2010 (equation 16) and
            the shallow network of Ganin et al. 2016 in its authors' code (GRAAL-Research,
            domain_adversarial_neural_network), but for the discriminator's weights, which are 0 there.
    """
    if initial == "pytorch":
        return
    for part in module.modules():
        if isinstance(part, nn.Linear | _ConvNd):
            if initial == "glorot":
                nn.init.xavier_uniform_(part.weight)
            else:
                nn.init.kaiming_uniform_(part.weight, nonlinearity="linear")
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def reckon_with(inputs: int, layer: nn.Linear, initial: Initial) -> None:
    """Scale the initial weights of a layer to those of one with so many inputs.

    An orthonormal change of coordinates leaves the variance of independent weights as it is: in the coordinates of a
    span of R dimensions the weights of a layer of ``inputs`` inputs have the variance that they have without.

    Args:
        layer: as ``draw_weights`` left it; changed in place.
    """
    fans = {"pytorch": 0, "xavier": 0, "glorot": layer.out_features}[initial]
    scale = math.sqrt((layer.in_features + fans) / (inputs + fans))
    with torch.no_grad():
        layer.weight.mul_(scale)
        if initial == "pytorch":  # the others' biases are 0
            layer.bias.mul_(scale)
