"""What a network is to the methods, and the two modules of adversarial training."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from dann.errors import BadInput
from dann.functional import reverse_gradient
from dann.networks.dropout import Dropout


class GradientReversal(nn.Module):
    """The identity whose backward pass multiplies the gradient by −λ (Ganin et al. 2016, section 4.2).

    Args:
        weight: λ; set the attribute to change it between steps.
    """

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, x: Tensor) -> Tensor:
        return reverse_gradient(x, self.weight)

    def extra_repr(self) -> str:
        return f"weight={self.weight}"


class DomainDiscriminator(nn.Module):
    """Fully connected layers with ReLU from features to the logit of "this is a target example".

    Args:
        in_features: D.
        widths: of the hidden layers; none makes a logistic regression.

    Shapes: ``(N, D)`` to ``(N,)``. No sigmoid: the loss takes logits, which stay exact where a sigmoid saturates.
    """

    def __init__(self, in_features: int, widths: Sequence[int] = (100,)) -> None:
        super().__init__()
        self.layers = fully_connected([in_features, *widths, 1])

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.layers(features)
        return logits.squeeze(1)


class Network(nn.Module):
    """A feature extractor and a label classifier on its features.

    Args:
        features: maps ``(N, *input_shape)`` to ``(N, D)``.
        classifier: maps ``(N, D)`` to logits ``(N, K)``.
        feature_dim: D.
        discriminator_widths: hidden widths of the domain discriminator that the paper puts on these features.
    """

    def __init__(
        self,
        features: nn.Module,
        classifier: nn.Module,
        feature_dim: int,
        discriminator_widths: Sequence[int],
    ) -> None:
        super().__init__()
        self.features, self.classifier = features, classifier
        self.feature_dim, self.discriminator_widths = feature_dim, tuple(discriminator_widths)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(x))
        return logits


def fully_connected(widths: Sequence[int], dropout: float = 0.0) -> nn.Sequential:
    """Linear layers of the given widths with ReLU, then dropout, between them, none after the last."""
    layers: list[nn.Module] = []
    for width_in, width_out in pairwise(widths):
        layers += [nn.Linear(width_in, width_out), nn.ReLU()]
        layers += [Dropout(dropout)] if dropout else []
    while not isinstance(layers[-1], nn.Linear):
        layers.pop()
    return nn.Sequential(*layers)


def output_width(features: nn.Module, input_shape: tuple[int, ...], name: str) -> int:
    """D, found by passing one blank example of shape ``input_shape`` through ``features``."""
    training = features.training
    try:
        with torch.no_grad():
            width = features.eval()(torch.zeros(1, *input_shape)).shape[1]
    except RuntimeError as error:
        raise BadInput(f"network: {name} cannot take inputs of shape {input_shape}: choose another") from error
    features.train(training)
    return int(width)
