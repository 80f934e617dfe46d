"""What of a pretrained network is trained, from when on and how fast."""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field, model_validator
from torch import nn

from dann.errors import BadInput
from dann.networks.backbone import Backbone
from dann.networks.network import Network
from dann.networks.stochastic_norm import make_norms_stochastic
from dann.options import Section

Group = dict[str, Any]


class FineTuning(Section):
    """How the backbone of a pretrained network is trained; what follows it always trains as the optimiser says.

    Args:
        backbone: learning rate of the backbone as a multiple of the optimiser's; 0 freezes it for good.
        start: the share of training before which the backbone is frozen: a linear probe, then fine-tuning (Kumar et al.
            2022, LP-FT).
        gradual: the share of training over which, from ``start`` on, the blocks of the backbone are released one after
            another, the last first (Howard and Ruder 2018, section 3.3).
        decay: learning rate of a block as a multiple of that of the block behind it; 1 / 2.6 in Howard and Ruder 2018,
            section 3.2.
        norm: whether the BatchNorm layers of the backbone ``train``, normalising by the batch and moving their running
            statistics even where their weights are frozen; are ``frozen``, normalising by those of pretraining; or are
            ``stochastic``, normalising each channel by one or the other by chance (Kou et al. 2020).
    """

    backbone: float = Field(1.0, ge=0)
    start: float = Field(0.0, ge=0, lt=1)
    gradual: float = Field(0.0, ge=0, le=1)
    decay: float = Field(1.0, gt=0, le=1)
    norm: Literal["train", "frozen", "stochastic"] = "train"

    @model_validator(mode="after")
    def _possible(self) -> "FineTuning":
        if self.backbone == 0 and (self.start or self.gradual or self.decay < 1):
            raise ValueError("backbone: 0 freezes it for good: leave start, gradual and decay out")
        if self.start + self.gradual > 1:
            raise ValueError("start + gradual: blocks would never be released: give them no more than 1 together")
        return self

    def frozen_blocks(self, progress: float, blocks: int) -> int:
        """How many of a backbone's blocks are frozen, counted from the first."""
        if self.backbone == 0 or progress < self.start:
            return blocks
        if self.gradual == 0:
            return 0
        released = 1 + int((progress - self.start) / self.gradual * blocks)
        return max(0, blocks - released)

    def rate(self, block: int, blocks: int) -> float:
        """The learning rate of a block, counted from the first, as a multiple of the optimiser's."""
        return self.backbone * float(self.decay ** (blocks - 1 - block))


def prepare_backbone(network: Network, options: FineTuning | None, name: str) -> Backbone | None:
    """The backbone of a network, its BatchNorm set up as the options say; None if nothing is fine-tuned.

    Args:
        name: of the network.

    Raises:
        BadInput: it has no backbone.
    """
    if options is None:
        return None
    if network.backbone is None:
        raise BadInput(
            f"finetune: the network {name} has no pretrained backbone: leave it out, or choose another network"
        )
    network.backbone.frozen_norm = options.norm == "frozen"
    if options.backbone == 0:
        network.backbone.freeze(len(network.backbone.blocks))
    if options.norm == "stochastic":
        if not network.backbone.has_batch_norm():
            raise BadInput(f"finetune.norm: {name} has no BatchNorm to make stochastic: leave it out")
        make_norms_stochastic(network.backbone)
    return network.backbone


def parameter_groups(method: nn.Module, backbone: Backbone | None, options: FineTuning | None) -> list[Group]:
    """The parameters that an optimiser steps, in groups of one learning rate; ``factor`` is of the optimiser's.

    What is no part of the backbone, discriminators and second classifiers included, comes first, then each block of the
    backbone that is trained at any time.
    """
    if options is None or backbone is None:
        return [_group(method.parameters(), 1.0)]
    placed = {id(parameter) for block in backbone.blocks for parameter in block}
    groups = [_group((each for each in method.parameters() if id(each) not in placed), 1.0)]
    if options.backbone > 0:
        groups += [_group(block, options.rate(i, len(backbone.blocks))) for i, block in enumerate(backbone.blocks)]
    return groups


def _group(parameters: Iterable[nn.Parameter], factor: float) -> Group:
    return {"params": [parameter for parameter in parameters if parameter.requires_grad], "factor": factor}
