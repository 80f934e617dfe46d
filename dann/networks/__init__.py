"""Networks by the name an experiment file gives them: each takes ``(input_shape, num_classes, *, options)``."""

from collections.abc import Callable

from dann.networks import digits, mlp, resnet, series
from dann.networks.base import DomainDiscriminator, Frozen, GradientReversal, Network, Outputs, Width, fresh

NETWORKS: dict[str, Callable[..., Network]] = {
    "mnist": digits.mnist,
    "svhn": digits.svhn,
    "gtsrb": digits.gtsrb,
    "mlp": mlp.mlp,
    "cnn1d": series.cnn1d,
    "resnet18": resnet.resnet18,
}

__all__ = ["NETWORKS", "DomainDiscriminator", "Frozen", "GradientReversal", "Network", "Outputs", "Width", "fresh"]
