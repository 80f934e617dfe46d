"""Fine-tuning options: which blocks of a pretrained backbone are trained, from when on, and at which learning rate."""

from typing import Literal

from pydantic import Field, model_validator

from dann.errors import BadInput
from dann.networks.backbone import Backbone
from dann.networks.network import Network
from dann.networks.stochastic_norm import make_norms_stochastic
from dann.options import Section


class FineTuning(Section):
    """Training of a pretrained backbone; layers behind it always train at the learning rate of the optimiser.

    Args:
        backbone: learning rate of the backbone as a multiple of the optimiser's; 0 freezes the backbone throughout.
        start: share of training during which the backbone is frozen: linear probing, then fine-tuning (Kumar et al.
            2022, LP-FT).
        gradual: share of training, from ``start`` on, over which the blocks of the backbone are unfrozen one by one,
            the last block first (Howard and Ruder 2018, section 3.3).
        decay: learning rate of a block as a multiple of that of the next block towards the output; 1 / 2.6 in Howard
            and Ruder 2018, section 3.2.
        frozen: number of blocks, counted from the input, that are never trained and stay in evaluation mode, BatchNorm
            and dropout included. Their outputs are computed once if no transform draws anything.
        norm: BatchNorm layers of the backbone. ``train``: normalise by the batch and update the running statistics,
            even if the weights are frozen. ``frozen``: normalise by the statistics of pretraining. ``stochastic``:
            choose between the two at random for each channel (Kou et al. 2020).
    """

    backbone: float = Field(1.0, ge=0)
    start: float = Field(0.0, ge=0, lt=1)
    gradual: float = Field(0.0, ge=0, le=1)
    decay: float = Field(1.0, gt=0, le=1)
    frozen: int = Field(0, ge=0, le=10_000)
    norm: Literal["train", "frozen", "stochastic"] = "train"

    @model_validator(mode="after")
    def _possible(self) -> "FineTuning":
        if self.backbone == 0 and (self.start or self.gradual or self.decay < 1 or self.frozen):
            raise ValueError("backbone: 0 freezes it throughout: leave out start, gradual, decay and frozen")
        if self.start + self.gradual > 1:
            raise ValueError("start + gradual: some blocks would never be unfrozen: make their sum at most 1")
        return self

    def frozen_blocks(self, progress: float, blocks: int) -> int:
        """The number of frozen blocks of a backbone, counted from the input.

        Args:
            progress: share of training done, in [0, 1].
            blocks: number of blocks of the backbone.
        """
        if self.backbone == 0 or progress < self.start:
            return blocks
        if self.gradual == 0:
            return self.frozen
        released = 1 + int((progress - self.start) / self.gradual * (blocks - self.frozen))
        return max(self.frozen, blocks - released)

    def rate(self, block: int, blocks: int) -> float:
        """The learning rate of a block as a multiple of the optimiser's.

        Args:
            block: index of the block, counted from the input, from 0.
            blocks: number of blocks of the backbone.
        """
        return self.backbone * float(self.decay ** (blocks - 1 - block))


def prepare_backbone(network: Network, options: FineTuning | None, name: str) -> Backbone | None:
    """Set up freezing and BatchNorm of a network's backbone and return it; None without options.

    Args:
        name: name of the network, for messages.

    Raises:
        BadInput: the network has no backbone, or no BatchNorm that ``stochastic`` could replace.
    """
    if options is None:
        return None
    if network.backbone is None:
        raise BadInput(
            f"finetune: the network {name} has no pretrained backbone: leave finetune out, or choose another network"
        )
    if options.frozen >= (blocks := len(network.backbone.blocks)):
        raise BadInput(
            f"finetune.frozen: the backbone of {name} has {blocks} blocks: set it below {blocks}, or set backbone: 0"
        )
    network.backbone.frozen_norm, network.backbone.kept = options.norm == "frozen", options.frozen
    network.backbone.freeze(options.frozen)
    if options.backbone == 0:
        network.backbone.freeze(len(network.backbone.blocks))
    if options.norm == "stochastic":
        if not network.backbone.has_batch_norm():
            raise BadInput(f"finetune.norm: {name} has no BatchNorm to make stochastic: leave norm out")
        make_norms_stochastic(network.backbone)
    return network.backbone
