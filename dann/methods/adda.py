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
from dann.methods.method import Method, Stage
from dann.networks.copies import Frozen
from dann.networks.network import Network, Outputs
from dann.options import Factor, Width


class Adda(Method):
    """ADDA: a target encoder that starts from the trained source encoder and learns to produce similar outputs.

    Tzeng et al. 2017, "Adversarial discriminative domain adaptation", equation (9). In the stage ``pretrain`` features
    and classifier descend the label loss on the source alone. In the stage ``adapt`` the source encoder is fixed, a
    copy in evaluation mode, and each step makes two updates. The discriminator descends the domain loss between outputs
    of the source encoder for source examples and of the target encoder for target examples. The target encoder
    descends the cross-entropy of the discriminator's output with the inverted label "source".

    As in the authors' code the encoder is the whole network up to its logits. With another ``layer``, what follows that
    layer is fixed in the second stage; there is no label loss that could train it.

    The domains are forwarded apart: the target encoder sees the target alone. For both domains, predictions, features
    and discriminator accuracy are computed with the target encoder; in the second stage, scores on the source are
    therefore not those of the source encoder. The domain loss is a mean over both domains, half the paper's sum.

    Args:
        pretrain: share of training in the first stage.
        weight: weight of the encoder's loss. No other loss constrains the encoder, so it has to change slowly: the
            authors train this stage by Adam with a learning rate of 0.0002 and β₁ = 0.5, which ``optimizer.stages``
            sets. If SGD with one learning rate serves both stages, lower this weight instead.
        layer: whose outputs the discriminator sees: ``logits``, ``features``, or the dotted name of a module.
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
        layer: str = "logits",
        discriminator: list[Width] | None = None,
    ) -> None:
        super().__init__(network)
        self.discriminator = network.discriminator(discriminator, network.width(layer))
        self.pretrain, self.weight, self.milestones = pretrain, weight, (pretrain,)
        self.stages = (Stage("pretrain", 0.0), Stage("adapt", pretrain))
        self.layer, self.layers = layer, tuple(dict.fromkeys(("features", "logits", layer)))
        self.source_encoder = Frozen(self._encoder())

    def phases(self, progress: float) -> tuple[str, ...]:
        return ("label",) if progress < self.pretrain else ("discriminator", "encoder")

    def phase_parameters(self, phase: str) -> Sequence[nn.Parameter]:
        stepped = {"label": self.network, "discriminator": self.discriminator, "encoder": self._encoder()}
        return list(stepped[phase].parameters())

    def refresh(self, full_pass: FullPass, progress: float, evaluated: Method) -> None:
        self.source_encoder.copy_from(self._encoder())

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        if phase == "label":
            return {"label": label_loss(self.predict(batch.source_x), batch.source_y, batch.source_weight)}
        if phase == "discriminator":
            with torch.no_grad():
                source = self._encode(self.source_encoder.module, batch.source_x)
                target = self._encode(self._encoder(), batch.target_x)
            return {"domain": domain_loss(self.discriminator(source), self.discriminator(target))}
        logits = self.discriminator(self._encode(self._encoder(), batch.target_x))
        as_source = F.softplus(at_least_float32(logits)).mean()  # −log(1 − σ)
        return {"encoder": self.weight * as_source}

    def _encoder(self) -> nn.Module:
        return self.network.features if self.layer == "features" else self.network

    def _encode(self, encoder: nn.Module, x: Tensor) -> Tensor:
        """The outputs of ``layer``, shape ``(N, width)``."""
        outputs: Tensor = encoder.outputs(x, (self.layer,))[self.layer] if isinstance(encoder, Network) else encoder(x)
        return outputs

    def domain_logits(self, outputs: Outputs) -> Tensor:
        logits: Tensor = self.discriminator(outputs[self.layer])
        return logits
