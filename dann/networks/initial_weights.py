"""Initial weights other than PyTorch's."""

from typing import Literal

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
