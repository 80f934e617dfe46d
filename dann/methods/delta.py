"""Fine-tuning that keeps the feature maps that matter (Li et al. 2019)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from dann.data.loading.full_pass import FullPass
from dann.data.loading.stream import Batch
from dann.functional.norms import map_distance
from dann.functional.predictions import label_loss
from dann.methods.method import Method
from dann.networks.backbone import Backbone, measure_width
from dann.networks.copies import Frozen
from dann.networks.network import Network, capture_outputs

KEPT = 4  # layers whose maps are kept by default


class Delta(Method):
    """DELTA: fine-tuning on the source whose feature maps stay what they were, each as far as the labels need it.

    Li et al. 2019, "DELTA: deep learning transfer using feature map with attention for convolutional networks". First
    what follows the backbone descends the label loss by itself. The attention W of each channel is then found: the
    softmax, over the channels of a layer, of how much the label loss grows where that channel is 0. From then on one
    update descends the label loss plus α/2 Σ W ‖FM − FM⁰‖², the mean over the examples, FM⁰ the maps of the pretrained
    backbone in evaluation mode, plus β/2 ‖w‖² over the weights behind the backbone. Only source examples are forwarded.

    Args:
        weight: α.
        head_weight: β.
        layers: of the backbone whose maps are kept, by dotted name in ``features.backbone.model``; by default its
            last four blocks that give any.
        attention: whether W is found; else it is the same for all channels of a layer.
        examples: labelled ones from which it is found.
        probe: the share of training that trains what follows the backbone alone.

    Raises:
        ValueError: the network has no backbone, or there are no maps of channels ``(N, C, H, W)``.
    """

    needs_pretrained = True
    stackable = False
    reads_inputs = True
    branches = ("probe",)

    def __init__(
        self,
        network: Network,
        *,
        weight: float = 0.01,
        head_weight: float = 0.01,
        layers: Sequence[str] | None = None,
        attention: bool = True,
        examples: Annotated[int, Field(ge=1)] = 64,
        probe: Annotated[float, Field(gt=0, lt=1)] = 0.1,
    ) -> None:
        super().__init__(network)
        backbone = network.require_backbone()
        self.weight, self.head_weight, self.attention, self.examples = weight, head_weight, attention, examples
        self.probe, self.milestones = probe, (probe,)
        self.start = Frozen(backbone)
        self.map_layers, channels = choose_map_layers(backbone, network.input_shape, layers)
        for number, count in enumerate(channels):
            self.register_buffer(f"attention_{number}", torch.full((count,), 1 / count))

    def phases(self, progress: float) -> tuple[str, ...]:
        return ("probe",) if progress < self.probe else ("all",)

    def phase_parameters(self, phase: str) -> list[nn.Parameter] | None:
        return self.network.parameters_after_backbone() if phase == "probe" else None

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        backbone = self.network.require_backbone()
        with capture_outputs(backbone.model, self.map_layers) as maps:
            logits = self.predict(batch.source_x)
        label = label_loss(logits, batch.source_y, batch.source_weight)
        if phase == "probe":
            return {"label": label}
        moved = [
            map_distance(maps[name], before, self.get_buffer(f"attention_{number}"))
            for number, (name, before) in enumerate(
                zip(self.map_layers, self._pretrained_maps(batch.source_x), strict=True)
            )
        ]
        head = [w.square().sum() for w in self.network.parameters_after_backbone()]
        return {
            "label": label,
            "maps": self.weight / 2 * torch.stack(moved).sum(),
            "decay": self.head_weight / 2 * torch.stack(head).sum(),
        }

    @torch.no_grad()
    def _pretrained_maps(self, x: Tensor) -> list[Tensor]:
        """The maps of the pretrained backbone."""
        names = [f"module.model.{name}" for name in self.map_layers]
        with capture_outputs(self.start, names) as maps:
            self.start(x)
        return [maps[name] for name in names]

    def refresh(self, full_pass: FullPass, progress: float) -> None:
        if self.attention:
            x, y = collect_examples(full_pass, self.examples)
            backbone = self.network.require_backbone()
            for number, name in enumerate(self.map_layers):
                attention = self.get_buffer(f"attention_{number}")
                attention.copy_(losses_without_channels(self, backbone, name, len(attention), x, y).softmax(0))


def choose_map_layers(
    backbone: Backbone, input_shape: tuple[int, ...], layers: Sequence[str] | None
) -> tuple[tuple[str, ...], list[int]]:
    """The named layers of a backbone, or its last four blocks that give feature maps, and their numbers of channels."""
    wanted = backbone.block_names if layers is None else tuple(layers)
    known = dict(backbone.model.named_modules())
    if unknown := [name for name in wanted if name not in known]:
        raise ValueError(f"no layer {unknown[0]!r} in the backbone; its blocks are {', '.join(backbone.block_names)}")
    with torch.no_grad(), capture_outputs(backbone.model, wanted) as found:
        measure_width(backbone, input_shape)
    kept = [name for name in wanted if name in found and found[name].ndim == 4]
    if not wanted or len(kept) < (KEPT if layers is None else len(wanted)):
        raise ValueError("keeps maps of channels, (N, C, H, W), which these layers do not give: choose others")
    kept = kept[-KEPT:] if layers is None else kept
    return tuple(kept), [found[name].shape[1] for name in kept]


def collect_examples(full_pass: FullPass, count: int) -> tuple[Tensor, Tensor]:
    """So many labelled training examples and their classes, or all if there are fewer."""
    parts: list[tuple[Tensor, Tensor]] = []
    for part in full_pass.source():
        parts.append(part)
        if sum(len(y) for _, y in parts) >= count:
            break
    x, y = (torch.cat(each)[:count] for each in zip(*parts, strict=True))
    return x, y


def losses_without_channels(
    method: Method, backbone: Backbone, layer: str, channels: int, x: Tensor, y: Tensor
) -> Tensor:
    """The label loss with each channel of a layer of the backbone's model at 0, shape ``(C,)``.

    What comes before that is computed once.
    """
    before = capture_outputs_until(backbone, layer, lambda: method.predict(x))
    losses = []
    with replay_outputs(backbone.model, before):
        for channel in torch.arange(channels, device=x.device).unbind():

            def silenced(module: nn.Module, inputs: Any, output: Tensor, channel: Tensor = channel) -> Tensor:
                return output.index_fill(1, channel, 0)

            with backbone.model.get_submodule(layer).register_forward_hook(silenced):
                losses.append(label_loss(method.predict(x), y))
    return torch.stack(losses)


def capture_outputs_until(backbone: Backbone, layer: str, forward: Callable[[], Tensor]) -> dict[str, Tensor]:
    """What the blocks of a backbone and the modules between them give, by name, until the layer has given its own.

    A module that is called more than once, as an activation may be, is left out.
    """
    inside = {name.rpartition(".")[0] for name in backbone.block_names}  # the model, and what holds its blocks
    modules = {name: module for name, module in backbone.model.named_modules()
               if name == layer or (name.rpartition(".")[0] in inside and name not in inside)}  # fmt: skip
    calls: list[str] = []
    with capture_outputs(backbone.model, list(modules)) as found, ExitStack() as hooks:
        for name, module in modules.items():
            hooks.enter_context(module.register_forward_hook(partial(_called, calls, name)))
        forward()
    until = calls[: calls.index(layer) + 1]
    return {name: found[name] for name in until if calls.count(name) == 1 and name in found}


@contextmanager
def replay_outputs(model: nn.Module, outputs: dict[str, Tensor]) -> Iterator[None]:
    """Modules of a model give these outputs and compute nothing."""
    modules = [model.get_submodule(name) for name in outputs]
    try:
        for module, output in zip(modules, outputs.values(), strict=True):
            module.forward = partial(_given, output)
        yield
    finally:
        for module in modules:
            del module.forward  # of the instance; its class's is there again


def _called(calls: list[str], name: str, *_: Any) -> None:
    calls.append(name)


def _given(output: Tensor, *inputs: Any, **options: Any) -> Tensor:
    return output
