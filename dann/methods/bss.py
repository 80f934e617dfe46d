"""Batch spectral shrinkage (Chen et al. 2019)."""

from typing import Annotated

from pydantic import Field
from torch import Tensor

from dann.data.loading.stream import Batch
from dann.functional.norms import spectral_shrinkage
from dann.methods.method import Method
from dann.networks.network import Network
from dann.options import Factor


class Bss(Method):
    """BSS: fine-tuning on the source that suppresses the feature directions that transfer least.

    Chen et al. 2019, "Catastrophic forgetting meets negative transfer: batch spectral shrinkage for safe transfer
    learning". One update descends the label loss plus η times the sum of the squares of the smallest singular values of
    the batch's features, in the whole network. Only source examples are forwarded.

    Args:
        weight: η, weight of the penalty.
        k: number of singular values penalised, from the smallest.

    Raises:
        ValueError: all features are frozen.
    """

    smallest_batch = 2
    regression = True

    def __init__(self, network: Network, *, weight: Factor = 0.001, k: Annotated[int, Field(ge=1)] = 1) -> None:
        super().__init__(network)
        if not any(parameter.requires_grad for parameter in network.features.parameters()):
            raise ValueError("needs features that are trained: choose finetune.backbone above 0 or head: bottleneck")
        self.weight, self.k = weight, k

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        outputs = self.outputs(batch.source_x)
        return {
            "label": self.supervised_loss(outputs["logits"], batch),
            "spectral": self.weight * spectral_shrinkage(outputs["features"], self.k),
        }
