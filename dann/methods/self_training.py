"""Self-training on pseudo-labels of the target (Lee 2013, Sohn et al. 2020)."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from dann.data.loading.stream import Batch
from dann.functional.predictions import label_loss, pseudo_label_loss
from dann.methods.method import Method
from dann.networks.network import Network
from dann.optim.schedules import LAMBDA_SCHEDULES
from dann.options import Factor

Probability = Annotated[float, Field(ge=0, le=1)]


class PseudoLabel(Method):
    """Pseudo-labels: confident predictions on the target serve as labels of the target examples.

    Lee 2013. One update, in features and classifier, descends the label loss plus ``weight`` times the cross-entropy of
    the target's predictions with their own most probable classes; the mean is over all target examples, and those below
    the threshold contribute 0. Both domains are forwarded together, as one batch. The paper labels every example
    (``threshold`` 0) and raises the weight linearly, to 3.

    Args:
        weight: weight of the target's cross-entropy at the end of training.
        threshold: minimum probability of a pseudo-label.
        schedule: ``ramp`` raises the weight from 0 as 2 / (1 + exp(−10p)) − 1; ``constant`` keeps it at ``weight``.
    """

    def __init__(
        self,
        network: Network,
        *,
        weight: Factor = 1.0,
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
    """FixMatch: confident predictions on a weak view of a target example serve as labels of a strong view.

    Sohn et al. 2020, equations (3) and (4), with the target's examples as their unlabelled ones. One update, in
    features and classifier, descends the label loss plus λ_u times the cross-entropy of the predictions for
    ``Batch.target_view``, the strongly augmented view, with the most probable classes for ``Batch.target_x``, the
    weakly augmented one; the mean is over all target examples, and those below the threshold contribute 0. Source and
    both views are forwarded together, as one batch. ``data.transform`` augments the source, ``data.target_transform``
    makes the weak view and ``data.target_view`` the strong one; each has the options of the one before where it says
    nothing else. The paper's weak view is flipped and moved by up to an eighth of the side, and so are its labelled
    examples; its strong view goes through RandAugment and Cutout on top of that (section 2.3). It has seven unlabelled
    examples for each labelled one: ``data.target_batch_size`` sets their number.

    Args:
        weight: λ_u, weight of the target's cross-entropy.
        threshold: τ, minimum probability of a pseudo-label.
    """

    second_view = True

    def __init__(self, network: Network, *, weight: Factor = 1.0, threshold: Probability = 0.95) -> None:
        super().__init__(network)
        self.weight, self.threshold = weight, threshold

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        if batch.target_view is None:
            raise ValueError("fixmatch needs a second view of the target: set data.target_view")
        parts = [batch.source_x, batch.target_x, batch.target_view]
        source, target, view = torch.split(self.predict(torch.cat(parts)), [len(part) for part in parts])
        return {
            "label": label_loss(source, batch.source_y, batch.source_weight),
            "pseudo_label": self.weight * pseudo_label_loss(view, target, self.threshold),
        }
