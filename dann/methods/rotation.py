"""Self-supervision by rotation (Xu et al. 2019, Sun et al. 2019)."""

import torch
from torch import Tensor, nn

from dann.data.loading.stream import Batch
from dann.functional.predictions import label_loss
from dann.methods.method import Method
from dann.networks.network import Network
from dann.options import Factor

TURNS = 4


class Rotation(Method):
    """Rotation: features of both domains from which a second head predicts the rotation of an image.

    Xu et al. 2019, "Self-supervised domain adaptation for computer vision tasks"; Sun et al. 2019, "Unsupervised domain
    adaptation through self-supervision". One update descends the label loss of the upright source images in features
    and classifier, and ``weight`` times the rotation loss in features and rotation head; the rotation loss is the sum
    of the two domains' cross-entropies. The upright source images and the rotated images of both domains are forwarded
    together, as one batch. The rotation head is linear. Each image is rotated once, by 0, 1, 2 or 3 quarter turns.
    Xu et al. rotate each image at random, leave most upright, and classify the rotated source images; their code also
    adds the entropy of the target's predictions.

    Args:
        weight: weight of the rotation loss; 0.7 as in the experiment files of Xu et al.

    Raises:
        ValueError: the network's inputs are not square images.
    """

    reads_inputs = True
    needs_examples = True
    smallest_batch = TURNS

    def __init__(self, network: Network, *, weight: Factor = 0.7) -> None:
        super().__init__(network)
        shape = network.input_shape
        if len(shape) != 3 or shape[1] != shape[2]:
            raise ValueError(f"rotation needs square images, not inputs of shape {shape}: choose another method")
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
    """Rotate images ``(N, C, S, S)`` by 0 to 3 quarter turns; returns them, reordered, and their turns, ``(N,)``."""
    # The order of a batch is random, so an image's position in it can determine its rotation.
    parts = [torch.rot90(x[turns::TURNS], turns, (-2, -1)) for turns in range(TURNS)]
    labels = [torch.full((len(part),), turns, device=x.device) for turns, part in enumerate(parts)]
    return torch.cat(parts), torch.cat(labels)
