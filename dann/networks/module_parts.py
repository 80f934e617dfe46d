"""Any module of PyTorch as a network: divided at a named layer into features and classifier."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from dann.errors import BadInput, raise_if_stopped
from dann.networks.network import Network
from dann.options import suggest

WIDTHS = (1024, 1024)  # of the discriminator, as on the published networks for photos


class _Tracer(fx.Tracer):
    """Records the operations of the modules that contain a layer; any other module is one operation."""

    def __init__(self, layer: str) -> None:
        super().__init__()
        self.layer = layer

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return not self.layer.startswith(f"{module_qualified_name}.")


def divide_module(module: nn.Module, layer: str | None, input_shape: Sequence[int]) -> Network:
    """A network whose features are the flattened outputs of a layer, and whose classifier is all that follows it.

    The operations are recorded by ``torch.fx``, so that either part is a module of its own.

    Args:
        module: one that ``check_module`` accepts.
        layer: dotted name of a submodule that every path from input to logits passes once, such as
            ``backbone.avgpool``; its output may have any shape ``(N, ...)``.

    Raises:
        BadInput: there is no such layer, the module cannot be divided there, or its logits have another shape.
    """
    if layer is None:
        raise BadInput(f"network.features is missing: name the layer whose output is the features{_known(module)}")
    if layer not in dict(module.named_modules()) or not layer:
        raise BadInput(f"network.features: no layer {layer!r}{_known(module, layer)}")
    graph = _trace(module, layer)
    shape = _output_shape(module, layer, input_shape)
    features, classifier = _divide(module, graph, layer)
    if not list(classifier.parameters()):
        raise BadInput(f"network.features: nothing with weights follows {layer}: choose an earlier layer")
    parts = OrderedDict(model=features, flatten=nn.Flatten())
    head = OrderedDict(unflatten=nn.Unflatten(1, shape), model=classifier)
    return Network(nn.Sequential(parts), nn.Sequential(head), input_shape, WIDTHS)


def _known(module: nn.Module, wrong: str = "") -> str:
    return suggest(wrong, [name for name, _ in module.named_modules() if name])


def _forward(module: nn.Module, input_shape: Sequence[int]) -> Any:
    """The output for two examples of zeros, in evaluation mode."""
    training, like = module.training, next(module.parameters(), torch.zeros(0))
    try:
        with torch.no_grad():
            return module.eval()(like.new_zeros(2, *input_shape))
    except Exception as error:
        raise_if_stopped(error)
        reason = " ".join(str(error).split())
        raise BadInput(f"network: fails on inputs of shape {tuple(input_shape)} ({reason}): correct it") from error
    finally:
        module.train(training)


def check_module(module: nn.Module, input_shape: Sequence[int], num_classes: int) -> None:
    """Raise unless a module maps ``(N, *input_shape)`` to logits ``(N, num_classes)``."""
    logits = _forward(module, input_shape)
    shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    if shape != (2, num_classes):
        raise BadInput(
            f"network: should map two examples to logits of shape (2, {num_classes}), not {shape}: correct it"
        )


def _output_shape(module: nn.Module, layer: str, input_shape: Sequence[int]) -> tuple[int, ...]:
    """The shape of a layer's output for one example."""
    found: list[Any] = []
    hook = module.get_submodule(layer).register_forward_hook(lambda module, inputs, output: found.append(output))
    try:
        _forward(module, input_shape)
    finally:
        hook.remove()
    if len(found) != 1 or not isinstance(found[0], Tensor) or found[0].dim() < 2 or len(found[0]) != 2:
        raise BadInput(
            f"network.features: {layer} does not give one tensor (N, ...), once a pass: choose another layer"
        )
    return tuple(found[0].shape[1:])


def _trace(module: nn.Module, layer: str) -> fx.Graph:
    """The operations of a module, which must be the same in training and in evaluation."""
    training, graphs = module.training, []
    try:
        for mode in (False, True):
            graphs.append(_Tracer(layer).trace(module.train(mode)))
    except Exception as error:
        raise_if_stopped(error)
        raise BadInput(
            f"network.features: the operations cannot be recorded ({' '.join(str(error).split())}): leave Python's if "
            "on values out of forward, or return a dann.networks.network.Network"
        ) from error
    finally:
        module.train(training)
    codes = [str(graph.python_code("self").src) for graph in graphs]
    if codes[0] != codes[1]:
        raise BadInput("network.features: forward differs between training and evaluation: use layers such as "
                       "nn.Dropout in place of functions of self.training")  # fmt: skip
    return graphs[0]


def _divide(module: nn.Module, graph: fx.Graph, layer: str) -> tuple[fx.GraphModule, fx.GraphModule]:
    """The operations up to a layer's output, and those from it to the logits."""
    at = next(node for node in graph.nodes if node.op == "call_module" and node.target == layer)
    output = next(node for node in graph.nodes if node.op == "output")
    behind = _needed(output, at)
    if any(node.op == "placeholder" for node in behind):
        raise BadInput(f"network.features: the inputs reach the logits past {layer} too: choose a later layer")
    features, classifier = fx.Graph(), fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    before = _needed(at, None)
    for node in graph.nodes:
        if node in before:
            copies[node] = features.node_copy(node, copies.__getitem__)
    features.output(copies[at])
    copies = {at: classifier.placeholder("features")}
    for node in graph.nodes:
        if node in behind:
            copies[node] = classifier.node_copy(node, copies.__getitem__)
    return fx.GraphModule(module, features), fx.GraphModule(module, classifier)


def _needed(node: fx.Node, stop: fx.Node | None) -> set[fx.Node]:
    """A node and all that it is computed from, without ``stop`` and what that is computed from."""
    found, left = set[fx.Node](), [node]
    while left:
        each = left.pop()
        if each is not stop and each not in found:
            found.add(each)
            left += each.all_input_nodes
    return found
