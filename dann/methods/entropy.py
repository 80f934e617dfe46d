"""Entropy minimisation (Grandvalet and Bengio 2005) and information maximisation (Krause et al. 2010)."""

from torch import Tensor

from dann.data.loading.stream import Batch
from dann.functional.predictions import entropy, label_loss, marginal_entropy
from dann.methods.method import Method
from dann.networks.network import Network
from dann.options import Factor


class EntropyMinimisation(Method):
    """Entropy minimisation: certain predictions on the target and, with ``diversity``, diverse ones.

    Grandvalet and Bengio 2005, with the target's examples as their unlabelled ones. One update, in features and
    classifier, descends the label loss plus ``weight`` times the mean entropy of the target's predictions. With
    ``diversity`` it also ascends the entropy of the batch's mean prediction (information maximisation, Krause et al.
    2010), which prevents all target examples from being assigned to one class. Both domains are forwarded together, as
    one batch.

    Args:
        weight: weight of the mean entropy of the predictions. The paper chooses its λ by cross-validation.
        diversity: weight of the entropy of the mean prediction; with the value of ``weight``, the two terms are a
            mutual information.
    """

    def __init__(self, network: Network, *, weight: Factor = 0.1, diversity: Factor = 0.0) -> None:
        super().__init__(network)
        self.weight, self.diversity = weight, diversity

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        source, target = self.both(batch, ("logits",))
        return {
            "label": label_loss(source["logits"], batch.source_y, batch.source_weight),
            "entropy": self.weight * entropy(target["logits"]),
            "diversity": -self.diversity * marginal_entropy(target["logits"]),
        }
