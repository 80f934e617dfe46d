"""Adaptive feature norms (Xu et al. 2019)."""

from typing import Literal

import torch
from torch import Tensor

from dann.data.loading.stream import Batch
from dann.functional.norms import hard_feature_norm, stepwise_feature_norm
from dann.functional.predictions import entropy, label_loss
from dann.methods.method import Method
from dann.networks.network import Network
from dann.options import Factor


class Afn(Method):
    """AFN: a source classifier whose features have large norms in both domains.

    Xu et al. 2019, "Larger norm more transferable". One update descends the label loss plus ``weight`` times the
    penalty on feature norms, in the whole network. Both domains are forwarded together, as one batch. The stepwise
    penalty is one mean over the examples of both domains; the authors' code sums the means of the two domains, so its
    weight of 0.05 is 0.1 here. Their norm-preserving dropout is omitted.

    Args:
        mode: ``stepwise`` (SAFN) increases every norm step by step; the value of its penalty is constant. ``hard``
            (HAFN) pulls the mean norm of each domain towards ``radius``.
        weight: λ, weight of the penalty.
        step: Δr of ``stepwise``.
        radius: R of ``hard``.
        entropy: weight of the entropy of the target's predictions, used in some of the authors' experiments.
        layer: the layer whose norms are penalised: ``features``, or the dotted name of a module. The paper takes the
            last hidden layer, with BatchNorm, ReLU and dropout: the option ``bottleneck`` of the small networks, with
            which ``features`` is that layer.
    """

    def __init__(
        self,
        network: Network,
        *,
        mode: Literal["stepwise", "hard"] = "stepwise",
        weight: Factor = 0.05,
        step: Factor = 1.0,
        radius: Factor = 25.0,
        entropy: Factor = 0.0,
        layer: str = "features",
    ) -> None:
        super().__init__(network)
        network.width(layer)  # refuses a layer that there is not
        self.layer, self.layers = layer, ("features", "logits", layer)
        self.mode, self.weight, self.step, self.radius = mode, weight, step, radius
        self.entropy = entropy

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        source, target = self.both(batch, self.layers)
        label = label_loss(source["logits"], batch.source_y, batch.source_weight)
        terms = {"label": label, "norm": self.weight * self._penalty(source[self.layer], target[self.layer])}
        return terms | {"entropy": self.entropy * entropy(target["logits"])} if self.entropy else terms

    def _penalty(self, source: Tensor, target: Tensor) -> Tensor:
        if self.mode == "hard":
            return hard_feature_norm(source, target, self.radius)
        return stepwise_feature_norm(torch.cat([source, target]), self.step)
