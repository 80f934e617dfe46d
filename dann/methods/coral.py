"""Correlation alignment for deep networks (Sun and Saenko 2016)."""

from torch import Tensor

from dann.data.loading.stream import Batch
from dann.functional.moments import coral
from dann.methods.method import Method
from dann.networks.network import Network
from dann.options import Factor


class DeepCoral(Method):
    """Deep CORAL: a source classifier with equal covariances of both domains in one layer.

    Sun and Saenko 2016, section 3, equations (1) to (6). One update descends the label loss plus λ times the CORAL
    loss, in the whole network. Both domains are forwarded together, as one batch, unless ``together`` is false.

    Args:
        weight: λ, weight of the CORAL loss. The paper chooses it so that both losses are about equal at the end of
            training (section 4), which depends on the data; the default is not from the paper.
        layer: layer whose covariances are matched: ``features``, ``logits`` (the last layer, as in section 4), or the
            dotted name of a module.
        together: forward source and target as one batch, or, if false, one after the other, as AdaTime (Ragab et al.
            2023) does: each normalised by its own statistics of BatchNorm.
    """

    smallest_batch = 2
    regression = True

    def __init__(self, network: Network, *, weight: Factor = 1.0, layer: str = "logits", together: bool = True) -> None:
        super().__init__(network)
        network.width(layer)  # raises if there is no such layer
        self.weight, self.together = weight, together
        self.layer, self.layers = layer, ("features", "logits", layer)

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        source, target = self.both(batch, self.layers, self.together)
        return {
            "label": self.supervised_loss(source["logits"], batch),
            "coral": self.weight * coral(source[self.layer], target[self.layer]),
        }
