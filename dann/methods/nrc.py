"""Neighbourhood reciprocity clustering (Yang et al. 2021)."""

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from dann.data.loading.full_pass import FullPass
from dann.data.loading.stream import Batch
from dann.functional.neighbours import nearest_others, neighbour_agreement, reciprocal_affinity
from dann.functional.precision import at_least_float32
from dann.functional.predictions import label_loss, marginal_entropy
from dann.methods.method import Method, source_then_target
from dann.networks.network import Network

FEATURES, PROBABILITIES = "bank_features", "bank_probabilities"


class Nrc(Method):
    """NRC: a source model that is then trained on the target alone, for predictions that agree among neighbours.

    Yang et al. 2021, section 3. In the stage ``pretrain`` the whole network descends the label loss with smoothed
    labels on source examples. In the stage ``adapt`` no source example is forwarded: the whole network descends L_div +
    L_N + L_E + L_self. L_div is minus the entropy of the mean prediction, which is the paper's divergence from uniform
    shares up to a constant. L_N is minus the agreement with the K nearest neighbours, each weighted by its affinity;
    L_E with the M nearest of each of these, weighted by r; L_self with the example's own remembered prediction.
    Neighbours and their predictions come from a memory of all training examples of the target, which is filled once,
    without augmentation and in evaluation mode, before the stage, and in which each step writes the features and
    predictions of its batch before it looks up neighbours. An example is never a neighbour of its own, but may be one
    of its expanded neighbours, which may repeat, as in the paper. The authors' code has no L_self, but the same
    expanded neighbours, among which an example's own prediction often is.

    The memory takes N (D + K) numbers for N examples, and a step compares (1 + K) times the target's batch with all of
    it. The paper's bottleneck with BatchNorm and its weight-normalised classifier are options of the network,
    ``bottleneck: {width: 256, activation: none, classifier: weight_norm}``; the lower learning rate of the backbone
    belongs to the optimiser. The domains are forwarded apart, each in its stage.

    With ``from`` the source model is that of a finished run, there is no stage ``pretrain``, and no source example is
    read in training.

    Args:
        pretrain: share of training on the source, without effect with ``from``; the paper first trains the source
            model to convergence.
        neighbours: K; the paper takes 5 on VisDA and 3 on the smaller Office sets; in the authors' code for
            Office-Home it is 5 in the second half of the training.
        expanded: M, of each neighbour; 5 on VisDA and 2 on the Office sets, for Office-Home 4 in that half.
        affinity: r, of neighbours that are not reciprocal, and of all expanded neighbours.
        smoothing: label smoothing on the source.
        from_: the folder of a finished run whose network is the source model, such as
            ``{runs}/source-only/seed-{seed}``: ``{runs}`` in it is the folder of the experiment's own runs, ``{task}``
            that of the task, and ``{seed}`` the seed of the run that begins.
    """

    bank_features: Tensor
    bank_probabilities: Tensor

    def __init__(
        self,
        network: Network,
        *,
        pretrain: Annotated[float, Field(gt=0, lt=1)] = 0.5,
        neighbours: Annotated[int, Field(ge=1, le=1000)] = 5,
        expanded: Annotated[int, Field(ge=1, le=1000)] = 5,
        affinity: Annotated[float, Field(ge=0, le=1)] = 0.1,
        smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        from_: str | None = None,
    ) -> None:
        super().__init__(network)
        self.reads_source = from_ is None
        self.pretrain = pretrain if self.reads_source else 0.0
        self.neighbours, self.expanded, self.affinity, self.smoothing = neighbours, expanded, affinity, smoothing
        self.stages, self.milestones = source_then_target(self.pretrain), (self.pretrain,)
        self.hold_examples(0)
        self.register_load_state_dict_pre_hook(_hold_as_saved)  # type: ignore[no-untyped-call]

    def hold_examples(self, count: int) -> None:
        like = next(self.network.parameters())
        self.register_buffer(FEATURES, like.new_zeros(count, self.network.feature_dim))
        self.register_buffer(PROBABILITIES, like.new_zeros(count, self.network.num_classes))

    def phases(self, progress: float) -> tuple[str, ...]:
        return ("source",) if progress < self.pretrain else ("target",)

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        if phase == "source":
            logits = self.predict(batch.source_x)
            return {"label": label_loss(logits, batch.source_y, batch.source_weight, self.smoothing)}
        if (rows := batch.target_rows) is None:
            raise ValueError("nrc needs to know its examples again: give target_rows in each batch")
        outputs = self.outputs(batch.target_x)
        probabilities = at_least_float32(outputs["logits"]).softmax(1)
        with torch.no_grad():
            self._remember(rows, outputs["features"], probabilities)
            near = nearest_others(rows, self.bank_features, self.neighbours)
            far = nearest_others(near.flatten(), self.bank_features, self.expanded).view(*near.shape, -1)
            affinity = reciprocal_affinity(rows, far, self.affinity, probabilities.dtype)
            of_near, of_far, own = (self.bank_probabilities[each] for each in (near, far.flatten(1), rows[:, None]))
        return {
            "diversity": -marginal_entropy(outputs["logits"]),
            "neighbours": -neighbour_agreement(probabilities, of_near, affinity),
            "expanded": -neighbour_agreement(probabilities, of_far, affinity.new_full(of_far.shape[:2], self.affinity)),
            "self": -neighbour_agreement(probabilities, own, affinity.new_ones(len(rows), 1)),
        }

    def refresh(self, full_pass: FullPass, progress: float, evaluated: Method) -> None:
        first, rows = 0, full_pass.target_rows
        for outputs in map(self.outputs, full_pass.target()):
            last = first + len(outputs["logits"])
            probabilities = at_least_float32(outputs["logits"]).softmax(1)
            self._remember(rows[first:last], outputs["features"], probabilities)
            first = last

    def _remember(self, rows: Tensor, features: Tensor, probabilities: Tensor) -> None:
        # Of an example that occurs twice, as at the end of an epoch, one value for both: writes have no order.
        place = (rows[:, None] == rows).to(torch.uint8).argmax(1)
        directions = F.normalize(at_least_float32(features), dim=1)
        self.bank_features[rows] = directions[place].to(self.bank_features.dtype)
        self.bank_probabilities[rows] = probabilities[place].to(self.bank_probabilities.dtype)


def _hold_as_saved(method: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Make room for a saved memory, of whose examples prediction knows nothing."""
    if isinstance(method, Nrc) and (saved := state.get(f"{prefix}{FEATURES}")) is not None:
        method.hold_examples(len(saved))
