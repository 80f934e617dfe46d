"""SHOT: its two parts of training, losses and pseudo-labels."""

from typing import Any

import numpy as np
import pytest
import torch
from method_cases import batch_of, full_pass_of, train_steps
from torch import nn

from dann.data.loading.full_pass import FullPass
from dann.data.loading.stream import Batch
from dann.methods.shot import Shot
from dann.methods.source_only import SourceOnly
from dann.networks.mlp import mlp


class NoSource(FullPass):
    """A survey that refuses to show source examples."""

    def _labelled(self, name: str) -> Any:
        raise AssertionError("source examples were read")


def test_shot_never_reads_the_source_once_it_adapts() -> None:
    torch.manual_seed(0)
    method, batch = Shot(mlp((6,), 5, hidden=8, batch_norm=True), pretrain=0.5, refreshes=2), batch_of((6,), count=10)
    train_steps(method, batch, 3, progress=0.2)
    full_pass = full_pass_of(batch, batch.target_x)
    full_pass.__class__ = NoSource
    assert [method.due(a, b, False) for a, b in ((0.4, 0.5), (0.5, 0.6), (0.7, 0.75))] == [True, False, True]
    with torch.no_grad():
        method.eval().refresh(full_pass, 0.5, method)
    method.train()
    classifier = [parameter.clone() for parameter in method.network.classifier.parameters()]
    features = method.network.features[0].weight.clone()
    poisoned = Batch(torch.full_like(batch.source_x, torch.nan), batch.source_y, batch.target_x, batch.source_domain)
    train_steps(method, poisoned, 3, progress=0.5)
    assert all(map(torch.equal, classifier, method.network.classifier.parameters()))
    assert not torch.equal(features, method.network.features[0].weight)
    assert all(parameter.isfinite().all() for parameter in method.parameters())


def test_shot_starts_as_source_only_with_smoothed_labels() -> None:
    batch, states = batch_of((6,), count=10), []
    for make in (lambda network: Shot(network, smoothing=0.0), SourceOnly):
        torch.manual_seed(0)
        states.append(train_steps(make(mlp((6,), 5)), batch, 3, progress=0.1).network.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    method = Shot(mlp((6,), 5), smoothing=0.2)
    logits = method.predict(batch.source_x).log_softmax(1).detach().numpy()
    wanted = np.full((10, 5), 0.2 / 5) + 0.8 * np.eye(5)[batch.source_y.numpy()]
    loss = method(batch, 0.1, "source")["label"].item()
    assert loss == pytest.approx(-(wanted * logits).sum(1).mean(), rel=1e-6)


def test_shot_losses_are_those_of_the_paper() -> None:
    torch.manual_seed(0)
    method, batch = Shot(mlp((6,), 5, hidden=8), weight=0.3).double(), batch_of((6,), count=12, dtype=torch.float64)
    old = {name: value.clone() for name, value in method.network.features.state_dict().items()}
    full_pass = full_pass_of(batch, batch.target_x)
    with torch.no_grad():
        method.refresh(full_pass, 0.5, method)
    nn.init.normal_(method.network.features[0].weight)  # the labels stay those of the network as it was
    f = 1 / (1 + np.exp(-(batch.target_x.numpy() @ old["0.weight"].numpy().T + old["0.bias"].numpy())))
    p = softmax(
        f @ method.network.classifier.weight.detach().numpy().T + method.network.classifier.bias.detach().numpy()
    )
    g = np.concatenate([f, np.ones((12, 1))], 1)
    g /= np.linalg.norm(g, axis=1, keepdims=True)
    labels = nearest(g, p)
    labels = nearest(g, np.eye(5)[labels])
    q = softmax(method.predict(batch.target_x).detach().numpy())
    mean = q.mean(0)
    expected = {
        "entropy": -(q * np.log(q)).sum(1).mean(),
        "diversity": (mean * np.log(mean)).sum(),
        "pseudo_label": -0.3 * np.log(q[np.arange(12), labels]).mean(),
    }
    terms = method(batch, 0.6, "target")
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(expected, rel=1e-10)


def nearest(g: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The class of the nearest mean of g, each example counting by its share; a class without any has none."""
    with np.errstate(invalid="ignore"):
        centres = shares.T @ g / shares.sum(0)[:, None]
    cosine = g @ (centres / np.linalg.norm(centres, axis=1, keepdims=True)).T
    return np.asarray(np.nan_to_num(cosine, nan=-2).argmax(1))


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))
