"""Deep domain confusion (Tzeng et al. 2014) and deep adaptation networks (Long et al. 2015)."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from dann.data.loading.stream import Batch
from dann.functional.moments import Bandwidth, Estimator, mean_distance, mk_mmd
from dann.methods.method import Method
from dann.networks.network import Network
from dann.options import Factor, Positive


class Ddc(Method):
    """DDC: a source classifier with equal means of both domains in one layer.

    Tzeng et al. 2014, equations (1) and (2). One update descends the label loss plus λ times the squared distance
    between the two means, in the whole network. Both domains are forwarded together, as one batch, unless ``together``
    is false. The paper adds a bottleneck of 256 units behind AlexNet's fc7 and matches the means there; here they are
    matched in an existing layer of the network.

    Args:
        weight: λ, weight of the squared distance.
        layer: layer whose means are matched: ``features``, ``logits``, or the dotted name of a module.
        together: forward source and target as one batch, or, if false, one after the other, as AdaTime (Ragab et al.
            2023) does: each normalised by its own statistics of BatchNorm.
    """

    regression = True

    def __init__(
        self, network: Network, *, weight: Factor = 0.25, layer: str = "features", together: bool = True
    ) -> None:
        super().__init__(network)
        network.width(layer)  # raises if there is no such layer
        self.weight, self.together = weight, together
        self.layer, self.layers = layer, ("features", "logits", layer)

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        source, target = self.both(batch, self.layers, self.together)
        return {
            "label": self.supervised_loss(source["logits"], batch),
            "mmd": self.weight * mean_distance(source[self.layer], target[self.layer]),
        }


class Dan(Method):
    """DAN: a source classifier with equal distributions of both domains in each of several layers.

    Long et al. 2015, equation (4). One update descends the label loss plus λ times the sum over the layers of the
    squared maximum mean discrepancy, each with several Gaussian kernels, in the whole network. Both domains are
    forwarded together, as one batch, unless ``together`` is false. The paper learns the weights of the kernels; here
    they are equal, as in the code that its authors published later.

    Args:
        weight: λ, weight of the sum; the paper gives no single value.
        layers: layers that are matched: ``features``, ``logits``, or dotted names of modules.
        estimator: estimator of each discrepancy. ``linear``: over disjoint pairs of examples, as in the paper.
            ``unbiased`` (all pairs) and ``neighbours`` (each example with the next): as in the authors' later code.
            ``biased``: all pairs including i = j.
        bandwidth: bandwidth of the kernels: the ``median`` or ``mean`` squared distance between the batch's examples,
            or a number.
        multipliers: factors of ``bandwidth``, one for each kernel.
        together: forward source and target as one batch, or, if false, one after the other, as AdaTime (Ragab et al.
            2023) does: each normalised by its own statistics of BatchNorm.
    """

    smallest_batch = 2
    regression = True

    def __init__(
        self,
        network: Network,
        *,
        weight: Factor = 1.0,
        layers: Annotated[Sequence[str], Field(min_length=1)] = ["features", "logits"],
        estimator: Estimator = "linear",
        bandwidth: Bandwidth | Positive = "median",
        multipliers: Annotated[Sequence[Positive], Field(min_length=1)] = [0.25, 0.5, 1.0, 2.0, 4.0],
        together: bool = True,
    ) -> None:
        super().__init__(network)
        for layer in layers:
            network.width(layer)  # raises if there is no such layer
        self.weight, self.together = weight, together
        self.matched, self.layers = tuple(layers), ("features", "logits", *layers)
        self.distance = partial(mk_mmd, estimator=estimator, bandwidth=bandwidth, multipliers=multipliers)

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        source, target = self.both(batch, self.layers, self.together)
        distances = [self.distance(source[layer], target[layer]) for layer in self.matched]
        return {
            "label": self.supervised_loss(source["logits"], batch),
            "mmd": self.weight * torch.stack(distances).sum(),
        }
