"""Networks whose logits are linear in their inputs, and their loss terms in NumPy."""

from typing import Any

import numpy as np
import pytest
import torch
from method_cases import batch_of
from oracles import softmax
from torch import Tensor, nn

from dann.data.loading.stream import Batch
from dann.methods.method import Method
from dann.networks.network import Network


def viewed(shape: tuple[int, ...], **options: Any) -> Batch:
    """A batch with a second view of the target."""
    batch = batch_of(shape, **options)
    return batch._replace(target_view=batch.target_x.flip(-1) * 1.5)


def linear_network(classes: int = 4, inputs: int = 5) -> Network:
    """A network whose logits are linear in its inputs, with confident predictions and unsure ones."""
    torch.manual_seed(0)
    network = Network(nn.Identity(), nn.Linear(inputs, classes), (inputs,), ()).double()
    nn.init.normal_(network.classifier.weight)
    return network


def logits_of(network: Network, x: Tensor) -> np.ndarray:
    weight, bias = (each.detach().numpy() for each in (network.classifier.weight, network.classifier.bias))
    return x.numpy() @ weight.T + bias


def cross_entropy(z: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return -np.log(softmax(z)[np.arange(len(z)), labels])


def kl(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return (p * (np.log(p) - np.log(q))).sum(axis=1)


def terms_of(method: Method, progress: float = 0.4, count: int = 7) -> tuple[dict[str, float], Batch]:
    batch = viewed((5,), classes=4, count=count, dtype=torch.float64)
    weighted = batch._replace(source_weight=torch.linspace(0.5, 2, count, dtype=torch.float64))
    terms = {name: term.item() for name, term in method(weighted, progress, "all").items()}
    weights, z = weighted.source_weight.numpy(), logits_of(method.network, batch.source_x)
    label = (weights * cross_entropy(z, batch.source_y.numpy())).sum() / weights.sum()
    assert terms.pop("label") == pytest.approx(label, rel=1e-12)
    return terms, batch
