"""Entropy minimisation (Grandvalet and Bengio 2005) and information maximisation (Krause et al. 2010)."""

from torch import Tensor

from dann.data.loading.stream import Batch
from dann.functional.predictions import entropy, label_loss, marginal_entropy
from dann.methods.method import Method
from dann.networks.network import Network


class EntropyMinimisation(Method):
    """Entropy minimisation: predictions on the target that are certain, and with ``diversity`` also diverse.

    Grandvalet and Bengio 2005, their unlabelled examples being the target's. One update descends the label loss and the
    mean entropy of the target's predictions in features and classifier. With ``diversity`` it also ascends the entropy
    of the batch's mean prediction: information maximisation (Krause et al. 2010), so that the target does not all end
    up in one class. Source and target are forwarded together, as one batch.

    Args:
        weight: of the entropy of each prediction. The paper chooses its λ by cross-validation.
        diversity: of the entropy of the mean prediction; the same as ``weight`` makes the two a mutual information.
    """

    def __init__(self, network: Network, *, weight: float = 0.1, diversity: float = 0.0) -> None:
        super().__init__(network)
        self.weight, self.diversity = weight, diversity

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        source, target = self.both(batch, ("logits",))
        return {
            "label": label_loss(source["logits"], batch.source_y, batch.source_weight),
            "entropy": self.weight * entropy(target["logits"]),
            "diversity": -self.diversity * marginal_entropy(target["logits"]),
        }
