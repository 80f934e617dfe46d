"""The pretrained part of a network, divided into blocks that can be frozen one by one."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

# A container is divided further while there are fewer blocks than this, or while it holds more than this share of the
# parameters.
FEWEST, MOST = 4, 0.8
NORMS = (nn.modules.batchnorm._BatchNorm,)


class Backbone(nn.Module):
    """A pretrained feature extractor: ``(N, *input_shape)`` to ``(N, D)``.

    Args:
        model: the model without its last layer.
        head: the pretrained last layer, from ``(N, D)`` to logits of the classes of pretraining; None if its weights
            are not known. It is excluded from the module's state.
        pretrained: whether the weights were loaded, as opposed to initialised from the seed of this run.
        parts: the modules that are blocks, ordered from input to output; all other parameters join the first. By
            default they are found by their sizes.

    Attributes:
        blocks: the trainable parameters of each block, ordered from input to output.
        block_names: dotted name of each block within ``model``.
        frozen: number of frozen blocks, counted from the input; set by ``freeze``.
        kept: number of blocks, counted from the input, that are never trained and stay in evaluation mode.
        entry_shape: the shape of an output of these blocks, where such outputs come in place of the inputs, flattened
            (``dann.networks.early_blocks``); None where the inputs are those of the model.
        frozen_norm: whether BatchNorm normalises by its running statistics in training too and leaves them unchanged.
    """

    def __init__(
        self,
        model: nn.Module,
        head: nn.Linear | None = None,
        pretrained: bool = False,
        parts: list[nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.model, self.pretrained = model, pretrained
        self._head = (head,)  # in a tuple, so that torch does not register it as a submodule
        parts = _block_modules(model) if parts is None else parts
        self.blocks = _blocks(model, parts)
        named = {id(module): name for name, module in model.named_modules()}
        self._parts_of_blocks = _group_names(parts, named)
        self.block_names = tuple(names[0] for names in self._parts_of_blocks)
        self.frozen, self.kept, self.frozen_norm = 0, 0, False
        self.entry_shape: tuple[int, ...] | None = None

    @property
    def head(self) -> nn.Linear | None:
        return self._head[0]

    @property
    def early_parts(self) -> list[nn.Module]:
        """The modules of the blocks that are never trained."""
        return [self.model.get_submodule(name) for names in self._parts_of_blocks[: self.kept] for name in names]

    @property
    def entry(self) -> nn.Module:
        """The module with which the first block begins that may be trained."""
        return self.model.get_submodule(self._parts_of_blocks[self.kept][0])

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.model(x) if self.entry_shape is None else self._run_late_blocks(x, self.entry_shape)
        return features.flatten(1)

    def _run_late_blocks(self, x: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Run the model with ``x`` as the input of ``entry``; what lies before it passes zeros on."""
        early = x.view(len(x), *shape)
        early = early.contiguous(memory_format=torch.channels_last) if early.ndim == 4 else early
        hook = self.entry.register_forward_pre_hook(lambda module, inputs: (early, *inputs[1:]))
        try:
            features: Tensor = self.model(torch.zeros_like(early))  # which an in-place ReLU between blocks may change
            return features
        finally:
            hook.remove()

    def freeze(self, count: int) -> None:
        """Freeze the first ``count`` blocks; make the others trainable."""
        if count != self.frozen:
            self.frozen = count
            for number, block in enumerate(self.blocks):
                for parameter in block:
                    parameter.requires_grad_(number >= count)
            self.train(self.training)

    def train(self, mode: bool = True) -> "Backbone":
        """Set training mode, except for BatchNorm with frozen statistics, and for dropout if all blocks are frozen."""
        super().train(mode and self.frozen < len(self.blocks))
        self.training = mode
        for module in self.modules():
            if isinstance(module, NORMS):
                module.train(mode and not self.frozen_norm)
        for part in self.early_parts if self.kept else ():
            part.eval()
        return self

    def has_batch_norm(self) -> bool:
        """Whether the backbone contains a BatchNorm layer."""
        return any(isinstance(module, NORMS) for module in self.modules())


def _block_modules(model: nn.Module) -> list[nn.Module]:
    """The children of a model in the order of the forward pass; a child with nearly all parameters is divided too."""
    parts, whole = _parts(model), _size(model)
    while containers := [part for part in parts if _parts(part)]:
        largest = max(containers, key=_size)
        if len(parts) >= FEWEST and _size(largest) < MOST * whole:
            break
        place = parts.index(largest)
        parts[place : place + 1] = _parts(largest)
    return parts


def _blocks(model: nn.Module, parts: list[nn.Module]) -> list[list[nn.Parameter]]:
    """The parameters of each block.

    A normalisation layer joins the block before it. Parameters outside all parts, such as the position embedding of a
    vision transformer, join the first block.
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


def _group_names(parts: list[nn.Module], named: Mapping[int, str]) -> list[list[str]]:
    """The names of the modules of each block, a normalisation layer with those of the block before it."""
    groups: list[list[str]] = []
    for part in parts:
        if groups and _is_normalisation(part):
            groups[-1].append(named[id(part)])
        else:
            groups.append([named[id(part)]])
    return groups


def _is_normalisation(part: nn.Module) -> bool:
    return not _parts(part) and "Norm" in type(part).__name__


def _parts(module: nn.Module) -> list[nn.Module]:
    return [part for part in module.children() if _size(part)]


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in _trainable(module))


def _trainable(module: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def measure_width(module: nn.Module, shape: tuple[int, ...]) -> int:
    """D of a module that maps ``(N, *shape)`` to ``(N, D)``, measured by forwarding two examples of zeros."""
    training, like = module.training, next(module.parameters(), torch.zeros(0))
    try:
        with torch.no_grad():
            return int(module.eval()(like.new_zeros(2, *shape)).shape[1])
    finally:
        module.train(training)
