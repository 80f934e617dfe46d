"""Multitask learning: one label classifier for each domain on shared features (Caruana 1997)."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from dann.data.loading.stream import Batch
from dann.functional.precision import at_least_float32
from dann.functional.predictions import label_loss
from dann.methods.method import Method
from dann.networks.network import Network, Outputs


class Multitask(Method):
    """Multitask: shared features of several domains, and a separate label classifier for each domain.

    Caruana 1997, "Multitask learning". One update descends the label loss of every labelled example under the
    classifier of its domain, in that classifier and the features. The examples of all sources are forwarded together,
    as one batch. Labelled target examples (``data.target_labelled``) are part of it and have a classifier of their own.
    Other target examples are not forwarded.

    Args:
        sources: S, number of source domains.
        predict: prediction on target: ``mean`` for the mean probability of the source classifiers, ``target`` for the
            target's classifier, which needs labelled target examples.
    """

    def __init__(
        self,
        network: Network,
        *,
        sources: Annotated[int, Field(ge=1, le=1000)] = 1,
        predict: Literal["mean", "target"] = "mean",
    ) -> None:
        super().__init__(network)
        self.sources, self.needs_target_labels = sources, predict == "target"
        self.others = nn.ModuleList(network.another_classifier() for _ in range(sources))

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        features = self.network.outputs(batch.source_x, ("features",))["features"]
        logits = torch.stack([head(features) for head in self._heads()], dim=1)
        index = batch.source_domain[:, None, None].expand(-1, 1, logits.shape[2])
        return {"label": label_loss(logits.gather(1, index).squeeze(1), batch.source_y, batch.source_weight)}

    def outputs(self, x: Tensor) -> Outputs:
        features = self.network.outputs(x, ("features",))["features"]
        if self.needs_target_labels:
            return {"features": features, "logits": self._heads()[-1](features)}
        each = torch.stack([at_least_float32(head(features)).log_softmax(1) for head in self._heads()[:-1]])
        return {"features": features, "logits": each.logsumexp(0)}

    def _heads(self) -> list[nn.Module]:
        return [self.network.classifier, *self.others]
