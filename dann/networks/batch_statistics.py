"""The BatchNorm layers of a network: their statistics over whole sets of examples, and their affine parameters."""

from collections.abc import Iterable

from torch import Tensor, nn

from dann.networks.network import Network

Norm = nn.modules.batchnorm._BatchNorm


def find_norms(network: nn.Module) -> list[Norm]:
    """The BatchNorm layers, those of the classifier included."""
    return [module for module in network.modules() if isinstance(module, Norm)]


def affine_parameters(network: nn.Module) -> list[nn.Parameter]:
    """The scales γ and shifts β of the BatchNorm layers."""
    return [parameter for norm in find_norms(network) for parameter in norm.parameters()]


def require_norms(network: nn.Module, name: str) -> None:
    """Check that there is something to adapt.

    Args:
        name: of the method, for the message.

    Raises:
        ValueError: the network has no BatchNorm.
    """
    if not find_norms(network):
        raise ValueError(
            f"{name} adapts BatchNorm, but this network has none: set network.bottleneck or, where the network has "
            "it, network.batch_norm: true"
        )


def set_statistics(network: Network, batches: Iterable[Tensor]) -> None:
    """Replace the running statistics of BatchNorm by those of given examples, weighting each example equally.

    Each batch is normalised by its own statistics; a batch of one example has none and is left out.

    Args:
        network: in evaluation mode; its other layers stay in it.
        batches: inputs, shape ``(C, ...)`` each.
    """
    norms, seen = find_norms(network), 0
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.train()
    try:
        for x in batches:
            seen += len(x)
            for norm in norms:
                norm.momentum = len(x) / seen  # makes the running statistics the mean over all examples so far
            if len(x) > 1:
                network(x)  # the classifier too, which has BatchNorm in some networks
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
