"""Co-Tuning: fine-tuning that also trains the pretrained classifier (You et al. 2020)."""

from copy import deepcopy
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from dann.data.loading.full_pass import FullPass
from dann.data.loading.stream import Batch
from dann.functional.precision import at_least_float32
from dann.functional.predictions import label_loss
from dann.functional.relations import direct_relation, reverse_relation
from dann.methods.method import Method
from dann.networks.network import Network
from dann.options import Factor


class CoTuning(Method):
    """Co-Tuning: fine-tuning on the source that also trains the pretrained last layer, on the classes of pretraining.

    You et al. 2020. Before training, the relation p(pretrained class | class) is estimated on the labelled examples
    from the pretrained predictions. Each update then descends the label loss plus λ times the cross-entropy of the
    pretrained layer's predictions with p(· | y), in the whole network and in that layer. Only source examples are
    forwarded. The paper calibrates the pretrained predictions on the data of pretraining; here they are not calibrated,
    because these data are not available.

    Args:
        weight: λ, weight of the cross-entropy on the classes of pretraining.
        relation: estimate of p(pretrained class | class). ``reverse``: p(class | pretrained prediction) by logistic
            regression, inverted by Bayes' rule. ``direct``: the mean pretrained prediction over the examples of each
            class.

    Raises:
        ValueError: the network has no backbone, or its pretrained last layer is unknown or does not act on the
            backbone's features.
    """

    needs_pretrained = True
    relations: Tensor

    def __init__(
        self, network: Network, *, weight: Factor = 2.3, relation: Literal["reverse", "direct"] = "reverse"
    ) -> None:
        super().__init__(network)
        head = network.require_backbone().head
        if head is None or head.in_features != network.width("features.backbone"):
            raise ValueError(
                "needs the pretrained last layer: choose a torchvision model, weights that include it, and head: linear"
            )
        self.weight, self.relation, self.pretrained_head = weight, relation, deepcopy(head)
        self.layers, self.milestones = ("features", "logits", "features.backbone"), (0.0,)
        self.register_buffer("relations", torch.zeros(network.num_classes, head.out_features))

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        outputs = self.outputs(batch.source_x)
        pretrained = at_least_float32(self.pretrained_head(outputs["features.backbone"]))
        return {
            "label": label_loss(outputs["logits"], batch.source_y, batch.source_weight),
            "pretrained": self.weight * F.cross_entropy(pretrained, self.relations[batch.source_y]),
        }

    def refresh(self, full_pass: FullPass, progress: float, evaluated: Method) -> None:
        examples = [(at_least_float32(self.pretrained_head(self.outputs(x)["features.backbone"])).softmax(1), y)
                    for x, y in full_pass.source()]  # fmt: skip
        probabilities, labels = (torch.cat(parts) for parts in zip(*examples, strict=True))
        relate = reverse_relation if self.relation == "reverse" else direct_relation
        self.relations.copy_(relate(probabilities, labels, len(self.relations)))
