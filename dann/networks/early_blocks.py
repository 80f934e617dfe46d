"""Outputs of a backbone's first blocks, which are never trained and may be computed once, in place of its inputs."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dann.networks.backbone import Backbone


class EarlyBlocks(nn.Module):
    """The first blocks of a backbone, those that are always frozen: ``(N, *input_shape)`` to ``(N, D)``, flattened.

    Args:
        backbone: stays as it is.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        self.model = f"{backbone.kept} blocks of {backbone.model}"

    def forward(self, x: Tensor) -> Tensor:
        return _run(self.backbone, x).flatten(1)


class _Reached(Exception):
    """The forward pass has come to the first block that is trained."""

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        self.x = x


def _run(backbone: Backbone, x: Tensor) -> Tensor:
    """The input of the first block that is trained."""

    def stop(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        raise _Reached(inputs[0])

    hook = backbone.entry.register_forward_pre_hook(stop)
    try:
        backbone.model(x)
    except _Reached as reached:
        return reached.x
    finally:
        hook.remove()
    raise RuntimeError("the block is not part of the forward pass")


def skip_early_blocks(backbone: Backbone, input_shape: Sequence[int]) -> int | None:
    """Let a backbone take the outputs of ``EarlyBlocks`` in place of its inputs.

    Whether it then gives the same is tried on two inputs, as models differ in what lies between their blocks.

    Args:
        input_shape: of an input so far.

    Returns:
        D of the new inputs; None if it does not, and then the backbone is as it was.
    """
    training, x = backbone.training, torch.rand(2, *input_shape, generator=torch.Generator().manual_seed(0))
    try:
        with torch.no_grad():
            backbone.eval()
            whole, early = backbone(x), _run(backbone, x)
            backbone.entry_shape = tuple(early.shape[1:])
            for part in backbone.early_parts:
                part.__dict__["forward"] = _pass_on
            same = torch.allclose(backbone(early.flatten(1)), whole, rtol=1e-3, atol=1e-5)
    except (AssertionError, RuntimeError, TypeError, ValueError):  # as of a model that checks the size of its inputs
        same = False
    finally:
        backbone.train(training)
    if same:
        return int(early[0].numel())
    restore_early_blocks(backbone)
    return None


def restore_early_blocks(backbone: Backbone) -> None:
    """Let a backbone take its own inputs again."""
    backbone.entry_shape = None
    for part in backbone.early_parts:
        part.__dict__.pop("forward", None)


def _pass_on(x: Tensor, *others: Any, **named: Any) -> Tensor:
    return x
