"""Initial weights other than PyTorch's."""

import math

import pytest
import torch
from torch import nn

from dann.methods.mcd import Mcd
from dann.networks.all_networks import NETWORKS


@pytest.mark.parametrize(("name", "size"), [("mnist", 28), ("svhn", 32), ("gtsrb", 40)])
def test_xavier_draws_every_layer_within_the_bound_of_its_inputs(name: str, size: int) -> None:
    torch.manual_seed(0)
    network = NETWORKS[name]((3, size, size), 10, initial="xavier")
    modules = [network, network.discriminator(), network.another_classifier()]
    layers = [part for module in modules for part in module.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    assert len(layers) > 6
    for layer in layers:
        bound = math.sqrt(3 / layer.weight[0].numel())
        assert layer.weight.abs().max() <= bound and not layer.bias.any()
        if layer.weight.numel() > 500:
            assert layer.weight.abs().max() > 0.98 * bound
            assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)


def test_glorot_takes_inputs_and_outputs() -> None:
    torch.manual_seed(0)
    network = NETWORKS["mlp"]((30,), 10, hidden=500, initial="glorot")
    for layer, size in (
        (network.features[0], 530),
        (network.classifier, 510),
        (network.discriminator().layers[0], 501),
    ):
        bound = math.sqrt(6 / size)
        assert 0.98 * bound < layer.weight.abs().max() <= bound and not layer.bias.any()


@pytest.mark.parametrize("initial", ["pytorch", "xavier", "glorot"])
def test_weights_that_reckon_with_other_inputs_have_the_variance_of_those(initial: str) -> None:
    spread = []
    for inputs, options in ((3000, {}), (100, {"fan_in": 3000})):
        torch.manual_seed(0)
        layer = NETWORKS["mlp"]((inputs,), 2, hidden=400, initial=initial, **options).features[0]
        spread.append(layer.weight.std())
        assert layer.bias.any() == (initial == "pytorch")
    torch.testing.assert_close(*spread, rtol=0.02, atol=0)


def test_the_default_is_the_initialisation_of_pytorch() -> None:
    networks = []
    for options in ({}, {"initial": "pytorch"}):
        torch.manual_seed(0)
        networks.append(NETWORKS["mnist"]((1, 28, 28), 10, **options))
    assert all(torch.equal(a, b) for a, b in zip(networks[0].parameters(), networks[1].parameters(), strict=True))
    assert networks[0].features[0].bias.any()


def test_a_second_classifier_has_weights_of_its_own_by_the_same_rule() -> None:
    method = Mcd(NETWORKS["mnist"]((1, 28, 28), 10, initial="xavier"))
    first, second = method.network.classifier[0], method.second_classifier[0]
    assert not torch.equal(first.weight, second.weight)
    assert not second.bias.any() and second.weight.abs().max() > 1 / math.sqrt(second.in_features)
