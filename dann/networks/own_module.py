"""Networks of a module of the user's own, which a program hands over and no experiment file can name."""

from collections import OrderedDict
from copy import deepcopy

from torch import nn

from dann.errors import BadInput
from dann.networks.network import Network, feature_width

OWN_MODULE = "own_module"  # the name in a configuration that such a module is in the place of
DISCRIMINATOR = (100,)  # hidden widths, those of the paper on MNIST (Ganin et al. 2016, Figure 4a)


def own_module(input_shape: tuple[int, ...], num_classes: int) -> Network:
    """The place of a module in a configuration, which has no options and cannot be built from it alone."""
    raise BadInput(f"network: {OWN_MODULE} stands for a module of a program: name a network of `dann list`")


def wrap_module(module: nn.Module, input_shape: tuple[int, ...], num_classes: int) -> Network:
    """The network of a copy of a module, with its weights, and a new linear classifier.

    Args:
        module: maps ``(N, *input_shape)`` to features, which are flattened to ``(N, D)``; a ``Network`` has its own
            classifier.
        num_classes: K.

    Raises:
        BadInput: the module does not take such inputs, or has another number of classes.
    """
    name = type(module).__name__
    if isinstance(module, Network):
        own, wanted = (module.input_shape, module.num_classes), (input_shape, num_classes)
        if own != wanted:
            first, second = (f"inputs of shape {shape} and {classes} classes" for shape, classes in (own, wanted))
            raise BadInput(f"network: {name} is for {first}, but the data have {second}: build it for these")
        return deepcopy(module)
    features = nn.Sequential(OrderedDict[str, nn.Module](module=deepcopy(module), flat=nn.Flatten()))
    width = feature_width(features, input_shape, name)
    return Network(features, nn.Linear(width, num_classes), input_shape, DISCRIMINATOR)
