"""Training on the target's own predictions (Lee 2013, Sohn et al. 2020)."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from dann.data.loading.stream import Batch
from dann.functional.predictions import label_loss, pseudo_label_loss
from dann.methods.method import Method
from dann.networks.network import Network
from dann.optim import LAMBDA_SCHEDULES

Probability = Annotated[float, Field(ge=0, le=1)]


class PseudoLabel(Method):
    """Pseudo-labels: the class that the network finds likeliest is the label of a target example if it is certain.

    Lee 2013. One update descends the label loss and the cross-entropy of the target's predictions with their own
    likeliest classes in features and classifier; the mean is over all target examples, those without a label
    counting 0. Source and target are forwarded together, as one batch. The paper labels every example (``threshold``
    0) and raises the weight linearly, to 3.

    Args:
        weight: of the target's cross-entropy at the end of training.
        threshold: the least probability of a class that makes it a label.
        schedule: ``ramp`` raises the weight from 0 as 2 / (1 + exp(−10p)) − 1; ``constant`` keeps it.
    """

    def __init__(
        self,
        network: Network,
        *,
        weight: float = 1.0,
        threshold: Probability = 0.95,
        schedule: Literal["ramp", "constant"] = "ramp",
    ) -> None:
        super().__init__(network)
        self.weight, self.threshold, self.schedule = weight, threshold, LAMBDA_SCHEDULES[schedule]

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        source, target = self.both(batch, ("logits",))
        loss = pseudo_label_loss(target["logits"], target["logits"], self.threshold)
        return {
            "label": label_loss(source["logits"], batch.source_y, batch.source_weight),
            "pseudo_label": self.weight * self.schedule(progress) * loss,
        }

    def coefficients(self, progress: float) -> dict[str, float]:
        return {"lambda": self.weight * self.schedule(progress)}


class FixMatch(Method):
    """FixMatch: what the network is certain of in one view of a target example is its label in a second view.

    Sohn et al. 2020, equations (3) and (4), their unlabelled examples being the target's. One update descends the label
    loss and the cross-entropy of the predictions for ``Batch.target_view``, the strongly augmented view, with the
    likeliest classes of ``Batch.target_x``, in features and classifier; the mean is over all target examples, those
    below the threshold counting 0. Source and both views are forwarded together, as one batch. The paper has seven
    unlabelled examples to a labelled one; here there is one.

    Args:
        weight: of the target's cross-entropy (λ_u).
        threshold: the least probability of a class that makes it a label (τ).
    """

    second_view = True

    def __init__(self, network: Network, *, weight: float = 1.0, threshold: Probability = 0.95) -> None:
        super().__init__(network)
        self.weight, self.threshold = weight, threshold

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        if batch.target_view is None:
            raise ValueError("FixMatch needs a second view of the target: set data.target_view")
        parts = [batch.source_x, batch.target_x, batch.target_view]
        source, target, view = torch.split(self.predict(torch.cat(parts)), [len(part) for part in parts])
        return {
            "label": label_loss(source, batch.source_y, batch.source_weight),
            "pseudo_label": self.weight * pseudo_label_loss(view, target, self.threshold),
        }
