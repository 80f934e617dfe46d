"""DANN with class weights on the source."""

from typing import Any

import numpy as np
import pytest
import torch
from method_cases import batch_of, full_pass_of, train_steps
from torch import nn

from dann.data.loading.stream import Batch
from dann.methods.dann import Dann
from dann.methods.weighted import WeightedDann
from dann.networks.mlp import mlp
from dann.networks.network import Network
from dann.training.trainer import update


def test_weights_of_one_make_plain_dann() -> None:
    states = []
    for make in (Dann, lambda network: WeightedDann(network, estimate="bbse", normalised=True)):
        torch.manual_seed(0)
        method = make(mlp((6,), 5)).double()
        states.append(train_steps(method, batch_of((6,), dtype=torch.float64)).state_dict())
    for name, value in states[0].items():
        torch.testing.assert_close(value, states[1][name], rtol=1e-10, atol=1e-12)
    assert WeightedDann(mlp((6,), 5), estimate="pada", refreshes=3).milestones == (0.25, 0.5, 0.75)


@pytest.mark.parametrize("normalised", [False, True])
def test_class_weights_weigh_the_source_in_both_losses(normalised: bool) -> None:
    method = WeightedDann(mlp((6,), 3), estimate="pada", normalised=normalised).double()
    batch = batch_of((6,), classes=3, count=5, dtype=torch.float64)
    given = np.array([0.2, 1.0, 0.5])
    method.class_weight.copy_(torch.from_numpy(given))
    w = given[batch.source_y.numpy()]
    w = w / w.mean() if normalised else w
    logp = method.predict(batch.source_x).log_softmax(1).detach().numpy()[np.arange(5), batch.source_y.numpy()]
    zs, zt = (
        method.discriminator(method.network.features(x)).detach().numpy() for x in (batch.source_x, batch.target_x)
    )
    domain = ((w * np.log1p(np.exp(zs))).sum() + np.log1p(np.exp(-zt)).sum()) / 10
    terms = method(batch, 0.5, "all")
    assert terms["label"].item() == pytest.approx(-(w * logp).sum() / 5, rel=1e-10)
    name = "domain" if normalised else "weighted_domain"
    assert terms[name].item() == pytest.approx(domain, rel=1e-10)


@pytest.mark.parametrize("estimate", ["bbse", "mlls", "pada"])
def test_class_weights_are_estimated_from_predictions(estimate: str) -> None:
    random = np.random.default_rng(0)
    means, prior, shifted = 3 * np.eye(3), np.array([1, 1, 1]) / 3, np.array([0.7, 0.25, 0.05])

    def drawn(shares: np.ndarray, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        y = random.choice(3, count, p=shares)
        return torch.from_numpy(means[y] + random.normal(size=(count, 3))).float(), torch.from_numpy(y)

    network = Network(nn.Identity(), nn.Linear(3, 3), (3,), ())
    with torch.no_grad():  # the classifier that is best on the source, and calibrated
        network.classifier.weight.copy_(torch.from_numpy(means))
        network.classifier.bias.copy_(torch.from_numpy(np.log(prior) - (means**2).sum(1) / 2))
    method = WeightedDann(network, estimate=estimate)  # type: ignore[arg-type]
    x, y = drawn(prior, 4000)
    target, _ = drawn(shifted, 4000)
    batch = Batch(x, y, target, torch.zeros_like(y))
    with torch.no_grad():
        method.refresh(full_pass_of(batch, target), 0.5, method)
    truth = shifted / prior if estimate != "pada" else shifted / shifted.max()
    np.testing.assert_allclose(method.class_weight.numpy(), truth, atol=0.1)


@pytest.mark.parametrize("estimate", ["bbse", "mlls"])
def test_class_weights_estimated_again_and_again_stay_where_they_are(estimate: Any) -> None:
    """The classifier is trained with the weights so far, on classes that overlap: the shift must not count twice."""
    torch.manual_seed(0)
    random, truth = np.random.default_rng(0), np.array([0.2, 1.8])

    def drawn(shares: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
        y = random.choice(2, 4000, p=shares)
        return torch.from_numpy(random.normal(size=(4000, 2)) + 1.5 * y[:, None]).float(), torch.from_numpy(y)

    (x, y), (target, _) = drawn([0.5, 0.5]), drawn([0.1, 0.9])
    method = WeightedDann(Network(nn.Identity(), nn.Linear(2, 2), (2,), ()), estimate=estimate, weight=0.0)
    batch, optimizer = Batch(x, y, target, torch.zeros_like(y)), torch.optim.SGD(method.network.parameters(), lr=0.5)
    for _ in range(4):
        for _ in range(200):
            update(method, batch, 0.5, "all", optimizer)
        with torch.no_grad():
            method.refresh(full_pass_of(batch, target), 0.5, method)
        np.testing.assert_allclose(method.class_weight.numpy(), truth, atol=0.12)


def test_a_class_that_is_not_held_out_keeps_its_weight() -> None:
    method = WeightedDann(Network(nn.Identity(), nn.Linear(3, 3), (3,), ()), estimate="bbse")
    with torch.no_grad():
        method.network.classifier.weight.copy_(9 * torch.eye(3))
    y, target = torch.tensor([0, 0, 1, 1]), torch.eye(3)[[0, 1, 1, 1]]
    batch = Batch(torch.eye(3)[y], y, target, torch.zeros_like(y))
    with torch.no_grad():
        method.refresh(full_pass_of(batch, target), 0.5, method)
    np.testing.assert_allclose(method.class_weight.numpy(), [0.5, 1.5, 1.0], atol=1e-5)
