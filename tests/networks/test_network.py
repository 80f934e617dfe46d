"""Outputs of a network's layers."""

import pytest
import torch

from dann.networks.all_networks import NETWORKS


def test_layers_of_a_network_have_names() -> None:
    network = NETWORKS["mnist"]((1, 28, 28), 10)
    x = torch.randn(3, 1, 28, 28)
    outputs = network.outputs(x, ("features.2", "classifier.1", "logits"))
    torch.testing.assert_close(outputs["features.2"], network.features[:3](x).flatten(1))
    torch.testing.assert_close(outputs["classifier.1"], network.classifier[:2](network.features(x)))
    assert torch.equal(outputs["logits"], network(x)) and torch.equal(outputs["features"], network.features(x))
    assert set(network.outputs(x, ("features",))) == {"features"}, "the classifier was run for nothing"
    assert not any(module._forward_hooks for module in network.modules())
    assert (network.width("features.2"), network.feature_dim, network.num_classes) == (32 * 12 * 12, 768, 10)
    with pytest.raises(ValueError, match=r"no layer 'fc9': choose features, logits, or one of features\.0"):
        network.width("fc9")


def test_a_layer_before_one_that_works_in_place_keeps_its_values() -> None:
    network = NETWORKS["torchvision"]((3, 32, 32), 5, model="resnet18", weights="none").eval()
    x, model = torch.randn(2, 3, 32, 32), network.features.backbone.model
    expected = model.bn1(model.conv1(x)).flatten(1)
    assert (expected < 0).any()
    torch.testing.assert_close(
        network.outputs(x, ("features.backbone.model.bn1",))["features.backbone.model.bn1"], expected
    )
