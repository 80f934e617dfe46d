"""The network for time series: the layers of AdaTime's CNN with its values for several data sets."""

import pytest
import torch
from torch import nn

from dann.methods.dann import Dann
from dann.networks.bottleneck import Bottleneck
from dann.networks.series_networks import cnn1d


def test_the_defaults_are_adatimes_for_uci_har() -> None:
    network = cnn1d((9, 128), 6)
    convolutions = [layer for layer in network.features if isinstance(layer, nn.Conv1d)]
    assert [tuple(layer.weight.shape) for layer in convolutions] == [(64, 9, 5), (128, 64, 8), (128, 128, 8)]
    assert [(layer.stride, layer.padding) for layer in convolutions] == [((1,), (2,)), ((1,), (4,)), ((1,), (4,))]
    assert all(layer.bias is None for layer in convolutions) and network.discriminator_widths == (64, 64)
    assert [layer.p for layer in network.features if isinstance(layer, nn.Dropout)] == [0.5]
    assert isinstance(network.classifier, nn.Linear) and network.classifier.weight.shape == (6, 128)


def test_the_options_are_adatimes_for_sleep_stages() -> None:
    network = cnn1d((1, 3000), 5, kernel=25, stride=6, dropout=0.2, width=32, final=128)
    first, second, third = (layer for layer in network.features if isinstance(layer, nn.Conv1d))
    assert (first.stride, first.padding, first.weight.shape) == ((6,), (12,), (32, 1, 25))
    assert second.out_channels == 64 and third.weight.shape == (128, 64, 8)
    assert network.feature_dim == 128 and network(torch.randn(2, 1, 3000)).shape == (2, 5)


@pytest.mark.parametrize("steps", [9, 128])
def test_the_features_may_have_a_length(steps: int) -> None:
    torch.manual_seed(0)
    network = cnn1d((2, steps), 3, length=4, final=10).eval()
    x = torch.randn(5, 2, steps)
    maps = network.features[:-2](x)
    assert network.feature_dim == 40 and network.features(x).shape == (5, 40)
    torch.testing.assert_close(network.features(x), nn.functional.adaptive_avg_pool1d(maps, 4).flatten(1))


def test_the_classifier_of_codats_has_hidden_layers() -> None:
    network = cnn1d((9, 128), 6, hidden=[500, 500])
    widths = [layer.out_features for layer in network.classifier if isinstance(layer, nn.Linear)]
    assert widths == [500, 500, 6] and Dann(network).discriminator.layers[0].in_features == 128
    own = cnn1d((9, 128), 6, hidden=[50], bottleneck=Bottleneck(width=20, classifier="own"))
    assert own.classifier[0].weight.shape == (50, 20)
