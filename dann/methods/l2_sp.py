"""L2-SP: fine-tuning with weight decay towards the pretrained weights (Li et al. 2018)."""

import torch
from torch import Tensor

from dann.data.loading.stream import Batch
from dann.methods.method import Method
from dann.networks.network import Network
from dann.options import Factor


class L2SP(Method):
    """L2-SP: fine-tuning on the source with weight decay towards the pretrained weights.

    Li et al. 2018, "Explicit inductive bias for transfer learning with convolutional networks". One update, in the
    whole network, descends the label loss plus α/2 ‖w − w⁰‖² over the weights w of the backbone, where w⁰ are the
    pretrained weights, plus β/2 ‖w‖² over the weights of the head. Only source examples are forwarded. Leave the
    optimiser's own weight decay at 0: it would come on top and pull all weights towards 0.

    Args:
        weight: α, weight decay of the backbone towards the pretrained weights.
        head_weight: β, weight decay of the head towards 0.

    Raises:
        ValueError: the network has no backbone.
    """

    needs_pretrained = True
    regression = True

    def __init__(self, network: Network, *, weight: Factor = 0.1, head_weight: Factor = 0.01) -> None:
        super().__init__(network)
        self.weight, self.head_weight = weight, head_weight
        started = list(network.require_backbone().parameters())
        for number, parameter in enumerate(started):  # not persistent: a checkpoint need not hold pretrained weights
            self.register_buffer(f"start_{number}", parameter.detach().clone(), persistent=False)

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        backbone = self.network.require_backbone().parameters()
        moved = [(w - self.get_buffer(f"start_{i}")).square().sum() for i, w in enumerate(backbone)]
        head = [w.square().sum() for w in self.network.parameters_after_backbone()]
        return {
            "label": self.supervised_loss(self.predict(batch.source_x), batch),
            "start": self.weight / 2 * torch.stack(moved).sum(),
            "decay": self.head_weight / 2 * torch.stack(head).sum(),
        }
