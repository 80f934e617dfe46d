"""MDAN: the weights of its sources."""

from typing import Any

import numpy as np
import pytest
import torch
from method_cases import batch_of, train_steps

from dann.data.loading.stream import Batch
from dann.methods.dann import Dann
from dann.methods.mdan import Mdan
from dann.networks.mlp import mlp


def test_one_source_makes_mdan_dann() -> None:
    states = []
    for make in (
        lambda network: Dann(network, schedule="constant"),
        lambda network: Mdan(network, sources=1, aggregate="mean"),
    ):
        torch.manual_seed(0)
        method = train_steps(make(mlp((6,), 5)).double(), batch_of((6,), dtype=torch.float64))
        states.append([value for name, value in method.state_dict().items()])
    for one, other in zip(*states, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def mdan_batch() -> Batch:
    batch = batch_of((6,), classes=3, count=7, dtype=torch.float64)
    return batch._replace(source_domain=torch.tensor([0, 0, 1, 1, 1, 0, 3]))  # the last is a labelled target example


def bounds(method: Mdan, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """The label and domain losses of the sources in the batch, by hand."""
    logp = method.predict(batch.source_x).log_softmax(1).detach().numpy()[np.arange(7), batch.source_y.numpy()]
    label, domain = [], []
    for number, discriminator in enumerate(method.discriminators):
        own, of = batch.source_domain.numpy() == number, batch.source_domain.numpy()
        zs, zt = (discriminator(method.network.features(x)).detach().numpy() for x in (batch.source_x, batch.target_x))
        label.append(-logp[(of == number) | (of == 3)].mean())
        domain.append((np.log1p(np.exp(zs[own])).mean() + np.log1p(np.exp(-zt)).mean()) / 2 if own.any() else np.nan)
    return np.array(label), np.array(domain)


@pytest.mark.parametrize("score", ["bound", "sum", "apart"])
@pytest.mark.parametrize("aggregate", ["soft", "hard", "mean"])
def test_mdan_weighs_its_sources_by_their_bounds(aggregate: Any, score: Any) -> None:
    if score == "apart" and aggregate != "hard":
        with pytest.raises(ValueError, match="score: apart needs aggregate: hard"):
            Mdan(mlp((6,), 3), aggregate=aggregate, score=score)
        return
    method = Mdan(mlp((6,), 3), sources=3, aggregate=aggregate, score=score, gamma=3.0).double()
    batch = mdan_batch()
    label, domain = bounds(method, batch)
    value = {"bound": label - domain, "sum": label + domain, "apart": label}[score][:2]  # the third has no example
    alpha = {
        "soft": np.exp(3 * value) / np.exp(3 * value).sum(),
        "hard": value == value.max(),
        "mean": np.array([0.5, 0.5]),
    }
    of_domain = domain[:2] == domain[:2].min() if score == "apart" else alpha[aggregate]
    terms = method(batch, 0.5, "all")
    assert terms["label"].item() == pytest.approx((alpha[aggregate] * label[:2]).sum(), rel=1e-9)
    assert terms["domain"].item() == pytest.approx((of_domain * domain[:2]).sum(), rel=1e-9)
    (terms["label"] + terms["domain"]).backward()
    assert method.discriminators[2].layers[0].weight.grad.abs().sum() == 0


def test_soft_mdan_descends_the_log_sum_exp() -> None:
    """In the classifier, which no reversal reaches: (1/γ) log Σ exp(γ (L + λD)), weighed as its code does."""
    method = Mdan(mlp((6,), 3), sources=3, score="sum", gamma=3.0, weight=0.4).double()
    batch = mdan_batch()
    sum(method(batch, 0.5, "all").values()).backward()
    weight = method.network.classifier.weight

    def objective() -> float:
        label, domain = bounds(method, batch)
        return float(np.log(np.exp(3 * (label + 0.4 * domain)[:2]).sum()) / 3)

    for place in ((0, 0), (2, 5)):
        with torch.no_grad():
            weight[place] += 1e-5
            above = objective()
            weight[place] -= 2e-5
            below = objective()
            weight[place] += 1e-5
        assert weight.grad[place].item() == pytest.approx((above - below) / 2e-5, rel=1e-5)
