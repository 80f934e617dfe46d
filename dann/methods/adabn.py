"""Adaptive batch normalisation (Li et al. 2017)."""

from torch import Tensor

from dann.data.loading.full_pass import FullPass
from dann.data.loading.stream import Batch
from dann.methods.method import Method
from dann.networks.batch_statistics import require_norms, set_statistics
from dann.networks.network import Network


class AdaBN(Method):
    """AdaBN: training on the source alone, evaluation with BatchNorm statistics of the target.

    Li et al. 2017, algorithm 1. Training descends the label loss and forwards source examples only. Before each
    evaluation the running statistics are replaced by those of the target's training examples; this does not affect
    training, where every batch is normalised by its own statistics. Both domains are evaluated with the target's
    statistics, so the source accuracy differs from the paper's, which uses source statistics. Statistics of more than a
    thousand examples are accumulated over random chunks of a thousand, each normalised by its own statistics; the
    paper's are those of all examples at once.

    Raises:
        ValueError: the network has no BatchNorm.
    """

    moves_statistics = True
    regression = True

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        require_norms(network, "adabn")

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        return {"label": self.supervised_loss(self.predict(batch.source_x), batch)}

    def due(self, before: float, progress: float, evaluating: bool) -> bool:
        return evaluating

    def refresh(self, full_pass: FullPass, progress: float, evaluated: Method) -> None:
        set_statistics(self.network, full_pass.target())
