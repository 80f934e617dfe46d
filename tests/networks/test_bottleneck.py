"""The normalised bottleneck and the classifiers on it."""

from typing import Any

import numpy as np
import pytest
import torch
from method_cases import INPUTS, PUBLISHED_INPUTS
from tiny import MOONS, config_of
from torch import nn

from dann.errors import BadInput
from dann.methods.adabn import AdaBN
from dann.networks.all_networks import NETWORKS
from dann.networks.bottleneck import Bottleneck, WeightNormLinear
from dann.networks.copies import copy_with_new_weights
from dann.networks.mlp import mlp
from dann.networks.network import Network
from dann.training.building import build_trainer
from dann.training.pair_loading import load_pair

SMALL = {name: shape for name, shape in (INPUTS | PUBLISHED_INPUTS | {"mcd_svhn": (3, 8, 8)}).items()
         if name != "torchvision"}  # fmt: skip


def numpy_state(network: Network) -> dict[str, np.ndarray]:
    return {name: value.numpy().copy() for name, value in network.state_dict().items()}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("activation", "classifier"), [("relu", "linear"), ("none", "weight_norm")])
def test_bottleneck_against_numpy(activation: Any, classifier: Any, training: bool) -> None:
    torch.manual_seed(0)
    options = Bottleneck(width=4, activation=activation, dropout=0.0, classifier=classifier)
    network = mlp((6,), 3, hidden=None, bottleneck=options).double().train(training)
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand_like(tensor) + 0.1)
    x, state = torch.randn(7, 6, dtype=torch.float64), numpy_state(network)
    outputs = network.outputs(x)

    z = x.numpy() @ state["features.neck.0.weight"].T + state["features.neck.0.bias"]
    mean, var = z.mean(0), z.var(0)
    before = state["features.neck.1.running_mean"], state["features.neck.1.running_var"]
    used = (mean, var) if training else before
    y = (z - used[0]) / np.sqrt(used[1] + 1e-5) * state["features.neck.1.weight"] + state["features.neck.1.bias"]
    y = np.maximum(y, 0) if activation == "relu" else y
    weight = state["classifier.weight"]
    if classifier == "weight_norm":
        weight = state["classifier.length"] * weight / np.sqrt((weight**2).sum(1, keepdims=True))
    np.testing.assert_allclose(outputs["features"].detach(), y, rtol=1e-12)
    np.testing.assert_allclose(outputs["logits"].detach(), y @ weight.T + state["classifier.bias"], rtol=1e-12)
    after = [network.features.neck[1].get_buffer(f"running_{name}").numpy() for name in ("mean", "var")]
    seen = (mean, var * 7 / 6)  # running statistics keep the unbiased variance
    for old, batch, new in zip(before, seen, after, strict=True):
        np.testing.assert_allclose(new, 0.9 * old + 0.1 * batch if training else old, rtol=1e-12)


def test_dropout_is_the_last_layer_of_the_features() -> None:
    torch.manual_seed(0)
    network = mlp((6,), 3, hidden=None, bottleneck=Bottleneck(width=200, activation="none"))
    x = torch.randn(8, 6)
    layers = ("features", "features.neck.1", "logits")
    outputs = network.outputs(x, layers)
    dropped = outputs["features"] == 0
    assert 0.4 < dropped.float().mean() < 0.6
    torch.testing.assert_close(outputs["features"][~dropped], 2 * outputs["features.neck.1"][~dropped])
    torch.testing.assert_close(outputs["logits"], network.classifier(outputs["features"]))


@pytest.mark.parametrize("classifier", ["linear", "weight_norm", "hidden", "own"])
@pytest.mark.parametrize("name", SMALL)
def test_every_small_network_takes_a_bottleneck(name: str, classifier: Any) -> None:
    torch.manual_seed(0)
    network = NETWORKS[name](SMALL[name], 5, bottleneck=Bottleneck(width=12, classifier=classifier))
    kinds = [type(layer) for layer in network.features.neck]
    assert kinds == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Dropout] and network.features[-1] is network.features.neck
    if classifier == "hidden":
        shapes = [tuple(part.weight.shape) for part in network.classifier if isinstance(part, nn.Linear)]
        assert shapes == [(12, 12), (5, 12)] and [part.p for part in network.classifier[2:3]] == [0.5]
    elif classifier == "own":
        first = next(part for part in network.classifier.modules() if isinstance(part, nn.Linear))
        assert first.in_features == 12
    else:
        assert type(network.classifier) is (nn.Linear if classifier == "linear" else WeightNormLinear)
    outputs = network.outputs(torch.randn(3, *SMALL[name]))
    assert outputs["features"].shape == (3, 12) and outputs["logits"].shape == (3, 5)
    assert network.discriminator()(outputs["features"]).shape == (3,)


OWN_HEADS = {"mnist": [100, 100], "svhn": [3072, 2048], "gtsrb": [512], "mcd_mnist": [100, 100], "mcd_svhn": [2048]}


@pytest.mark.parametrize("name", SMALL)
def test_own_classifier_keeps_the_hidden_layers_of_the_network(name: str) -> None:
    network = NETWORKS[name](SMALL[name], 5, bottleneck=Bottleneck(width=12, classifier="own"))
    linear = [part for part in network.classifier.modules() if isinstance(part, nn.Linear)]
    assert [part.out_features for part in linear] == [*OWN_HEADS.get(name, []), 5]


def test_without_a_bottleneck_weights_are_as_before() -> None:
    """Those of the layers drawn one after another from the same seed."""
    torch.manual_seed(3)
    network = NETWORKS["mnist"]((1, 28, 28), 10)
    torch.manual_seed(3)
    layers = [nn.Conv2d(1, 32, 5), nn.Conv2d(32, 48, 5), nn.Linear(768, 100), nn.Linear(100, 100), nn.Linear(100, 10)]
    expected = [parameter for layer in layers for parameter in layer.parameters()]
    assert all(torch.equal(one, other) for one, other in zip(network.parameters(), expected, strict=True))
    assert [*network.state_dict()][-1] == "classifier.4.bias"
    assert {*mlp((6,), 3).state_dict()} >= {"features.0.weight", "classifier.weight"}


def test_weight_normalisation_starts_as_a_linear_layer_and_separates_length_from_direction() -> None:
    torch.manual_seed(0)
    layer = WeightNormLinear(6, 4).double()
    x = torch.randn(5, 6, dtype=torch.float64)
    torch.testing.assert_close(layer(x), nn.functional.linear(x, layer.weight, layer.bias))
    layer(x).square().sum().backward()
    torch.testing.assert_close((layer.weight.grad * layer.weight).sum(1), torch.zeros(4, dtype=torch.float64))
    with torch.no_grad():
        layer.weight.mul_(7)
        layer.length.fill_(1)
    logits = layer(x) - layer.bias
    assert (logits.abs() <= x.norm(dim=1, keepdim=True)).all()


def test_a_second_classifier_has_new_weights_of_both_kinds() -> None:
    layer = WeightNormLinear(6, 4)
    copy = copy_with_new_weights(layer)
    assert isinstance(copy, WeightNormLinear) and set(copy.state_dict()) == {"weight", "bias", "length"}
    assert not torch.equal(copy.weight, layer.weight) and not torch.equal(copy.length, layer.length)
    torch.testing.assert_close(copy.length, copy.weight.norm(dim=1, keepdim=True))


def test_an_experiment_file_sets_it() -> None:
    options = {"width": 6, "activation": "none", "classifier": "weight_norm"}
    config = config_of(MOONS, network={"bottleneck": options}, method={"name": "shot"})
    assert config_of(config.model_dump(mode="json")) == config
    network = build_trainer(config, load_pair(config.data), 0, torch.device("cpu")).method.network
    assert network.feature_dim == 6 and isinstance(network.classifier, WeightNormLinear)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bottleneck": {"dropout": 0.5}}, "network.bottleneck.width is missing: add it"),
        ({"bottleneck": {"width": 0}}, "network.bottleneck.width: .*greater than or equal to 1"),
        ({"bottleneck": {"width": 8, "drop": 0.5}}, "unknown key network.bottleneck.drop; did you mean dropout?"),
        ({"bottleneck": {"width": 8, "activation": "tanh"}}, "network.bottleneck.activation: .*'relu' or 'none'"),
        ({"bottleneck": 256}, "network.bottleneck: .*mapping"),
        ({"hidden": None}, "network.hidden: null leaves no layer.*: set a width or network.bottleneck"),
        ({"hidden": None, "bottleneck": {"width": 8}, "batch_norm": True}, "network.hidden: null .* leave batch_norm"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    changes = {"network": {"hidden": 8} | options}
    with pytest.raises(BadInput, match=message):
        config = config_of(MOONS, **changes)
        build_trainer(config, load_pair(config.data), 0, torch.device("cpu"))


@pytest.mark.parametrize("name", ["svhn", "lenet"])
def test_adabn_works_on_a_bottleneck_of_a_network_without_other_batch_norm(name: str) -> None:
    with pytest.raises(ValueError, match=r"set network\.bottleneck"):
        AdaBN(NETWORKS[name](SMALL[name], 5))
    AdaBN(NETWORKS[name](SMALL[name], 5, bottleneck=Bottleneck(width=8)))
