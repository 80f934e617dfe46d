"""The normalised bottleneck behind the features of a small network, and the classifier on it."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dann.networks.network import fully_connected
from dann.options import Rate, Section, Width


class Bottleneck(Section):
    """A linear layer with BatchNorm, ReLU and dropout, the last layers of the features.

    It is the layer whose norms AFN penalises (Xu et al. 2019: width 1000, dropout 0.5), that SHOT adapts (Liang et al.
    2020: width 256, no activation, dropout 0.5, weight-normalised classifier) and that MDD's classifiers and
    discriminators take as input (Zhang et al. 2019: width 1024, dropout 0.5, a hidden layer in the classifiers). The
    order of its layers and these values are those of the authors' code (jihanyang/AFN, tim-learn/SHOT, thuml/MDD),
    which differs in the initial weights: here they are PyTorch's, as everywhere in this package.

    Args:
        width: D, width of the layer.
        activation: between BatchNorm and dropout; ``none`` in SHOT.
        dropout: dropout rate.
        classifier: ``linear``: one layer; ``weight_norm``: one layer with weight normalisation, as in SHOT; ``hidden``:
            a hidden layer of the same width with ReLU and the same dropout, as in MDD; ``own``: the hidden layers of
            the network's own classifier, if it has any.
    """

    width: Width
    activation: Literal["relu", "none"] = "relu"
    dropout: Rate = 0.5
    classifier: Literal["linear", "weight_norm", "hidden", "own"] = "linear"

    def layers(self, in_features: int) -> nn.Sequential:
        """The layers on features of width ``in_features``."""
        layers: list[nn.Module] = [nn.Linear(in_features, self.width), nn.BatchNorm1d(self.width)]
        layers += [nn.ReLU()] if self.activation == "relu" else []
        layers += [nn.Dropout(self.dropout)] if self.dropout else []
        return nn.Sequential(*layers)


def attach_classifier(
    features: nn.Sequential,
    width: int,
    num_classes: int,
    bottleneck: Bottleneck | None,
    own: Callable[[int], nn.Module] | None = None,
) -> nn.Module:
    """Append the bottleneck to features as their module ``neck``, and build the classifier.

    Args:
        features: maps inputs to ``(N, width)``; changed in place.
        bottleneck: None for the network's own classifier on ``features`` as they are.
        own: builds the network's own classifier on features of a width; by default one linear layer.
    """
    make = own or (lambda width: nn.Linear(width, num_classes))
    if bottleneck is None:
        return make(width)
    features.add_module("neck", bottleneck.layers(width))
    if bottleneck.classifier == "own":
        return make(bottleneck.width)
    if bottleneck.classifier == "hidden":
        return fully_connected([bottleneck.width, bottleneck.width, num_classes], bottleneck.dropout)
    kind = WeightNormLinear if bottleneck.classifier == "weight_norm" else nn.Linear
    return kind(bottleneck.width, num_classes)


class WeightNormLinear(nn.Linear):
    """A linear layer whose output k has the weights g_k · v_k / ‖v_k‖ (Salimans and Kingma 2016).

    The parameter ``weight`` is v, ``length`` is g, shape ``(K, 1)``. At first g_k is ‖v_k‖, so that the layer equals
    one without weight normalisation. Unlike ``torch.nn.utils.parametrizations.weight_norm`` it draws new weights when
    ``reset_parameters`` is called, as a second classifier needs.
    """

    length: nn.Parameter

    def reset_parameters(self) -> None:
        super().reset_parameters()
        self.length = nn.Parameter(torch.linalg.vector_norm(self.weight.detach(), dim=1, keepdim=True))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.length * F.normalize(self.weight), self.bias)
