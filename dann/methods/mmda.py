"""Minimum discrepancy estimation for domain adaptation (Rahman et al. 2020)."""

from torch import Tensor

from dann.data.loading.stream import Batch
from dann.functional.moments import coral, mk_mmd
from dann.functional.predictions import entropy, label_loss
from dann.methods.method import Method
from dann.networks.network import Network
from dann.options import Factor


class Mmda(Method):
    """MMDA: equal kernel embeddings and equal covariances of both domains in one layer, and certain predictions.

    Rahman et al. 2020, "On minimum discrepancy estimation for deep domain adaptation". One update descends, in the
    whole network, the label loss plus weighted: the squared maximum mean discrepancy over all pairs with five Gaussian
    kernels about the mean squared distance, as in AdaTime (Ragab et al. 2023), the CORAL loss, and the entropy of the
    target's predictions. Both domains are forwarded together, as one batch, unless ``together`` is false. AdaTime's
    code computes the discrepancy without a gradient and the entropy of a softmax over the features; its kernel is the
    sum of the five, 5 times the mean here, and its CORAL loss is (N − 1)² / D² times the one here.

    Args:
        mmd_weight: weight of the discrepancy; the defaults of all three are not from the paper.
        coral_weight: weight of the CORAL loss.
        entropy_weight: weight of the entropy.
        layer: layer that is matched: ``features``, ``logits``, or the dotted name of a module.
        together: forward source and target as one batch, or, if false, one after the other, as AdaTime (Ragab et al.
            2023) does: each normalised by its own statistics of BatchNorm.
    """

    smallest_batch = 2

    def __init__(
        self,
        network: Network,
        *,
        mmd_weight: Factor = 1.0,
        coral_weight: Factor = 1.0,
        entropy_weight: Factor = 0.1,
        layer: str = "features",
        together: bool = True,
    ) -> None:
        super().__init__(network)
        network.width(layer)  # raises if there is no such layer
        self.mmd_weight, self.coral_weight, self.entropy_weight = mmd_weight, coral_weight, entropy_weight
        self.together, self.layer, self.layers = together, layer, ("features", "logits", layer)

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        source, target = self.both(batch, self.layers, self.together)
        matched = source[self.layer], target[self.layer]
        return {
            "label": label_loss(source["logits"], batch.source_y, batch.source_weight),
            "mmd": self.mmd_weight * mk_mmd(*matched, estimator="biased", bandwidth="mean"),
            "coral": self.coral_weight * coral(*matched),
            "entropy": self.entropy_weight * entropy(target["logits"]),
        }
