"""Minimum class confusion (Jin et al. 2020)."""

from typing import Annotated

from pydantic import Field
from torch import Tensor

from dann.data.loading.stream import Batch
from dann.functional.predictions import class_confusion, label_loss
from dann.methods.method import Method
from dann.networks.network import Network
from dann.options import Factor


class Mcc(Method):
    """MCC: a classifier that rarely assigns two classes a high probability for one target example.

    Jin et al. 2020, equation (8), with the loss of equations (1) to (7). One update, in features and classifier,
    descends the label loss plus μ times the class confusion of the target's predictions. Both domains are forwarded
    together, as one batch.

    Args:
        weight: μ, weight of the class confusion.
        temperature: T, divisor of the target's logits.
    """

    def __init__(
        self, network: Network, *, weight: Factor = 1.0, temperature: Annotated[float, Field(gt=0)] = 2.5
    ) -> None:
        super().__init__(network)
        self.weight, self.temperature = weight, temperature

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        source, target = self.both(batch, ("logits",))
        return {
            "label": label_loss(source["logits"], batch.source_y, batch.source_weight),
            "confusion": self.weight * class_confusion(target["logits"], self.temperature),
        }
