"""Copies of modules."""

import torch
from torch import nn

from dann.networks.all_networks import NETWORKS
from dann.networks.copies import Frozen


def test_a_frozen_copy_stays_unchanged_until_it_copies_again() -> None:
    network = NETWORKS["mnist"]((1, 28, 28), 10, batch_norm=True)
    frozen = Frozen(network.features)
    holder = nn.ModuleList([network, frozen]).train()
    addresses = [tensor.data_ptr() for tensor in frozen.state_dict().values()]
    assert not any(module.training for module in frozen.modules()) and network.training
    assert not any(parameter.requires_grad for parameter in frozen.parameters())
    network(torch.randn(8, 1, 28, 28))
    nn.init.ones_(network.features[0].weight)
    assert not torch.equal(frozen.module[0].weight, network.features[0].weight)
    frozen.copy_from(network.features)
    assert addresses == [tensor.data_ptr() for tensor in frozen.state_dict().values()]
    x = torch.randn(8, 1, 28, 28)
    assert torch.equal(frozen(x), holder.eval()[0].features(x))
