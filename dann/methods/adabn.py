"""Adaptive batch normalisation (Li et al. 2017)."""

from torch import Tensor, nn

from dann.data.loading.full_pass import FullPass
from dann.data.loading.stream import Batch
from dann.functional.predictions import label_loss
from dann.methods.method import Method
from dann.networks.network import Network

Norm = nn.modules.batchnorm._BatchNorm


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

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        if not self._norms():
            raise ValueError(
                "adabn adapts BatchNorm, but this network has none: set network.bottleneck or, where the network has "
                "it, network.batch_norm: true"
            )

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        return {"label": label_loss(self.predict(batch.source_x), batch.source_y, batch.source_weight)}

    def due(self, before: float, progress: float, evaluating: bool) -> bool:
        return evaluating

    def refresh(self, full_pass: FullPass, progress: float, evaluated: Method) -> None:
        norms, seen = self._norms(), 0
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.train()
        try:
            for x in full_pass.target():
                seen += len(x)
                for norm in norms:
                    norm.momentum = len(x) / seen  # makes the running statistics the mean over all examples so far
                if len(x) > 1:
                    self.network(x)  # the classifier too, which has BatchNorm in some networks
        finally:
            for norm, momentum in zip(norms, momenta, strict=True):
                norm.momentum = momentum

    def _norms(self) -> list[Norm]:
        return [module for module in self.network.modules() if isinstance(module, Norm)]
