"""Networks by the name an experiment file gives them: each takes ``(input_shape, num_classes, *, options)``."""

from collections.abc import Callable

from dann.networks.base import DomainDiscriminator, GradientReversal, Network
from dann.networks.digits import gtsrb, mnist, svhn
from dann.networks.mlp import mlp

NETWORKS: dict[str, Callable[..., Network]] = {"mnist": mnist, "svhn": svhn, "gtsrb": gtsrb, "mlp": mlp}

__all__ = ["NETWORKS", "DomainDiscriminator", "GradientReversal", "Network"]
