"""Batch nuclear-norm maximisation (Cui et al. 2020)."""

from typing import Literal

from torch import Tensor

from dann.data.loading.stream import Batch
from dann.functional.predictions import label_loss, nuclear_norm
from dann.methods.method import Method
from dann.networks.network import Network
from dann.options import Factor


class Bnm(Method):
    """BNM: certain and diverse predictions on the target, by a large nuclear norm of the prediction matrix.

    Cui et al. 2020. One update, in features and classifier, descends the label loss minus λ times the nuclear norm of
    the target's prediction matrix, divided by the number N of target examples in the batch as in equation (9). Both
    domains are forwarded together, as one batch. The code of the paper's authors divides by min(N, K) for K classes,
    which makes λ = 1 weigh max(1, N / K) times as much; ``divisor`` chooses.

    Args:
        weight: λ, weight of the nuclear norm.
        divisor: ``examples`` divides the norm by N, ``singular_values`` by min(N, K).
    """

    def __init__(
        self,
        network: Network,
        *,
        weight: Factor = 1.0,
        divisor: Literal["examples", "singular_values"] = "examples",
    ) -> None:
        super().__init__(network)
        self.weight, self.divisor = weight, divisor

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        source, target = self.both(batch, ("logits",))
        return {
            "label": label_loss(source["logits"], batch.source_y, batch.source_weight),
            "nuclear_norm": -self.weight * nuclear_norm(target["logits"], self.divisor),
        }
