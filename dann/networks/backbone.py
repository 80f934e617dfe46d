"""The pretrained part of a network, in blocks that can be frozen and trained one by one."""

import torch
from torch import Tensor, nn

FEWEST, MOST = 4, 0.8  # blocks, and the share of the parameters in one of them: else it is looked into
NORMS = (nn.modules.batchnorm._BatchNorm,)


class Backbone(nn.Module):
    """A pretrained feature extractor: ``(N, *input_shape)`` to ``(N, D)``.

    Args:
        model: the module without its last layer.
        head: that layer as it was pretrained, ``(N, D)`` to the logits of the classes of pretraining; None if its
            weights are not known. It is no part of the module's state.
        pretrained: whether the weights come from elsewhere than from this run's seed.

    Attributes:
        blocks: the parameters of each block, the first ones see the input; not those that the library has fixed.
        block_names: their dotted names within ``model``.
        frozen: how many of the blocks are frozen, counted from the first; set by ``freeze``.
        frozen_norm: whether BatchNorm normalises by its running statistics in training too, which then stay.
    """

    def __init__(self, model: nn.Module, head: nn.Linear | None = None, pretrained: bool = False) -> None:
        super().__init__()
        self.model, self.pretrained = model, pretrained
        self._head = (head,)  # in a tuple, so that it is no submodule
        parts = _block_modules(model)
        self.blocks = _blocks(model, parts)
        named = {id(module): name for name, module in model.named_modules()}
        self.block_names = tuple(
            named[id(part)] for i, part in enumerate(parts) if i == 0 or not _is_normalisation(part)
        )
        self.frozen, self.frozen_norm = 0, False

    @property
    def head(self) -> nn.Linear | None:
        return self._head[0]

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.model(x)
        return features.flatten(1)

    def freeze(self, count: int) -> None:
        """Freeze the first ``count`` blocks and let the others train."""
        if count != self.frozen:
            self.frozen = count
            for number, block in enumerate(self.blocks):
                for parameter in block:
                    parameter.requires_grad_(number >= count)
            self.train(self.training)

    def train(self, mode: bool = True) -> "Backbone":
        """Training mode, but for BatchNorm whose statistics are frozen, and for dropout where all blocks are."""
        super().train(mode and self.frozen < len(self.blocks))
        self.training = mode
        for module in self.modules():
            if isinstance(module, NORMS):
                module.train(mode and not self.frozen_norm)
        return self

    def has_batch_norm(self) -> bool:
        """Whether there is a BatchNorm."""
        return any(isinstance(module, NORMS) for module in self.modules())


def _block_modules(model: nn.Module) -> list[nn.Module]:
    """A model's parts in the order of the forward pass; of one that holds nearly all of it, that one's parts."""
    parts, whole = _parts(model), _size(model)
    while containers := [part for part in parts if _parts(part)]:
        largest = max(containers, key=_size)
        if len(parts) >= FEWEST and _size(largest) < MOST * whole:
            break
        place = parts.index(largest)
        parts[place : place + 1] = _parts(largest)
    return parts


def _blocks(model: nn.Module, parts: list[nn.Module]) -> list[list[nn.Parameter]]:
    """The parameters of each part.

    A normalisation belongs to the block before it; what belongs to no part, as the position embedding of a vision
    transformer does, to the first.
    """
    blocks: list[list[nn.Parameter]] = []
    for part in parts:
        if blocks and _is_normalisation(part):
            blocks[-1] += _trainable(part)
        else:
            blocks.append(_trainable(part))
    placed = {id(parameter) for block in blocks for parameter in block}
    rest = [parameter for parameter in _trainable(model) if id(parameter) not in placed]
    return [rest + blocks[0], *blocks[1:]] if blocks else [rest]


def _is_normalisation(part: nn.Module) -> bool:
    return not _parts(part) and "Norm" in type(part).__name__


def _parts(module: nn.Module) -> list[nn.Module]:
    return [part for part in module.children() if _size(part)]


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in _trainable(module))


def _trainable(module: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def measure_width(module: nn.Module, shape: tuple[int, ...]) -> int:
    """D of a module from ``(N, *shape)`` to ``(N, D)``, found by passing two blank examples through."""
    training, like = module.training, next(module.parameters(), torch.zeros(0))
    try:
        with torch.no_grad():
            return int(module.eval()(like.new_zeros(2, *shape)).shape[1])
    finally:
        module.train(training)
