"""Shallow network for vectors."""

from typing import Literal

from torch import nn

from dann.errors import BadInput
from dann.networks.network import Network
from dann.options import Width


def mlp(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    hidden: Width = 50,
    activation: Literal["sigmoid", "relu"] = "sigmoid",
    batch_norm: bool = False,
    discriminator: list[Width] | None = None,
) -> Network:
    """For vectors: one hidden layer, a linear head, a logistic regression as discriminator (Ganin et al. 2016, 4.1).

    Args:
        hidden: D, width of the hidden layer: 50 for Amazon reviews, 15 for the moons (sections 5.1.1, 5.1.2).
        activation: activation of the hidden layer; sigmoid in the paper.
        batch_norm: apply BatchNorm before the activation, as in the usual bottleneck on pretrained features.
        discriminator: hidden widths of the discriminator that methods put on this network; no hidden layer in the
            paper.
    """
    if len(input_shape) != 1:
        raise BadInput(f"network: mlp takes vectors, not inputs of shape {input_shape}: choose a network for images")
    nonlinearity = nn.Sigmoid() if activation == "sigmoid" else nn.ReLU()
    norm = [nn.BatchNorm1d(hidden)] if batch_norm else []
    features = nn.Sequential(nn.Linear(input_shape[0], hidden), *norm, nonlinearity)
    return Network(features, nn.Linear(hidden, num_classes), input_shape, discriminator or ())
