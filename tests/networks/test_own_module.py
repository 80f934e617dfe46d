import pickle

import pytest
import torch
from pretrained_runs import PHOTO, resnet_network
from tiny import MOONS, config_of
from torch import nn

from dann.config.schema import resolve_in_memory
from dann.errors import BadInput
from dann.networks.own_module import OWN_MODULE, wrap_module


def test_a_module_gets_a_classifier_on_its_flat_features() -> None:
    network = wrap_module(nn.Conv2d(3, 4, 3), (3, 5, 5), 7)
    outputs = network.outputs(torch.randn(2, 3, 5, 5))
    assert outputs["features"].shape == (2, 36) and outputs["logits"].shape == (2, 7)
    assert network.discriminator().layers[0].out_features == 100


def test_a_module_stands_in_a_configuration_of_a_program_alone() -> None:
    with pytest.raises(BadInput, match="unknown network 'own_module'"):
        config_of(MOONS, network={"name": OWN_MODULE})
    config = resolve_in_memory({**MOONS, "network": {"name": OWN_MODULE}}, "test")
    assert pickle.loads(pickle.dumps(config)) == config
    with pytest.raises(BadInput, match="stands for a module of a program"):
        config.network.build((2,), 2)


def test_a_backbone_that_was_taken_off_is_put_back() -> None:
    network, x = resnet_network("bottleneck").eval(), torch.randn(2, *PHOTO)
    backbone = network.require_backbone()
    again = network.without_backbone().with_backbone(backbone, PHOTO)
    assert torch.equal(again(x), network(x)) and again.backbone is backbone and again.input_shape == PHOTO
