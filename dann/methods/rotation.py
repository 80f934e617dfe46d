"""Self-supervision by rotation (Xu et al. 2019, Sun et al. 2019)."""

import torch
from torch import Tensor, nn

from dann.data.loading.stream import Batch
from dann.functional.predictions import label_loss
from dann.methods.method import Method
from dann.networks.network import Network

TURNS = 4


class Rotation(Method):
    """Rotation: features of both domains from which a second head can tell by how many quarter turns images are turned.

    Xu et al. 2019, "Self-supervised domain adaptation for computer vision tasks"; Sun et al. 2019, "Unsupervised domain
    adaptation through self-supervision". One update descends the label loss of the upright source images in features
    and classifier, and the cross-entropy of the turns of either domain, the two added, in features and rotation head.
    The upright source images and the turned ones of both domains are forwarded together, as one batch. The head is
    linear. Each image is turned once, by 0, 1, 2 or 3 quarter turns. Xu et al. turn each by chance, take most upright,
    and classify the turned source images; their code also adds the entropy of the target's predictions.

    Args:
        weight: of the loss of the turns; 0.7 as in the experiment files of Xu et al.

    Raises:
        ValueError: the network's inputs are no square images.
    """

    reads_inputs = True
    smallest_batch = TURNS

    def __init__(self, network: Network, *, weight: float = 0.7) -> None:
        super().__init__(network)
        shape = network.input_shape
        if len(shape) != 3 or shape[1] != shape[2]:
            raise ValueError(f"rotation turns square images, not inputs of shape {shape}: choose another method")
        self.head = nn.Linear(network.feature_dim, TURNS)
        self.weight = weight

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        (source, source_turns), (target, target_turns) = turn_images(batch.source_x), turn_images(batch.target_x)
        parts = [batch.source_x, source, target]
        features = self.network.outputs(torch.cat(parts), ("features",))["features"]
        upright, source, target = torch.split(features, [len(part) for part in parts])
        rotation = label_loss(self.head(source), source_turns) + label_loss(self.head(target), target_turns)
        return {
            "label": label_loss(self.network.classifier(upright), batch.source_y, batch.source_weight),
            "rotation": self.weight * rotation,
        }


def turn_images(x: Tensor) -> tuple[Tensor, Tensor]:
    """The images ``(N, C, S, S)`` turned by quarter turns, in another order, and the numbers of turns, ``(N,)``."""
    # A batch is in random order, so that the place of an image in it is as good as a number drawn for it.
    parts = [torch.rot90(x[turns::TURNS], turns, (-2, -1)) for turns in range(TURNS)]
    labels = [torch.full((len(part),), turns, device=x.device) for turns, part in enumerate(parts)]
    return torch.cat(parts), torch.cat(labels)
