"""The networks of CDAN, SHOT, MCD and VADA: layers and numbers of parameters of the authors' code."""

from typing import Any

import pytest
import torch
from torch import nn

from dann.errors import BadInput
from dann.networks.all_networks import NETWORKS
from dann.networks.bottleneck import Bottleneck
from dann.networks.network import Network
from dann.networks.vada_network import GaussianNoise
from dann.networks.zero_shot_head import ZeroShotHead, give_class_vectors

SHOT = Bottleneck(width=256, activation="none", classifier="weight_norm")
DTN_MAPS = "Conv2d BatchNorm2d Dropout2d ReLU " * 3 + "Flatten "
VADA_BLOCK = "Conv2d BatchNorm2d LeakyReLU " * 3
VADA_MAPS = "InstanceNorm2d " + (VADA_BLOCK + "MaxPool2d Dropout GaussianNoise ") * 2
VADA_END = VADA_BLOCK + "AdaptiveAvgPool2d Flatten "
LAYERS: dict[str, tuple[str, tuple[int, ...], dict[str, Any], str, str]] = {
    "lenet": (
        "lenet",
        (1, 28, 28),
        {},
        "Conv2d MaxPool2d ReLU Conv2d Dropout2d MaxPool2d ReLU Flatten Linear ReLU Dropout",
        "Linear",
    ),
    "lenet of SHOT": (
        "lenet",
        (1, 28, 28),
        {"bottleneck": SHOT},
        "Conv2d MaxPool2d ReLU Conv2d Dropout2d MaxPool2d ReLU Flatten Linear BatchNorm1d Dropout",
        "WeightNormLinear",
    ),
    "dtn": ("dtn", (3, 32, 32), {}, DTN_MAPS + "Linear BatchNorm1d ReLU Dropout", "Linear"),
    "dtn of SHOT": (
        "dtn",
        (3, 32, 32),
        {"bottleneck": SHOT},
        DTN_MAPS + "Linear BatchNorm1d Dropout",
        "WeightNormLinear",
    ),
    "mcd_mnist": (
        "mcd_mnist",
        (1, 28, 28),
        {},
        "Conv2d BatchNorm2d MaxPool2d ReLU " * 2 + "Flatten",
        "Dropout Linear BatchNorm1d ReLU " * 2 + "Dropout Linear",
    ),
    "mcd_svhn": (
        "mcd_svhn",
        (3, 32, 32),
        {},
        "Conv2d BatchNorm2d MaxPool2d ReLU " * 2 + "Conv2d BatchNorm2d ReLU Flatten Linear BatchNorm1d ReLU Dropout",
        "Linear BatchNorm1d ReLU Linear",
    ),
    "vada_small": ("vada_small", (3, 32, 32), {}, VADA_MAPS + "Flatten", f"Unflatten {VADA_END}Linear BatchNorm1d"),
    "vada_small with a bottleneck": (
        "vada_small",
        (3, 32, 32),
        {"bottleneck": Bottleneck(width=128)},
        VADA_MAPS + VADA_END + "Linear BatchNorm1d ReLU Dropout",
        "Linear",
    ),
}


def kinds(module: nn.Module) -> list[str]:
    return [type(part).__name__ for part in module.modules() if not list(part.children())]


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("case", LAYERS)
def test_layers_are_those_of_the_authors(case: str) -> None:
    name, shape, options, features, classifier = LAYERS[case]
    network = NETWORKS[name](shape, 10, **options)
    assert kinds(network.features) == features.split()
    assert kinds(network.classifier) == classifier.split()


def conv(channels_in: int, channels: int, side: int) -> int:
    return channels * (channels_in * side**2 + 1)


def linear(width_in: int, width: int) -> int:
    return width * (width_in + 1)


LENET = conv(1, 20, 5) + conv(20, 50, 5)
DTN = conv(3, 64, 5) + conv(64, 128, 5) + conv(128, 256, 5) + 2 * (64 + 128 + 256)
MCD = conv(1, 32, 5) + conv(32, 48, 5) + 2 * (32 + 48)
MCD_SVHN = conv(3, 64, 5) + conv(64, 64, 5) + conv(64, 128, 5) + 2 * (64 + 64 + 128) + linear(8192, 3072) + 2 * 3072
VADA_THIRD = 3 * conv(64, 64, 3) + 3 * 2 * 64
# Parameters of features and classifier for ten classes, and the width of the features.
COUNTS = {
    "lenet": (LENET + linear(800, 500), linear(500, 10), 500),
    "lenet of SHOT": (LENET + linear(800, 256) + 2 * 256, linear(256, 10) + 10, 256),
    "dtn": (DTN + linear(4096, 512) + 2 * 512, linear(512, 10), 512),
    "dtn of SHOT": (DTN + linear(4096, 256) + 2 * 256, linear(256, 10) + 10, 256),
    "mcd_mnist": (MCD, linear(768, 100) + linear(100, 100) + linear(100, 10) + 2 * 200, 768),
    "mcd_svhn": (MCD_SVHN, linear(3072, 2048) + 2 * 2048 + linear(2048, 10), 3072),
    "vada_small": (
        6 + conv(3, 64, 3) + 5 * conv(64, 64, 3) + 6 * 2 * 64,
        VADA_THIRD + linear(64, 10) + 2 * 10,
        64 * 8 * 8,
    ),
}
TOTALS = {"lenet": 431_080, "dtn": 3_133_962, "mcd_mnist": 127_850, "mcd_svhn": 31_805_898, "vada_small": 299_044}


@pytest.mark.parametrize("case", COUNTS)
def test_numbers_of_parameters_and_shapes(case: str) -> None:
    name, shape, options, _, _ = LAYERS[case]
    network = NETWORKS[name](shape, 10, **options)
    features, classifier, width = COUNTS[case]
    assert (parameters(network.features), parameters(network.classifier)) == (features, classifier)
    assert TOTALS.get(case, features + classifier) == features + classifier
    outputs = network.outputs(torch.randn(2, *shape))
    assert outputs["features"].shape == (2, width) and outputs["logits"].shape == (2, 10)


def rates(network: Network) -> list[float]:
    return [part.p for part in network.modules() if isinstance(part, nn.Dropout | nn.Dropout2d)]


@pytest.mark.parametrize(
    ("name", "shape", "expected", "discriminator"),
    [
        ("lenet", (1, 28, 28), [0.5, 0.5], (500, 500)),
        ("dtn", (3, 32, 32), [0.1, 0.3, 0.5, 0.5], (500, 500)),
        ("mcd_mnist", (1, 28, 28), [0.5, 0.5, 0.5], (100,)),
        ("mcd_svhn", (3, 16, 16), [0.5], (1024, 1024)),
        ("vada_small", (3, 32, 32), [0.5, 0.5], (100,)),
    ],
)
def test_dropout_rates_and_discriminators(
    name: str, shape: tuple[int, ...], expected: list[float], discriminator: tuple[int, ...]
) -> None:
    network = NETWORKS[name](shape, 10)
    assert rates(network) == expected and network.discriminator_widths == discriminator


def test_normalisation_of_vada() -> None:
    network = NETWORKS["vada_small"]((3, 8, 8), 5)
    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert len(norms) == 10 and {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.01)}
    assert {part.negative_slope for part in network.modules() if isinstance(part, nn.LeakyReLU)} == {0.1}
    network.double().eval()
    x = torch.randn(3, 3, 8, 8, dtype=torch.float64)
    other = x * 1e3 * torch.rand(3, 3, 1, 1, dtype=torch.float64) + 4  # another contrast and brightness of each channel
    scaled = [network.features[0](part * 1e6) for part in (x, other)]  # ε of 0.001 is then negligible
    torch.testing.assert_close(*scaled, rtol=1e-6, atol=1e-9)
    plain = NETWORKS["vada_small"]((3, 8, 8), 5, instance_norm=False, noise=0.0, dropout=0.0)
    assert "InstanceNorm2d" not in kinds(plain) and torch.equal(plain(x.float()), plain(x.float()))


def test_noise_is_added_in_training_only() -> None:
    torch.manual_seed(0)
    layer, x = GaussianNoise(0.3), torch.randn(200, 50)
    noise = layer(x) - x
    assert noise.std() == pytest.approx(0.3, rel=0.05) and noise.mean().abs() < 0.02
    assert not torch.equal(layer(x), layer(x)) and torch.equal(layer.eval()(x), x)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("lenet", (1, 8, 8)),
        ("lenet", (20,)),
        ("dtn", (3, 32)),
        ("mcd_mnist", (3, 10, 10)),
        ("mcd_svhn", (4,)),
        ("vada_small", (3, 3, 3)),
        ("vada_small", (2, 32)),
        ("vada_small", (20,)),
    ],
)
def test_unsuited_inputs_are_refused(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(BadInput, match=rf"network: {name} cannot take inputs of shape .*: choose another network"):
        NETWORKS[name](shape, 10)


def test_class_vectors_replace_the_normalisation_of_the_logits_too() -> None:
    network = NETWORKS["vada_small"]((3, 8, 8), 4)
    give_class_vectors(network.classifier, torch.randn(4, 7), unseen=[2])
    assert isinstance(network.classifier[-1], ZeroShotHead)
    assert (network(torch.randn(3, 3, 8, 8))[:, 2] == -100).all()
