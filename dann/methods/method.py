"""The contract of every method."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dann.data.loading.full_pass import FullPass
from dann.data.loading.stream import Batch
from dann.functional.predictions import label_loss
from dann.networks.image_networks import ImageGenerator
from dann.networks.network import DomainDiscriminator, Network, Outputs

LabelLoss = Callable[[Tensor, Tensor, Tensor | None], Tensor]  # of outputs, labels, and a weight of each example


class Stage(NamedTuple):
    """A part of training that begins with a new optimiser.

    Args:
        name: by which an experiment file sets its optimiser; several stages may share one.
        start: the share of training after which it begins.
    """

    name: str
    start: float


def source_then_target(pretrain: float) -> tuple[Stage, ...]:
    """The stages of a method that trains on the source first and then on the target alone.

    Args:
        pretrain: the share of training on the source; 0 for a method that begins with a trained source model.
    """
    return (Stage("pretrain", 0.0), Stage("adapt", pretrain)) if pretrain else (Stage("adapt", 0.0),)


class Method(nn.Module):
    """A network and the losses that train it; owns no optimiser, no step counter and no schedule.

    Sub-classes take their hyper-parameters as keyword-only arguments with the paper's defaults: the signature is the
    schema of the method's part of an experiment file. Labelled target examples (``data.target_labelled``) are on the
    source side of the batch, identified by ``source_domain``: unless a docstring says otherwise they count as source
    examples.

    Attributes:
        adversarial: whether there is a domain discriminator, ``discriminator``, and so ``domain_logits``.
        layers: the layers that ``outputs`` returns, as ``Network.outputs`` names them.
        weighs_classes: whether it weighs the source's classes, so that the data layer may not do so too.
        sources: the number of source domains that it requires; None for any number, which count as one.
        stages: the stages of training, the first from 0 on.
        milestones: shares of training after which ``refresh`` is called; 0 for before the first step.
        reads_inputs: whether ``forward`` does more with the inputs than pass them to ``outputs`` or ``both``, as SHOT
            does; then the outputs of a sparse first layer may not stand in their place.
        needs_examples: whether it needs the examples themselves, as virtual adversarial training does; then the outputs
            of a frozen backbone may not stand in their place either.
        makes_images: whether it makes images with values in [−1, 1], so that those of its batches must lie there too;
            they are made by ``generator``.
        smallest_batch: the least number of examples of each domain that its losses need.
        second_view: whether it needs ``Batch.target_view``.
        moves_statistics: whether it sets the statistics of BatchNorm itself, so that they may not be frozen.
        needs_pretrained: whether it needs a network with a backbone whose weights are pretrained.
        needs_target_labels: whether it needs labelled target examples.
        reads_source: whether training reads source examples; not where it begins with a trained source model.
        regression: whether it serves labels that are numbers: labels enter by ``supervised_loss`` alone, and nothing
            reads ``logits``, of which there is one, as scores of classes.
        label_loss: the loss of the labelled examples: cross-entropy, or for numbers what ``data`` names.
    """

    adversarial: bool = False
    layers: tuple[str, ...] = ("features", "logits")
    weighs_classes: bool = False
    sources: int | None = None
    stages: tuple[Stage, ...] = (Stage("train", 0.0),)
    milestones: tuple[float, ...] = ()
    reads_inputs: bool = False
    needs_examples: bool = False
    makes_images: bool = False
    smallest_batch: int = 1
    second_view: bool = False
    moves_statistics: bool = False
    needs_pretrained: bool = False
    needs_target_labels: bool = False
    regression: bool = False
    reads_source: bool = True
    discriminator: DomainDiscriminator
    generator: ImageGenerator

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.label_loss: LabelLoss = label_loss

    def hold_examples(self, count: int) -> None:
        """Make room for what the method remembers of each training example of the target, before training.

        Args:
            count: of these examples.
        """

    def phases(self, progress: float) -> tuple[str, ...]:
        """The names of the updates of one step, in order; a name may occur several times."""
        return ("all",)

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        """The weighted loss terms of one update; the loop minimises their sum.

        Args:
            progress: the share of training done, in [0, 1).
            phase: one of ``phases(progress)``.
        """
        raise NotImplementedError

    def supervised_loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """The mean label loss of the outputs for the batch's labelled examples, shape ``(B, K)``."""
        return self.label_loss(logits, batch.source_y, batch.source_weight)

    def phase_parameters(self, phase: str) -> Sequence[nn.Parameter] | None:
        """The parameters that the update ``phase`` steps; None, the default, for all."""
        return None

    def due(self, before: float, progress: float, evaluating: bool) -> bool:
        """Whether ``refresh`` is called after a step.

        Args:
            before: progress before the step.
            progress: after it.
            evaluating: whether an evaluation follows.
        """
        return any(before < milestone <= progress for milestone in self.milestones)

    def refresh(self, full_pass: FullPass, progress: float, evaluated: "Method") -> None:
        """Pass over whole splits between steps, without gradients; changes buffers in place.

        Args:
            full_pass: reads the splits.
            progress: the share of training done.
            evaluated: the method that is evaluated: this one, or the running average of its weights.
        """

    def outputs(self, x: Tensor) -> Outputs:
        """Outputs of the method's layers by name: ``features`` ``(N, D)``, ``logits`` ``(N, K)`` and others."""
        return self.network.outputs(x, self.layers)

    def predict(self, x: Tensor) -> Tensor:
        """Class logits of inputs, shape ``(N, K)``, or standardised numbers, ``(N, 1)``."""
        return self.outputs(x)["logits"]

    def both(self, batch: Batch, layers: Sequence[str], together: bool = True) -> tuple[Outputs, Outputs]:
        """Outputs of ``layers`` for the source examples and for the target examples.

        Args:
            together: forward both as one batch, so that BatchNorm normalises over both domains. If false, forward them
                one after the other, each normalised by its own statistics. Without BatchNorm there is no difference.
        """
        if not together:
            return self.network.outputs(batch.source_x, layers), self.network.outputs(batch.target_x, layers)
        outputs = self.network.outputs(torch.cat([batch.source_x, batch.target_x]), layers)
        n = len(batch.source_x)
        return {name: both[:n] for name, both in outputs.items()}, {name: both[n:] for name, both in outputs.items()}

    def domain_logits(self, outputs: Outputs) -> Tensor:
        """The discriminator's logits of "this is a target example", shape ``(N,)``; by default it sees the features."""
        if not self.adversarial:
            raise NotImplementedError
        logits: Tensor = self.discriminator(outputs["features"])
        return logits

    def coefficients(self, progress: float) -> dict[str, float]:
        """Coefficients that vary with progress, by name, for the log."""
        return {}
