"""Supervised training on the source."""

from torch import Tensor

from dann.data.loading.stream import Batch
from dann.methods.method import Method


class SourceOnly(Method):
    """Source only: supervised training on the labelled examples.

    One update descends the label loss in features and classifier. Unlabelled target examples are never forwarded.
    Supervised baselines are this method with other data: with the target's labelled training split as the source it is
    "train on target".
    """

    regression = True

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        return {"label": self.supervised_loss(self.predict(batch.source_x), batch)}
