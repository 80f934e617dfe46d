"""Conditional adversarial domain adaptation (Long et al. 2018)."""

from typing import Literal

import torch
from torch import Tensor

from dann.data.loading.stream import Batch
from dann.functional.adversarial import (
    domain_adversarial_loss,
    entropy_weight,
    multilinear_map,
    randomized_map,
    reverse_gradient,
)
from dann.functional.precision import at_least_float32
from dann.functional.predictions import entropy, label_loss
from dann.methods.method import Method
from dann.networks.network import Network, Outputs
from dann.optim.schedules import LAMBDA_SCHEDULES
from dann.options import Factor, Width

LARGEST = 4096  # width of the multilinear map above which the paper uses a random projection


class Cdan(Method):
    """CDAN: DANN whose discriminator sees the outer product of features and class probabilities.

    Long et al. 2018. One update descends the label loss in features and classifier, the domain loss in the
    discriminator, and −λ times the domain loss in the network, λ acting inside the reversal of the map. Both domains
    are forwarded together, as one batch, unless ``together`` is false. The domain loss is the mean over both domains,
    half of the paper's sum of two means, as for DANN. If the example weights do not average 1, the term is called
    ``weighted_domain`` instead of ``domain``, because its value at chance is not ln 2.

    Args:
        entropy: weight each example by 1 + exp(−H), where H is the entropy of its prediction (CDAN+E). The network
            ascends the loss through the weights too, as strongly as through the map.
        normalised: divide the weights by their mean over the domain's batch, held fixed, as the authors' code does and
            the paper does not.
        detach: hold the class probabilities in the map fixed, as the authors' code does; the paper leaves this open.
        randomized: random projection of the map: ``always``, ``never``, or ``auto``, which projects if features times
            classes exceed 4096, as in the paper.
        random_dim: d, width of the random projection.
        weight: λ at the end of training.
        schedule: ``ramp`` raises λ from 0 as 2 / (1 + exp(−10p)) − 1; ``constant`` keeps it at ``weight``.
        discriminator: hidden widths of the discriminator; by default the ``discriminator_widths`` of the network.
        target_entropy: weight of the entropy of the target's predictions, which AdaTime adds and the paper does not.
        together: forward source and target as one batch, or, if false, one after the other, as AdaTime (Ragab et al.
            2023) does: each normalised by its own statistics of BatchNorm.
    """

    adversarial = True
    feature_matrix: Tensor | None
    class_matrix: Tensor | None

    def __init__(
        self,
        network: Network,
        *,
        entropy: bool = False,
        normalised: bool = False,
        detach: bool = True,
        randomized: Literal["auto", "always", "never"] = "auto",
        random_dim: Width = 1024,
        weight: Factor = 1.0,
        schedule: Literal["ramp", "constant"] = "ramp",
        discriminator: list[Width] | None = None,
        target_entropy: Factor = 0.0,
        together: bool = True,
    ) -> None:
        super().__init__(network)
        features, classes = network.feature_dim, network.num_classes
        random = randomized == "always" or (randomized == "auto" and features * classes > LARGEST)
        self.discriminator = network.discriminator(discriminator, random_dim if random else features * classes)
        for name, size in (("feature_matrix", features), ("class_matrix", classes)):
            self.register_buffer(name, torch.randn(size, random_dim) if random else None)
        self.entropy, self.normalised, self.detach = entropy, normalised, detach
        self.weight, self.schedule = weight, LAMBDA_SCHEDULES[schedule]
        self.target_entropy, self.together = target_entropy, together

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        source, target = self.both(batch, self.layers, self.together)
        lam = self.weight * self.schedule(progress)
        weights = [self._weights(of["logits"], lam) for of in (source, target)]
        name = "weighted_domain" if self.entropy and not self.normalised else "domain"
        terms = {
            "label": label_loss(source["logits"], batch.source_y, batch.source_weight),
            name: domain_adversarial_loss(self.discriminator, self._map(source), self._map(target), lam, *weights),
        }
        if self.target_entropy:
            terms["entropy"] = self.target_entropy * entropy(target["logits"])
        return terms

    def _weights(self, logits: Tensor, lam: float) -> Tensor | None:
        """The entropy weights of one domain's examples, with the gradient through them reversed."""
        if not self.entropy:
            return None
        weights = entropy_weight(reverse_gradient(logits, lam))
        return weights / weights.mean().detach() if self.normalised else weights

    def _map(self, outputs: Outputs) -> Tensor:
        """The discriminator's input: the multilinear map ``(N, K·D)`` or its random projection ``(N, d)``."""
        features, probabilities = outputs["features"], at_least_float32(outputs["logits"]).softmax(1)
        probabilities = probabilities.detach() if self.detach else probabilities
        if self.feature_matrix is None or self.class_matrix is None:
            return multilinear_map(features, probabilities)
        return randomized_map(features, probabilities, self.feature_matrix, self.class_matrix)

    def domain_logits(self, outputs: Outputs) -> Tensor:
        logits: Tensor = self.discriminator(self._map(outputs))
        return logits

    def coefficients(self, progress: float) -> dict[str, float]:
        return {"lambda": self.weight * self.schedule(progress)}
