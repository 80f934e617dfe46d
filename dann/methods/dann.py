"""Domain-adversarial training of neural networks (Ganin et al. 2016)."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from dann.data import Batch
from dann.functional import domain_loss, label_loss, reverse_gradient
from dann.methods.base import Method
from dann.networks import DomainDiscriminator, Network, Outputs
from dann.schedules import LAMBDA_SCHEDULES

Width = Annotated[int, Field(ge=1)]


class Dann(Method):
    """DANN: features that classify the source while a discriminator cannot tell the domains by them.

    Ganin et al. 2016, section 4.2, equation (18). One update descends the label loss in features and classifier, the
    domain loss in the discriminator, and −λ times the domain loss in the features, λ acting inside the reversal.

    Args:
        weight: λ at the end of training.
        schedule: ``ramp`` raises λ from 0 as 2 / (1 + exp(−10p)) − 1 (section 5.2.2); ``constant`` keeps it.
        discriminator: hidden widths of the discriminator; by default what the paper puts on the network's features.
        together: forward source and target as one batch, as the paper does, so that BatchNorm normalises over both
            domains in training; else one after the other, each normalised by its own statistics. Without BatchNorm
            the two are the same.
    """

    adversarial = True

    def __init__(
        self,
        network: Network,
        *,
        weight: float = 1.0,
        schedule: Literal["ramp", "constant"] = "ramp",
        discriminator: list[Width] | None = None,
        together: bool = True,
    ) -> None:
        super().__init__(network)
        widths = network.discriminator_widths if discriminator is None else discriminator
        self.discriminator = DomainDiscriminator(network.feature_dim, widths)
        self.weight, self.schedule, self.together = weight, LAMBDA_SCHEDULES[schedule], together

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        source, target = self.both(batch, ("features",), self.together)
        lam = self.weight * self.schedule(progress)
        features = torch.cat([source["features"], target["features"]])
        n = len(batch.source_x)
        domain_logits = self.discriminator(reverse_gradient(features, lam))
        return {
            "label": label_loss(self.network.classifier(source["features"]), batch.source_y, batch.source_weight),
            "domain": domain_loss(domain_logits[:n], domain_logits[n:]),
        }

    def domain_logits(self, outputs: Outputs) -> Tensor:
        logits: Tensor = self.discriminator(outputs["features"])
        return logits

    def coefficients(self, progress: float) -> dict[str, float]:
        return {"lambda": self.weight * self.schedule(progress)}
