"""Margin disparity discrepancy (Zhang et al. 2019)."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from dann.data.loading.stream import Batch
from dann.functional.adversarial import reverse_gradient
from dann.functional.predictions import label_loss, margin_disparity_loss
from dann.methods.method import Method
from dann.networks.network import Network
from dann.optim.schedules import LAMBDA_SCHEDULES
from dann.options import Factor


class Mdd(Method):
    """MDD: features on which no adversarial classifier agrees with the classifier on source and disagrees on target.

    Zhang et al. 2019, "Bridging theory and algorithm for domain adaptation". One update descends the label loss in
    features and classifier, the margin disparity in a second, adversarial classifier, and −η times the margin disparity
    in the features, η acting inside a gradient reversal. The classifier's predicted classes are fixed labels in the
    margin disparity. Both domains are forwarded together, as one batch, as in the authors' code. Their bottleneck and
    hidden layer are options of the small networks, ``bottleneck: {width: 1024, classifier: hidden}``.

    Args:
        weight: η at the end of training.
        margin: γ, weight of the source in the margin disparity; the authors' code sets 4 for Office-31 and 2 for
            Office-Home.
        schedule: ``ramp`` raises η from 0 as 2 / (1 + exp(−10p)) − 1; ``constant`` keeps it at ``weight``.
        horizon: share of training after which the ramp has reached its end; above 1 it does not reach it. The authors'
            code raises η by step i as 2 / (1 + exp(−i / 1000)) − 1, which here is 10 000 over the number of steps.
    """

    def __init__(
        self,
        network: Network,
        *,
        weight: Factor = 0.1,
        margin: Annotated[float, Field(gt=0)] = 4.0,
        schedule: Literal["ramp", "constant"] = "ramp",
        horizon: Annotated[float, Field(gt=0)] = 1.0,
    ) -> None:
        super().__init__(network)
        self.adversary = network.another_classifier()
        self.weight, self.margin, self.schedule, self.horizon = weight, margin, LAMBDA_SCHEDULES[schedule], horizon

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        source, target = self.both(batch, self.layers)
        features = torch.cat([source["features"], target["features"]])
        adversary = self.adversary(reverse_gradient(features, self._eta(progress)))
        n = len(batch.source_x)
        return {
            "label": label_loss(source["logits"], batch.source_y, batch.source_weight),
            "disparity": margin_disparity_loss(
                source["logits"], adversary[:n], target["logits"], adversary[n:], self.margin
            ),
        }

    def _eta(self, progress: float) -> float:
        return self.weight * self.schedule(min(1.0, progress / self.horizon))

    def coefficients(self, progress: float) -> dict[str, float]:
        return {"lambda": self._eta(progress)}
