"""The contract of every method."""

from collections.abc import Sequence

from torch import Tensor, nn

from dann.data import Batch
from dann.networks import Network


class Method(nn.Module):
    """A network and the losses that train it; owns no optimiser, no counter and no schedule of time.

    Sub-classes take their hyper-parameters as keyword-only arguments with the paper's defaults: the signature is the
    schema of the method's part of an experiment file. A number among them is an attribute of its name, and ``forward``
    computes with it but does not branch on it; buffers change in place: so several runs can be stacked.

    Attributes:
        phases: the updates of one step, in order.
        adversarial: whether there is a domain discriminator, and so ``domain_logits``.
        reads_inputs: whether ``forward`` does more with the inputs than hand them to ``features`` or ``predict``, as
            virtual adversarial training does; then no stack may put the outputs of a first layer in their place.
    """

    phases: tuple[str, ...] = ("all",)
    adversarial: bool = False
    reads_inputs: bool = False

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        """The weighted loss terms of one update; the loop minimises their sum.

        Args:
            progress: the share of training done, in [0, 1).
            phase: one of ``phases``.
        """
        raise NotImplementedError

    def phase_parameters(self, phase: str) -> Sequence[nn.Parameter] | None:
        """The parameters that the update ``phase`` steps; None, as by default, for all."""
        return None

    def features(self, x: Tensor) -> Tensor:
        """The features of inputs, shape ``(N, D)``."""
        features: Tensor = self.network.features(x)
        return features

    def classify(self, features: Tensor) -> Tensor:
        """Logits of the classes, shape ``(N, K)``."""
        logits: Tensor = self.network.classifier(features)
        return logits

    def predict(self, x: Tensor) -> Tensor:
        """Logits of the classes of inputs, shape ``(N, K)``."""
        return self.classify(self.features(x))

    def domain_logits(self, features: Tensor, class_logits: Tensor) -> Tensor:
        """The discriminator's logits of "this is a target example", shape ``(N,)``."""
        raise NotImplementedError

    def coefficients(self, progress: float) -> dict[str, float]:
        """What the method varies with progress, by name, for the log."""
        return {}
