"""DELTA: fine-tuning that preserves the important feature maps (Li et al. 2019)."""

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
from dann.options import Factor

DEFAULT_LAYERS = 4  # number of layers whose maps are preserved by default


class Delta(Method):
    """DELTA: fine-tuning on the source that preserves feature maps, each in proportion to its value for the labels.

    Li et al. 2019, "DELTA: deep learning transfer using feature map with attention for convolutional networks". First
    the layers behind the backbone alone descend the label loss. The attention W of each channel is then computed: the
    softmax, over the channels of a layer, of the increase of the label loss when that channel is set to 0. From then on
    one update descends the label loss, plus α/2 Σ W ‖FM − FM⁰‖² as a mean over the examples, plus β/2 ‖w‖² over the
    weights w behind the backbone; FM⁰ are the maps of the pretrained backbone in evaluation mode. Only source examples
    are forwarded.

    Args:
        weight: α, weight of the distance between feature maps.
        head_weight: β, weight decay of the layers behind the backbone.
        layers: layers of the backbone whose maps are preserved, by dotted name in ``features.backbone.model``; by
            default the last four blocks that output maps.
        attention: compute W; if false, all channels of a layer have the same weight.
        examples: number of labelled examples from which W is computed.
        probe: share of training in which only the layers behind the backbone are trained.

    Raises:
        ValueError: the network has no backbone, or the layers do not output maps ``(N, C, H, W)``.
    """

    needs_pretrained = True
    reads_inputs = True
    needs_examples = True

    def __init__(
        self,
        network: Network,
        *,
        weight: Factor = 0.01,
        head_weight: Factor = 0.01,
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
        """The feature maps of the pretrained backbone."""
        names = [f"module.model.{name}" for name in self.map_layers]
        with capture_outputs(self.start, names) as maps:
            self.start(x)
        return [maps[name] for name in names]

    def refresh(self, full_pass: FullPass, progress: float, evaluated: Method) -> None:
        if self.attention:
            x, y = collect_examples(full_pass, self.examples)
            backbone = self.network.require_backbone()
            for number, name in enumerate(self.map_layers):
                attention = self.get_buffer(f"attention_{number}")
                attention.copy_(losses_without_channels(self, backbone, name, len(attention), x, y).softmax(0))


def choose_map_layers(
    backbone: Backbone, input_shape: tuple[int, ...], layers: Sequence[str] | None
) -> tuple[tuple[str, ...], list[int]]:
    """The layers whose maps are preserved, and their numbers of channels.

    Args:
        layers: dotted names; None for the last four blocks that output feature maps.

    Raises:
        ValueError: there is no such layer, or a layer does not output feature maps.
    """
    wanted = backbone.block_names if layers is None else tuple(layers)
    known = dict(backbone.model.named_modules())
    if unknown := [name for name in wanted if name not in known]:
        raise ValueError(f"no layer {unknown[0]!r} in the backbone; its blocks are {', '.join(backbone.block_names)}")
    with torch.no_grad(), capture_outputs(backbone.model, wanted) as outputs:
        measure_width(backbone, input_shape)
    chosen = [name for name in wanted if name in outputs and outputs[name].ndim == 4]
    if not wanted or len(chosen) < (DEFAULT_LAYERS if layers is None else len(wanted)):
        raise ValueError("needs feature maps (N, C, H, W), which these layers do not output: choose others")
    chosen = chosen[-DEFAULT_LAYERS:] if layers is None else chosen
    return tuple(chosen), [outputs[name].shape[1] for name in chosen]


def collect_examples(full_pass: FullPass, count: int) -> tuple[Tensor, Tensor]:
    """Up to ``count`` labelled training examples and their classes."""
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
    """The label loss with one channel of a layer set to 0, for each channel in turn, shape ``(C,)``.

    All modules before the layer are computed once.
    """
    before = capture_outputs_until(backbone, layer, lambda: method.predict(x))
    losses = []
    with replay_outputs(backbone.model, before):
        for channel in torch.arange(channels, device=x.device).unbind():

            def silence(module: nn.Module, inputs: Any, output: Tensor, channel: Tensor = channel) -> Tensor:
                return output.index_fill(1, channel, 0)

            with backbone.model.get_submodule(layer).register_forward_hook(silence):
                losses.append(label_loss(method.predict(x), y))
    return torch.stack(losses)


def capture_outputs_until(backbone: Backbone, layer: str, forward: Callable[[], Tensor]) -> dict[str, Tensor]:
    """The outputs of a backbone's blocks and of the modules between them, by name, up to and including ``layer``.

    Modules that are called more than once, such as a shared activation, are left out.
    """
    inside = {name.rpartition(".")[0] for name in backbone.block_names}  # the model and the containers of its blocks
    modules = {name: module for name, module in backbone.model.named_modules()
               if name == layer or (name.rpartition(".")[0] in inside and name not in inside)}  # fmt: skip
    calls: list[str] = []
    with capture_outputs(backbone.model, list(modules)) as outputs, ExitStack() as hooks:
        for name, module in modules.items():
            hooks.enter_context(module.register_forward_hook(partial(_record_call, calls, name)))
        forward()
    until = calls[: calls.index(layer) + 1]
    return {name: outputs[name] for name in until if calls.count(name) == 1 and name in outputs}


@contextmanager
def replay_outputs(model: nn.Module, outputs: dict[str, Tensor]) -> Iterator[None]:
    """Let modules of a model return these outputs, by name, instead of computing them, within this context."""
    modules = [model.get_submodule(name) for name in outputs]
    try:
        for module, output in zip(modules, outputs.values(), strict=True):
            module.forward = partial(_return_output, output)
        yield
    finally:
        for module in modules:
            del module.forward  # the attribute of the instance, which hid the method of its class


def _record_call(calls: list[str], name: str, *_: Any) -> None:
    calls.append(name)


def _return_output(output: Tensor, *inputs: Any, **options: Any) -> Tensor:
    return output
