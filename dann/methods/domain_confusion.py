"""Domain confusion (Tzeng et al. 2015)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dann.data.loading.stream import Batch
from dann.functional.adversarial import confusion_loss, domain_loss
from dann.methods.method import Method
from dann.networks.network import Network
from dann.options import Factor, Width


class DomainConfusion(Method):
    """Domain confusion: features on which a discriminator, trained alternately with them, is maximally uncertain.

    Tzeng et al. 2015, "Simultaneous deep transfer across domains and tasks". Each step makes two updates. First the
    discriminator descends the domain loss with the features held fixed. Then features and classifier descend the label
    loss plus λ times the confusion loss, the cross-entropy of the discriminator's output with the uniform distribution
    over the domains, with the discriminator held fixed. In both updates the domains are forwarded together, as one
    batch. The paper's soft-label loss for labelled target examples is omitted.

    Args:
        weight: λ, weight of the confusion loss; constant over training.
        discriminator: hidden widths of the discriminator; by default the ``discriminator_widths`` of the network.
    """

    adversarial = True
    regression = True

    def __init__(self, network: Network, *, weight: Factor = 0.01, discriminator: list[Width] | None = None) -> None:
        super().__init__(network)
        self.discriminator = network.discriminator(discriminator)
        self.weight = weight

    def phases(self, progress: float) -> tuple[str, ...]:
        return "discriminator", "network"

    def phase_parameters(self, phase: str) -> Sequence[nn.Parameter]:
        return list((self.discriminator if phase == "discriminator" else self.network).parameters())

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        with torch.set_grad_enabled(phase == "network"):
            source, target = self.both(batch, ("features",))
        logits = self.discriminator(torch.cat([source["features"], target["features"]]))
        if phase == "discriminator":
            n = len(batch.source_x)
            return {"domain": domain_loss(logits[:n], logits[n:])}
        classes = self.network.classifier(source["features"])
        return {
            "label": self.supervised_loss(classes, batch),
            "confusion": self.weight * confusion_loss(logits),
        }
