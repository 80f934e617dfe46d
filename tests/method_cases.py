"""Batches, full passes and configurations that tests of all methods share."""

import atexit
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest
import torch

from dann.config.schema import Config, resolve
from dann.data.datasets.all_datasets import DOMAINS
from dann.data.datasets.own_arrays import from_arrays
from dann.data.domain import Domain, Split
from dann.data.loading.full_pass import FullPass
from dann.data.loading.stream import Batch
from dann.data.transforms.input_transform import Transform
from dann.data.transforms.transform_options import TransformOptions
from dann.methods.all_methods import METHODS
from dann.methods.method import Method
from dann.methods.source_only import SourceOnly
from dann.networks.all_networks import NETWORKS
from dann.networks.network import Network
from dann.training.trainer import update

INPUTS = {
    "mnist": (3, 28, 28),
    "svhn": (3, 12, 12),
    "gtsrb": (3, 40, 40),
    "mlp": (20,),
    "cnn1d": (4, 32),
    "torchvision": (3, 32, 32),  # for all networks on backbones
}
PUBLISHED_INPUTS = {"lenet": (1, 16, 16), "dtn": (3, 8, 8), "mcd_mnist": (1, 16, 16), "vada_small": (3, 8, 8)}
BOTTLENECK = {"width": 12, "classifier": "weight_norm"}


@cache
def resnet_weights() -> str:
    """A file of random ResNet-18 weights that count as pretrained."""
    from torchvision.models import resnet18

    with torch.random.fork_rng():
        torch.manual_seed(7)
        path = Path(mkdtemp()) / "resnet18.pt"
        atexit.register(shutil.rmtree, path.parent)
        torch.save(resnet18(weights=None).state_dict(), path)
    return str(path)


def batch_of(shape: tuple[int, ...], classes: int = 5, count: int = 6, dtype: torch.dtype = torch.float32) -> Batch:
    generator = torch.Generator().manual_seed(0)
    source, target = (torch.randn(count, *shape, generator=generator, dtype=dtype) for _ in range(2))
    source_y, source_domain = torch.arange(count) % classes, torch.zeros(count, dtype=torch.int64)
    return Batch(source, source_y, target + 1, source_domain, target_rows=torch.arange(count))


def full_pass_of(source: Batch, target: torch.Tensor) -> FullPass:
    """A full pass whose labelled examples, training and held-out ones, are those of a batch."""
    labelled = Split.of(source.source_x, source.source_y)
    unlabelled = Split.of(target, torch.full((len(target),), -1))
    transform = Transform(TransformOptions(normalise="none"), labelled)
    return FullPass(labelled, labelled, unlabelled, (transform, transform), torch.device("cpu"))


def train_steps(method: Method, batch: Batch, steps: int = 3, progress: float = 0.5) -> Method:
    """Train a method on one batch, in all phases of some steps."""
    optimizer = torch.optim.SGD(method.parameters(), lr=0.1, momentum=0.9)
    for _ in range(steps):
        for phase in method.phases(progress):
            update(method, batch, progress, phase, optimizer)
    return method


OPTIONS: dict[str, dict[str, Any]] = {"weighted_dann": {"estimate": "mlls"}, "delta": {"layers": ["layer1"]},
                                      "pixel_da": {"filters": 4, "blocks": 1}}  # fmt: skip
OF_BACKBONES = ("l2_sp", "delta", "co_tuning")


def make_domain(name: str, shape: tuple[int, ...], shift: float) -> Callable[[], Domain]:
    random = np.random.default_rng(len(name))
    x, y = random.normal(size=(40, *shape)).astype(np.float32) + shift, np.arange(40) % 5
    if len(shape) == 3:
        x = (128 + 30 * x).clip(0, 255).astype(np.uint8)
    return lambda: from_arrays(name, x, y)


def method_config(name: str, options: dict[str, Any], network: str, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A configuration of a method on a network, with the bottleneck if ``network`` ends in ``+``."""
    network, normalised = network.removesuffix("+"), network.endswith("+")
    shape = (INPUTS | PUBLISHED_INPUTS)[network]
    for number, domain in enumerate(("one", "another", "third")):
        monkeypatch.setitem(DOMAINS, domain, make_domain(domain, shape, float(number)))
    sources = ["one", "another"][: METHODS[name].sources or 1] if name != "mdan" else ["one", "another"]
    data: dict[str, Any] = {"source": [{"name": source} for source in sources], "target": {"name": "third"}}
    data |= {"batch_size": 4, "validation": 0.3, "target_view": {"mask": 0.5}}
    data |= {"transform": {"normalise": "half"}} if METHODS[name].makes_images and len(shape) == 3 else {}
    method = {"name": name} | options
    resnet = {"model": "resnet18", "weights": resnet_weights()}
    named: dict[str, Any] = {"name": network} | (resnet if network == "torchvision" else {})
    named |= {"bottleneck": BOTTLENECK} if normalised else {}
    declared = {
        "data": data,
        "network": named,
        "optimizer": {"name": "sgd"},
        "train": {"steps": 2, "precision": "fp32"},
    }
    return resolve(declared | {"method": method}, "test")


def assert_moves_as_source_only(build: Callable[[Network], Method], batch: Batch) -> None:
    """Hold two steps of a method without its terms to those of source only, on the network for MNIST in float64."""
    networks = []
    for kind in (build, SourceOnly):
        torch.manual_seed(0)
        method = kind(NETWORKS["mnist"]((3, 28, 28), 10)).double()
        optimizer = torch.optim.SGD(method.parameters(), lr=0.1, momentum=0.9)
        for _ in range(2):
            update(method, batch, 0.5, "all", optimizer)
        networks.append(method.network.state_dict())
    for name, value in networks[0].items():
        torch.testing.assert_close(value, networks[1][name], rtol=1e-10, atol=1e-12)
