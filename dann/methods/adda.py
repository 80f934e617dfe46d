"""Adversarial discriminative domain adaptation (Tzeng et al. 2017)."""

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from dann.data.loading.full_pass import FullPass
from dann.data.loading.stream import Batch
from dann.functional.adversarial import domain_loss
from dann.functional.precision import at_least_float32
from dann.functional.predictions import label_loss
from dann.methods.method import Method
from dann.networks.copies import Frozen
from dann.networks.network import Network
from dann.options import Factor, Width


class Adda(Method):
    """ADDA: a target encoder that starts from the trained source encoder and learns to produce similar features.

    Tzeng et al. 2017, "Adversarial discriminative domain adaptation", equation (9). In the first part of training,
    features and classifier descend the label loss on the source alone. In the second part the classifier and the source
    encoder, a copy of the features in evaluation mode, are fixed, and each step makes two updates. The discriminator
    descends the domain loss between source features from the source encoder and target features from the target
    encoder. The target encoder descends the cross-entropy of the discriminator's output with the inverted label
    "source".

    The domains are forwarded apart: the target encoder sees the target alone. For both domains, predictions, features
    and discriminator accuracy are computed with the target encoder; in the second part, scores on the source are
    therefore not those of the source encoder. The domain loss is a mean over both domains, half the paper's sum. The
    optimiser keeps its state from the first part; the paper trains the second part separately.

    Args:
        pretrain: share of training in the first part.
        weight: weight of the encoder's loss. No other loss constrains the encoder, so it has to change slowly: the
            paper trains it with Adam at 0.0002. If one learning rate of SGD serves all parameters, lower this weight
            instead.
        discriminator: hidden widths of the discriminator, ``[500, 500]`` in the paper's experiments on digits; by
            default the ``discriminator_widths`` of the network.
    """

    adversarial = True
    reads_inputs = True

    def __init__(
        self,
        network: Network,
        *,
        pretrain: Annotated[float, Field(gt=0, lt=1)] = 0.5,
        weight: Factor = 1.0,
        discriminator: list[Width] | None = None,
    ) -> None:
        super().__init__(network)
        self.discriminator = network.discriminator(discriminator)
        self.source_encoder = Frozen(network.features)
        self.pretrain, self.weight, self.milestones = pretrain, weight, (pretrain,)

    def phases(self, progress: float) -> tuple[str, ...]:
        return ("label",) if progress < self.pretrain else ("discriminator", "encoder")

    def phase_parameters(self, phase: str) -> Sequence[nn.Parameter]:
        stepped = {"label": self.network, "discriminator": self.discriminator, "encoder": self.network.features}
        return list(stepped[phase].parameters())

    def refresh(self, full_pass: FullPass, progress: float) -> None:
        self.source_encoder.copy_from(self.network.features)

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        if phase == "label":
            return {"label": label_loss(self.predict(batch.source_x), batch.source_y, batch.source_weight)}
        if phase == "discriminator":
            with torch.no_grad():
                source, target = self.source_encoder(batch.source_x), self.network.features(batch.target_x)
            return {"domain": domain_loss(self.discriminator(source), self.discriminator(target))}
        logits = self.discriminator(self.network.features(batch.target_x))
        as_source = F.softplus(at_least_float32(logits)).mean()  # −log(1 − σ)
        return {"encoder": self.weight * as_source}
