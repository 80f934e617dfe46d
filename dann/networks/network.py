"""The network that methods train, and the two modules of adversarial training."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from dann.errors import BadInput
from dann.functional.adversarial import reverse_gradient
from dann.networks.backbone import Backbone, measure_width
from dann.networks.copies import copy_with_new_weights
from dann.networks.initial_weights import Initial, draw_weights
from dann.networks.row_shards import RowShards

Outputs = dict[str, Tensor]  # outputs of layers by name: "features" (N, D), "logits" (N, K), and requested inner layers


class GradientReversal(nn.Module):
    """The identity whose backward pass multiplies the gradient by −λ (Ganin and Lempitsky 2015, equation (8)).

    In Ganin et al. 2016, equation (17), λ stands outside of it.

    Args:
        weight: λ; set the attribute ``weight`` to change it between steps.
    """

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, x: Tensor) -> Tensor:
        return reverse_gradient(x, self.weight)

    def extra_repr(self) -> str:
        return f"weight={self.weight}"


class DomainDiscriminator(nn.Module):
    """Fully connected layers with ReLU, from features to the logit of "this is a target example".

    Args:
        in_features: D, width of the features.
        widths: widths of the hidden layers; without any it is a logistic regression.
        dropout: dropout rate of the hidden layers.

    Shapes: ``(N, D)`` to ``(N,)``. There is no sigmoid: the loss takes logits, which stay exact where a sigmoid
    saturates.
    """

    def __init__(self, in_features: int, widths: Sequence[int] = (100,), dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = fully_connected([in_features, *widths, 1], dropout)

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.layers(features)
        return logits.squeeze(1)


class Network(nn.Module):
    """A feature extractor and a label classifier on its features.

    Args:
        features: maps ``(N, *input_shape)`` to ``(N, D)``.
        classifier: maps ``(N, D)`` to logits ``(N, K)``.
        input_shape: shape of one example.
        discriminator_widths: default hidden widths of a domain discriminator on these features, those of the paper.
        initial: initial weights of the network, of its discriminators and of further classifiers.
    """

    def __init__(
        self,
        features: nn.Module,
        classifier: nn.Module,
        input_shape: Sequence[int],
        discriminator_widths: Sequence[int],
        initial: Initial = "pytorch",
    ) -> None:
        super().__init__()
        self.features, self.classifier = features, classifier
        self.input_shape, self.discriminator_widths = tuple(input_shape), tuple(discriminator_widths)
        self.initial: Initial = initial
        draw_weights(self, initial)

    def forward(self, x: Tensor) -> Tensor:
        return self.outputs(x, ("logits",))["logits"]

    def outputs(self, x: Tensor, layers: Sequence[str] = ("features", "logits")) -> Outputs:
        """The outputs of layers for the inputs ``x``, by name, each of shape ``(N, width)``.

        Args:
            x: inputs, shape ``(N, *input_shape)``.
            layers: ``features``, ``logits``, or dotted names of modules of this network, such as ``classifier.0``,
                whose outputs are flattened. Features are always returned; the classifier runs only if needed.
        """
        inner = [name for name in layers if name not in ("features", "logits")]
        with capture_outputs(self, inner) as found:
            features = self.features(x)
            if any(name == "logits" or name.startswith("classifier") for name in layers):
                found["logits"] = self.classifier(features)
        return {name: output.flatten(1) for name, output in found.items()} | {"features": features}

    def width(self, layer: str) -> int:
        """The width of a layer's output, measured by forwarding one example of zeros.

        Raises:
            ValueError: the network has no such layer.
        """
        training, like = self.training, next(self.parameters())
        try:
            with torch.no_grad():
                blank = like.new_zeros(1, *self.input_shape)
                return self.eval().outputs(blank, (layer,))[layer].shape[1]
        except (AttributeError, KeyError) as error:
            inner = ", ".join(name for name, _ in self.named_modules() if "." in name)
            raise ValueError(f"no layer {layer!r}: choose features, logits, or one of {inner}") from error
        finally:
            self.train(training)

    def discriminator(
        self, widths: Sequence[int] | None = None, in_features: int | None = None, dropout: float = 0.0
    ) -> DomainDiscriminator:
        """Build a domain discriminator.

        Args:
            widths: widths of its hidden layers; by default ``discriminator_widths``.
            in_features: width of its input; by default D, that of the features.
            dropout: dropout rate of its hidden layers.
        """
        chosen = self.discriminator_widths if widths is None else widths
        discriminator = DomainDiscriminator(in_features or self.feature_dim, chosen, dropout)
        draw_weights(discriminator, self.initial)
        return discriminator

    def another_classifier(self) -> nn.Module:
        """A copy of the classifier with new initial weights."""
        classifier = copy_with_new_weights(self.classifier)
        draw_weights(classifier, self.initial)
        return classifier

    @property
    def backbone(self) -> Backbone | None:
        """The pretrained part of the features, their first module; None if there is none."""
        return next((part for part in self.features.children() if isinstance(part, Backbone)), None)

    def require_backbone(self) -> Backbone:
        """The backbone, for methods that need one.

        Raises:
            ValueError: the network has no backbone.
        """
        if self.backbone is None:
            raise ValueError("needs a pretrained backbone that is trained: choose a network with one")
        return self.backbone

    def parameters_after_backbone(self) -> list[nn.Parameter]:
        """All parameters outside the backbone."""
        inside = {id(parameter) for parameter in self.require_backbone().parameters()}
        return [parameter for parameter in self.parameters() if id(parameter) not in inside]

    def without_backbone(self) -> "Network":
        """The network without its backbone, for inputs that are the backbone's outputs, ``(N, D)``."""
        parts = [(name, part) for name, part in self.features.named_children() if not isinstance(part, Backbone)]
        shape = (measure_width(self.require_backbone(), self.input_shape),)
        return Network(nn.Sequential(OrderedDict(parts)), self.classifier, shape, self.discriminator_widths)

    def with_backbone(self, backbone: Backbone, input_shape: Sequence[int]) -> "Network":
        """The inverse of ``without_backbone``, for the inputs of the backbone, of shape ``input_shape``."""
        parts = [("backbone", backbone), *self.features.named_children()]
        return Network(nn.Sequential(OrderedDict(parts)), self.classifier, input_shape, self.discriminator_widths)

    @property
    def feature_dim(self) -> int:
        """D, the width of the features."""
        return self.width("features")

    @property
    def num_classes(self) -> int:
        """K, the number of classes."""
        return self.width("logits")


@contextmanager
def capture_outputs(module: nn.Module, names: Sequence[str]) -> Iterator[Outputs]:
    """Collect the outputs of submodules, by dotted name, while ``module`` is forwarded within this context.

    Outputs are copied, because a following in-place ReLU would overwrite them.
    """
    found: Outputs = {}

    def keep(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        return lambda module, inputs, output: (
            found.update({name: _whole(module, output)}) if isinstance(output, Tensor) else None  # some return tuples
        )

    hooks = [module.get_submodule(name).register_forward_hook(keep(name)) for name in names]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _whole(module: nn.Module, output: Tensor) -> Tensor:
    """A copy of a module's output, of all rows where the module computes only its process's."""
    shards: RowShards | None = getattr(module, "row_shards", None)
    return output.clone() if shards is None or not shards.active else shards.gather(output)


def fully_connected(widths: Sequence[int], dropout: float = 0.0) -> nn.Sequential:
    """Linear layers with ReLU and dropout between them; the last one is linear.

    Args:
        widths: width of the input, of each hidden layer, and of the output.
        dropout: dropout rate after each ReLU; 0 for no dropout.
    """
    layers: list[nn.Module] = []
    for width_in, width_out in pairwise(widths):
        layers += [nn.Linear(width_in, width_out), nn.ReLU()]
        layers += [nn.Dropout(dropout)] if dropout else []
    while not isinstance(layers[-1], nn.Linear):
        layers.pop()
    return nn.Sequential(*layers)


def feature_width(features: nn.Module, input_shape: tuple[int, ...], name: str) -> int:
    """D of the features for inputs of shape ``input_shape``.

    Raises:
        BadInput: the network ``name`` cannot take such inputs.
    """
    try:
        return measure_width(features, input_shape)
    except (RuntimeError, ValueError) as error:  # BatchNorm raises a ValueError
        raise BadInput(f"network: {name} cannot take inputs of shape {input_shape}: choose another network") from error
