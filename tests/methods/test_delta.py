"""DELTA: the maps it preserves, and their attention."""

from typing import Any

import numpy as np
import pytest
import torch
from method_cases import batch_of
from oracles import softmax
from pretrained_runs import PHOTO, perturb_weights, resnet_network
from torch import nn

from dann.methods.delta import Delta, losses_without_channels
from dann.methods.source_only import SourceOnly
from dann.networks.all_networks import NETWORKS


def test_delta_keeps_the_maps_that_the_labels_need() -> None:
    method = Delta(resnet_network(), weight=0.4, head_weight=0.6, layers=["layer1", "layer3"], probe=0.25).eval()
    batch = batch_of(PHOTO)
    assert method.phases(0.2) == ("probe",) and method.phases(0.25) == ("all",)
    probed = {id(parameter) for parameter in method.phase_parameters("probe") or ()}
    assert probed == {id(parameter) for parameter in method.network.classifier.parameters()}
    terms = method(batch, 0.5, "all")
    assert terms["maps"].item() == 0  # nothing has moved
    perturb_weights(method.network)  # type: ignore[arg-type]
    with torch.no_grad():
        expected = 0.0
        for name in ("layer1", "layer3"):
            now, before = (
                maps_of(backbone, name, batch.source_x) for backbone in (method.network.backbone, method.start.module)
            )
            expected += 0.4 / 2 * ((now - before) ** 2).sum((2, 3)).mean(1).mean().item()
    assert method(batch, 0.5, "all")["maps"].item() == pytest.approx(expected, rel=1e-4)


def maps_of(backbone: Any, name: str, x: torch.Tensor) -> torch.Tensor:
    model = backbone.model
    x = model.maxpool(model.relu(model.bn1(model.conv1(x))))
    for layer in ("layer1", "layer2", "layer3", "layer4"):
        x = getattr(model, layer)(x)
        if layer == name:
            return x
    raise KeyError(name)


def test_attention_is_how_much_the_label_loss_grows_without_a_channel() -> None:
    method = Delta(resnet_network(), layers=["layer3"], examples=4).eval()
    batch = batch_of(PHOTO)
    x, y = batch.source_x[:4], batch.source_y[:4]

    class FullPass:
        def source(self) -> Any:
            return iter([(batch.source_x, batch.source_y)])

    with torch.no_grad():
        method.refresh(FullPass(), 0.1, method)  # type: ignore[arg-type]
        model, losses = method.network.backbone.model, []
        maps = maps_of(method.network.backbone, "layer3", x)
        for channel in range(maps.shape[1]):
            silent = maps.clone()
            silent[:, channel] = 0
            logits = method.network.classifier(model.avgpool(model.layer4(silent)).flatten(1)).numpy()
            losses.append(-np.log(softmax(logits))[np.arange(4), y.numpy()].mean())
    expected = softmax(np.array([losses]))[0]
    np.testing.assert_allclose(method.attention_0.numpy(), expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("resnet18", {"layers": ["layer9"]}, "no layer 'layer9' in the backbone; its blocks are conv1, "),
        ("resnet18", {"layers": ["avgpool", "fc"]}, "which these layers do not output"),
        ("resnet18", {"layers": []}, "which these layers do not output"),
        ("vit_b_16", {}, "which these layers do not output"),
    ],
)
def test_delta_needs_maps_of_channels(model: str, options: dict[str, Any], message: str) -> None:
    with torch.device("meta"):
        made = NETWORKS["torchvision"](PHOTO, 3, model=model, weights="none")
        with pytest.raises(ValueError, match=message):
            Delta(made, **options)


def test_delta_keeps_the_last_maps_of_a_network_without_blocks() -> None:
    with torch.device("meta"):
        method = Delta(NETWORKS["torchvision"](PHOTO, 3, model="vgg11", weights="none"))
    assert method.map_layers == ("features.11", "features.13", "features.16", "features.18")
    assert method.attention_3.shape == (512,)


@pytest.mark.parametrize(
    ("model", "layer"),
    [
        ("resnet18", "layer4"),
        ("resnet18", "layer1.0.conv1"),
        ("densenet121", "features.norm5"),
        ("vgg11", "features.5"),
    ],
)
def test_replayed_outputs_give_the_attention_of_whole_forward_passes(model: str, layer: str) -> None:
    torch.manual_seed(0)
    network = NETWORKS["torchvision"](PHOTO, 3, model=model, weights="none")
    method, x, y = SourceOnly(network).eval(), torch.randn(4, *PHOTO), torch.tensor([0, 1, 2, 0])
    expected = []
    with torch.no_grad():
        for channel in range(2):

            def silenced(module: nn.Module, inputs: Any, output: torch.Tensor, channel: int = channel) -> torch.Tensor:
                return output.index_fill(1, torch.tensor([channel]), 0)

            with network.backbone.model.get_submodule(layer).register_forward_hook(silenced):
                expected.append(torch.nn.functional.cross_entropy(method.predict(x), y))
        found = losses_without_channels(method, network.backbone, layer, 2, x, y)
        torch.testing.assert_close(found, torch.stack(expected), rtol=0, atol=0)
        whole = method.predict(x)
    torch.testing.assert_close(method.predict(x), whole)  # nothing is replay_outputs any more
    assert found[0] != found[1]
