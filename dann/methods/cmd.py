"""Central moment discrepancy for domain-invariant representations (Zellinger et al. 2017)."""

from typing import Annotated

from pydantic import Field
from torch import Tensor

from dann.data.loading.stream import Batch
from dann.functional.central_moments import central_moment_discrepancy
from dann.methods.method import Method
from dann.networks.network import Network
from dann.options import Factor, Positive


class Cmd(Method):
    """CMD: a source classifier with equal means and central moments of both domains in one layer.

    Zellinger et al. 2017, "Central Moment Discrepancy (CMD) for Domain-Invariant Representation Learning", equation (2)
    with definition 2 as its regulariser. One update descends the label loss plus λ times the discrepancy, in the whole
    network. Both domains are forwarded together, as one batch, unless ``together`` is false. The moments are meant for
    bounded activations, such as the sigmoid of ``mlp``; for others the paper asks for BatchNorm (section 2). As in the
    paper the moments are those of the batch; its batches have 300 examples of each domain in the authors' code
    (wzell/cmd).

    Args:
        weight: λ, weight of the discrepancy; 1 in all experiments of the paper.
        moments: K, highest order of the moments.
        span: |b − a|, from the least to the largest value of the layer's activation: 1 for the sigmoid, 2 for tanh. A
            moment of order k is divided by its k-th power.
        layer: layer whose moments are matched: ``features``, ``logits``, or the dotted name of a module.
        together: forward source and target as one batch, or, if false, one after the other, as the authors' code does:
            each normalised by its own statistics of BatchNorm.
    """

    smallest_batch = 2
    regression = True

    def __init__(
        self,
        network: Network,
        *,
        weight: Factor = 1.0,
        moments: Annotated[int, Field(ge=1, le=100)] = 5,
        span: Positive = 1.0,
        layer: str = "features",
        together: bool = True,
    ) -> None:
        super().__init__(network)
        network.width(layer)  # raises if there is no such layer
        self.weight, self.moments, self.span = weight, moments, span
        self.together, self.layer, self.layers = together, layer, ("features", "logits", layer)

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        source, target = self.both(batch, self.layers, self.together)
        matched = source[self.layer], target[self.layer]
        return {
            "label": self.supervised_loss(source["logits"], batch),
            "cmd": self.weight * central_moment_discrepancy(*matched, moments=self.moments, span=self.span),
        }
