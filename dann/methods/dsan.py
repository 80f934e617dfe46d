"""Deep subdomain adaptation network (Zhu et al. 2020)."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from dann.data.loading.stream import Batch
from dann.functional.moments import Bandwidth, Kernels, lmmd
from dann.functional.precision import at_least_float32
from dann.functional.predictions import label_loss
from dann.methods.method import Method
from dann.networks.network import Network
from dann.optim.schedules import LAMBDA_SCHEDULES
from dann.options import Factor, Positive


class Dsan(Method):
    """DSAN: a source classifier whose features have equal distributions of both domains within each class.

    Zhu et al. 2020. One update descends the label loss plus λ times the local maximum mean discrepancy of the features,
    in the whole network; the target's classes are weighted by its class probabilities, held fixed. Both domains are
    forwarded together, as one batch, unless ``together`` is false.

    Args:
        weight: λ at the end of training. The kernel is a mean of Gaussian kernels, in the authors' code their sum:
            2.5 here is 0.5 there, its default.
        schedule: ``ramp`` raises λ from 0 as 2 / (1 + exp(−10p)) − 1; ``constant`` keeps it at ``weight``.
        layer: layer whose outputs are matched: ``features``, ``logits``, or the dotted name of a module.
        bandwidth: bandwidth of the kernels: the ``mean`` (as in the authors' code) or ``median`` squared distance
            between the batch's examples, or a number.
        multipliers: factors of ``bandwidth``, one for each kernel; the default is that of the authors' code.
        together: forward source and target as one batch, or, if false, one after the other, as the authors' code does:
            each normalised by its own statistics of BatchNorm.
    """

    smallest_batch = 2

    def __init__(
        self,
        network: Network,
        *,
        weight: Factor = 2.5,
        schedule: Literal["ramp", "constant"] = "ramp",
        layer: str = "features",
        bandwidth: Bandwidth | Positive = "mean",
        multipliers: Annotated[Sequence[Positive], Field(min_length=1)] = [0.25, 0.5, 1.0, 2.0, 4.0],
        together: bool = True,
    ) -> None:
        super().__init__(network)
        network.width(layer)  # raises if there is no such layer
        self.weight, self.together, self.schedule = weight, together, LAMBDA_SCHEDULES[schedule]
        self.layer, self.layers, self.kernels = layer, ("features", "logits", layer), Kernels(multipliers, bandwidth)

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        source, target = self.both(batch, self.layers, self.together)
        probabilities = at_least_float32(target["logits"]).softmax(1)
        discrepancy = lmmd(source[self.layer], target[self.layer], batch.source_y, probabilities, self.kernels)
        return {
            "label": label_loss(source["logits"], batch.source_y, batch.source_weight),
            "lmmd": self.weight * self.schedule(progress) * discrepancy,
        }

    def coefficients(self, progress: float) -> dict[str, float]:
        return {"lambda": self.weight * self.schedule(progress)}
