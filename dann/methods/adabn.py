"""Adaptive batch normalisation (Li et al. 2017)."""

from torch import Tensor, nn

from dann.data.loading.full_pass import FullPass
from dann.data.loading.stream import Batch
from dann.functional.predictions import label_loss
from dann.methods.method import Method
from dann.networks.network import Network

Norm = nn.modules.batchnorm._BatchNorm


class AdaBN(Method):
    """AdaBN: training on the source alone, and BatchNorm statistics of the target in evaluation.

    Li et al. 2017, algorithm 1. Only source examples are forwarded in training. Before each evaluation the running
    statistics become those of the target's training examples, which changes nothing in training, where every batch is
    normalised by its own. Both domains are then evaluated with them: the source accuracy is not the one the paper's
    source statistics give. A data set of more than a thousand examples is taken in by chunks of that many, drawn at
    random, of which each is normalised by its own statistics; the paper's are those of all examples at once.

    Raises:
        ValueError: the network has no BatchNorm.
    """

    moves_statistics = True

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        if not self._norms():
            raise ValueError("adabn adapts BatchNorm, of which this network has none: give it batch_norm: true")

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        return {"label": label_loss(self.predict(batch.source_x), batch.source_y, batch.source_weight)}

    def due(self, before: float, progress: float, evaluating: bool) -> bool:
        return evaluating

    def refresh(self, full_pass: FullPass, progress: float) -> None:
        norms, seen = self._norms(), 0
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.train()
        try:
            for x in full_pass.target():
                seen += len(x)
                for norm in norms:
                    norm.momentum = len(x) / seen  # so that the running statistics are the mean over all so far
                if len(x) > 1:
                    self.network.features(x)
        finally:
            for norm, momentum in zip(norms, momenta, strict=True):
                norm.momentum = momentum

    def _norms(self) -> list[Norm]:
        return [module for module in self.network.modules() if isinstance(module, Norm)]
