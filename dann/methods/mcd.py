"""Maximum classifier discrepancy (Saito et al. 2018)."""

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from dann.data.loading.stream import Batch
from dann.functional.predictions import classifier_discrepancy, label_loss
from dann.methods.method import Method
from dann.networks.network import Network, Outputs
from dann.options import Factor


class Mcd(Method):
    """MCD: two classifiers that maximise their discrepancy on the target, and features that minimise it.

    Saito et al. 2018, "Maximum classifier discrepancy for unsupervised domain adaptation". Each step makes
    2 + ``num_k`` updates. A: features and classifiers descend the label losses of both classifiers. B: the classifiers
    descend the label losses minus the discrepancy on the target, with the features held fixed. C, ``num_k`` times: the
    features descend the discrepancy on the target, with the classifiers held fixed. The label term is the sum of both
    classifiers' losses. The log holds the last value of each term in a step: the label losses of B and the discrepancy
    of the last C.

    The domains are forwarded apart, each as a batch of its own, as in the authors' code: the source in A and B, the
    target in B and in each C. The prediction is the mean of both classifiers' logits.

    Args:
        num_k: number of updates C in each step, the paper's n.
        weight: weight of the discrepancy in B and C; 1 in the paper.
    """

    def __init__(self, network: Network, *, num_k: Annotated[int, Field(ge=1)] = 4, weight: Factor = 1.0) -> None:
        super().__init__(network)
        self.second_classifier = network.another_classifier()
        self.num_k, self.weight = num_k, weight

    def phases(self, progress: float) -> tuple[str, ...]:
        return ("label", "classifiers", *["features"] * self.num_k)

    def phase_parameters(self, phase: str) -> Sequence[nn.Parameter] | None:
        if phase == "label":
            return None
        if phase == "features":
            return list(self.network.features.parameters())
        return [*self.network.classifier.parameters(), *self.second_classifier.parameters()]

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        if phase == "label":
            return {"label": self._label_losses(batch, self.network.features(batch.source_x))}
        if phase == "features":
            return {"discrepancy": self.weight * self._discrepancy(self.network.features(batch.target_x))}
        with torch.no_grad():
            source, target = self.both(batch, ("features",), together=False)
        return {
            "label": self._label_losses(batch, source["features"]),
            "discrepancy": -self.weight * self._discrepancy(target["features"]),
        }

    def _label_losses(self, batch: Batch, features: Tensor) -> Tensor:
        label, weight = batch.source_y, batch.source_weight
        other = label_loss(self.second_classifier(features), label, weight)
        return label_loss(self.network.classifier(features), label, weight) + other

    def _discrepancy(self, features: Tensor) -> Tensor:
        return classifier_discrepancy(self.network.classifier(features), self.second_classifier(features))

    def outputs(self, x: Tensor) -> Outputs:
        outputs = super().outputs(x)
        return outputs | {"logits": (outputs["logits"] + self.second_classifier(outputs["features"])) / 2}
