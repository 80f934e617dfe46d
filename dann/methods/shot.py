"""Source hypothesis transfer (Liang et al. 2020)."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from dann.data.loading.full_pass import FullPass
from dann.data.loading.stream import Batch
from dann.functional.centroids import centroids, nearest_centroid
from dann.functional.precision import at_least_float32
from dann.functional.predictions import entropy, label_loss, marginal_entropy
from dann.methods.method import Method, source_then_target
from dann.networks.copies import Frozen
from dann.networks.network import Network
from dann.options import Factor


class Shot(Method):
    """SHOT: a source model whose features are then trained on the target alone, with its classifier held fixed.

    Liang et al. 2020. In the stage ``pretrain`` features and classifier descend the label loss with smoothed labels on
    source examples. In the stage ``adapt`` no source example is forwarded: the features descend the mean entropy of the
    target's predictions, minus the entropy of the mean prediction, plus β times the cross-entropy with pseudo-labels. A
    pseudo-label is the class of the nearest centroid; centroids are computed ``refreshes`` times, and distances to them
    are measured in the features of the network at that time. The paper computes pseudo-labels from unaugmented
    examples, here they come from the batch as augmented. The domains are forwarded apart, each in its stage. Dropout
    and BatchNorm in the classifier stay in training mode. The paper's bottleneck with BatchNorm and its
    weight-normalised classifier are options of the network, ``bottleneck: {width: 256, activation: none, classifier:
    weight_norm}``; the lower learning rate of the backbone belongs to the optimiser.

    With ``from`` the source model is that of a finished run, there is no stage ``pretrain``, and no source example is
    read in training.

    Args:
        pretrain: share of training on the source, without effect with ``from``; the paper first trains the source
            model to convergence.
        weight: β, weight of the cross-entropy with pseudo-labels; 0.3 in the authors' code, 0.1 in its script for
            digits.
        smoothing: label smoothing on the source.
        refreshes: number of times the centroids are computed; once for each of 15 epochs in the authors' code,
            of 30 on digits.
        from_: the folder of a finished run whose network is the source model, such as
            ``{runs}/source-only/seed-{seed}``: ``{runs}`` in it is the folder of the experiment's own runs, ``{task}``
            that of the task, and ``{seed}`` the seed of the run that begins.
    """

    reads_inputs = True
    centroids: Tensor

    def __init__(
        self,
        network: Network,
        *,
        pretrain: Annotated[float, Field(gt=0, lt=1)] = 0.5,
        weight: Factor = 0.3,
        smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        refreshes: Annotated[int, Field(ge=1)] = 15,
        from_: str | None = None,
    ) -> None:
        super().__init__(network)
        self.reads_source = from_ is None
        pretrain = pretrain if self.reads_source else 0.0
        self.pretrain, self.weight, self.smoothing = pretrain, weight, smoothing
        self.stages = source_then_target(pretrain)
        self.milestones = tuple(pretrain + (1 - pretrain) * number / refreshes for number in range(refreshes))
        self.labeller = Frozen(network.features)
        self.register_buffer("centroids", torch.zeros(network.num_classes, network.feature_dim + 1))

    def phases(self, progress: float) -> tuple[str, ...]:
        return ("source",) if progress < self.pretrain else ("target",)

    def phase_parameters(self, phase: str) -> list[nn.Parameter] | None:
        return None if phase == "source" else list(self.network.features.parameters())

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        if phase == "source":
            logits = self.predict(batch.source_x)
            return {"label": label_loss(logits, batch.source_y, batch.source_weight, self.smoothing)}
        logits = self.predict(batch.target_x)
        with torch.no_grad():
            labels = nearest_centroid(self.labeller(batch.target_x), self.centroids)
        return {
            "entropy": entropy(logits),
            "diversity": -marginal_entropy(logits),
            "pseudo_label": self.weight * label_loss(logits, labels),
        }

    def refresh(self, full_pass: FullPass, progress: float, evaluated: Method) -> None:
        outputs = [self.outputs(x) for x in full_pass.target()]
        features = torch.cat([each["features"] for each in outputs])
        probabilities = at_least_float32(torch.cat([each["logits"] for each in outputs])).softmax(1)
        labels = nearest_centroid(features, centroids(features, probabilities))
        self.centroids.copy_(centroids(features, F.one_hot(labels, probabilities.shape[1])))
        self.labeller.copy_from(self.network.features)
