"""Networks by the name an experiment file gives them: each takes ``(input_shape, num_classes, *, options)``."""

from collections.abc import Callable

from dann.networks import digits, encoders, mlp, pretrained, series
from dann.networks.base import DomainDiscriminator, GradientReversal, Network, Outputs, Width
from dann.networks.copies import Frozen, fresh
from dann.networks.trunk import Trunk

NETWORKS: dict[str, Callable[..., Network]] = {
    "mnist": digits.mnist,
    "svhn": digits.svhn,
    "gtsrb": digits.gtsrb,
    "mlp": mlp.mlp,
    "cnn1d": series.cnn1d,
    "torchvision": pretrained.torchvision,
    "timm": pretrained.timm,
    "efficientnet_lite0": pretrained.efficientnet_lite0,
    "huggingface": encoders.huggingface,
}

__all__ = [
    "NETWORKS", "DomainDiscriminator", "Frozen", "GradientReversal", "Network", "Outputs", "Trunk", "Width", "fresh",
]  # fmt: skip
