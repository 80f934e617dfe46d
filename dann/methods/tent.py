"""Test entropy minimisation (Wang et al. 2021)."""

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from dann.data.loading.full_pass import FullPass
from dann.data.loading.stream import Batch
from dann.functional.predictions import entropy, label_loss
from dann.methods.method import Method, source_then_target
from dann.networks.batch_statistics import affine_parameters, require_norms, set_statistics
from dann.networks.network import Network


class Tent(Method):
    """TENT: a source model whose BatchNorm scales and shifts are trained for certain predictions on the target.

    Wang et al. 2021, section 3. In the stage ``pretrain`` the whole network descends the label loss on source examples.
    In the stage ``adapt`` no source example is forwarded: the scales and shifts of BatchNorm, and nothing else, descend
    the mean entropy of the target's predictions, normalised by the statistics of the batch. The paper adapts online, in
    one pass over the test examples, and predicts each batch by its own statistics; here the training examples of the
    target are passed over as often as ``train.steps`` says, and evaluation uses their statistics, computed as for
    AdaBN. ``dann predict --adapt tent`` adapts online.

    With ``from`` the source model is that of a finished run, there is no stage ``pretrain``, and no source example is
    read in training.

    Args:
        pretrain: share of training on the source, without effect with ``from``.
        from_: the folder of a finished run whose network is the source model, such as
            ``{runs}/source-only/seed-{seed}``: ``{runs}`` in it is the folder of the experiment's own runs, ``{task}``
            that of the task, and ``{seed}`` the seed of the run that begins.

    Raises:
        ValueError: the network has no BatchNorm.
    """

    moves_statistics = True

    def __init__(
        self,
        network: Network,
        *,
        pretrain: Annotated[float, Field(gt=0, lt=1)] = 0.5,
        from_: str | None = None,
    ) -> None:
        super().__init__(network)
        require_norms(network, "tent")
        self.reads_source = from_ is None
        self.pretrain = pretrain if self.reads_source else 0.0
        self.stages = source_then_target(self.pretrain)

    def phases(self, progress: float) -> tuple[str, ...]:
        return ("source",) if progress < self.pretrain else ("target",)

    def phase_parameters(self, phase: str) -> list[nn.Parameter] | None:
        return None if phase == "source" else affine_parameters(self.network)

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        if phase == "source":
            return {"label": label_loss(self.predict(batch.source_x), batch.source_y, batch.source_weight)}
        return {"entropy": entropy(self.predict(batch.target_x))}

    def due(self, before: float, progress: float, evaluating: bool) -> bool:
        return evaluating and progress > self.pretrain

    def refresh(self, full_pass: FullPass, progress: float, evaluated: Method) -> None:
        set_statistics(self.network, full_pass.target())
