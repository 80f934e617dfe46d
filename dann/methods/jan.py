"""Joint adaptation networks (Long et al. 2017)."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from dann.data.loading.stream import Batch
from dann.functional.moments import Bandwidth, Estimator, Kernels, jmmd
from dann.functional.precision import at_least_float32
from dann.functional.predictions import label_loss
from dann.methods.method import Method
from dann.networks.network import Network, Outputs
from dann.optim.schedules import LAMBDA_SCHEDULES
from dann.options import Factor, Positive


class Jan(Method):
    """JAN: a source classifier with equal joint distributions of features and predictions in both domains.

    Long et al. 2017, equation (10). One update descends the label loss plus λ times the squared joint maximum mean
    discrepancy of features and class probabilities, in the whole network. Both domains are forwarded together, as one
    batch. The paper computes the median bandwidth on the training data; here it is computed on the batch. JAN-A, whose
    adversarial layers first maximise the discrepancy, is omitted.

    Args:
        weight: λ at the end of training.
        schedule: ``ramp`` raises λ from 0 as 2 / (1 + exp(−10p)) − 1; ``constant`` keeps it at ``weight``.
        estimator: estimator of the discrepancy. ``linear``: over disjoint pairs of examples, as in the paper (equation
            11). ``unbiased`` (all pairs) and ``neighbours`` (each example with the next): as in the authors' later
            code. ``biased``: all pairs including i = j.
        bandwidth: bandwidth of the kernel on features: the ``median`` or ``mean`` squared distance between the batch's
            examples, or a number.
        multipliers: factors of ``bandwidth``, one for each Gaussian kernel: a single one in the paper; 0.25, 0.5, 1, 2
            and 4 of the mean in the authors' code.
        class_bandwidth: bandwidth of the kernel on class probabilities; 1.68 in the authors' code.
        class_multipliers: factors of ``class_bandwidth``.
    """

    smallest_batch = 2

    def __init__(
        self,
        network: Network,
        *,
        weight: Factor = 1.0,
        schedule: Literal["ramp", "constant"] = "ramp",
        estimator: Estimator = "linear",
        bandwidth: Bandwidth | Positive = "median",
        multipliers: Annotated[Sequence[Positive], Field(min_length=1)] = [1.0],
        class_bandwidth: Bandwidth | Positive = "median",
        class_multipliers: Annotated[Sequence[Positive], Field(min_length=1)] = [1.0],
    ) -> None:
        super().__init__(network)
        self.weight, self.schedule = weight, LAMBDA_SCHEDULES[schedule]
        self.estimator: Estimator = estimator
        self.kernels = [Kernels(multipliers, bandwidth), Kernels(class_multipliers, class_bandwidth)]

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        source, target = self.both(batch, self.layers)
        weight = self.weight * self.schedule(progress)
        discrepancy = jmmd(_joint(source), _joint(target), estimator=self.estimator, kernels=self.kernels)
        return {
            "label": label_loss(source["logits"], batch.source_y, batch.source_weight),
            "jmmd": weight * discrepancy,
        }

    def coefficients(self, progress: float) -> dict[str, float]:
        return {"lambda": self.weight * self.schedule(progress)}


def _joint(outputs: Outputs) -> list[Tensor]:
    return [outputs["features"], at_least_float32(outputs["logits"]).softmax(1)]
