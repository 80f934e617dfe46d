"""Joint adaptation networks (Long et al. 2017)."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from dann.data import Batch
from dann.functional import Bandwidth, Estimator, jmmd, label_loss, precise
from dann.methods.base import Method
from dann.methods.mmd import Multiplier
from dann.networks import Network, Outputs
from dann.schedules import LAMBDA_SCHEDULES


class Jan(Method):
    """JAN: a classifier of the source whose features and predictions have one joint distribution in both domains.

    Long et al. 2017, equation (10). One update descends the label loss plus λ times the squared joint maximum mean
    discrepancy of features and class probabilities, in the whole network. Both domains are forwarded together, as one
    batch. The paper takes the median bandwidth from the training data; here it is the batch's. JAN-A, which makes the
    discrepancy larger by adversarial layers before it is descended, is left out.

    Args:
        weight: λ at the end of training.
        schedule: ``ramp`` raises λ from 0 as 2 / (1 + exp(−10p)) − 1; ``constant`` keeps it.
        estimator: of the discrepancy: ``linear`` over disjoint pairs of examples, as the paper trains (equation 11);
            its authors' later code takes neighbouring pairs, others take all, as ``biased`` and ``unbiased`` do.
        bandwidth: of each layer's kernel: the ``median`` or ``mean`` squared distance of the batch's examples.
        multipliers: of the bandwidth, one for each Gaussian kernel: a single one in the paper. The authors' code has
            five on the features and one of fixed bandwidth 1.68 on the probabilities; here both have the same.
    """

    smallest_batch = 2

    def __init__(
        self,
        network: Network,
        *,
        weight: float = 1.0,
        schedule: Literal["ramp", "constant"] = "ramp",
        estimator: Estimator = "linear",
        bandwidth: Bandwidth = "median",
        multipliers: Annotated[Sequence[Multiplier], Field(min_length=1)] = [1.0],
    ) -> None:
        super().__init__(network)
        self.weight, self.schedule = weight, LAMBDA_SCHEDULES[schedule]
        self.distance = partial(jmmd, estimator=estimator, bandwidth=bandwidth, multipliers=multipliers)

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        source, target = self.both(batch, self.layers)
        weight = self.weight * self.schedule(progress)
        return {
            "label": label_loss(source["logits"], batch.source_y, batch.source_weight),
            "jmmd": weight * self.distance(_joint(source), _joint(target)),
        }

    def coefficients(self, progress: float) -> dict[str, float]:
        return {"lambda": self.weight * self.schedule(progress)}


def _joint(outputs: Outputs) -> list[Tensor]:
    return [outputs["features"], precise(outputs["logits"]).softmax(1)]
