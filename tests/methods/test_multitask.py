"""Multitask learning: one classifier for each domain."""

from typing import Any

import numpy as np
import pytest
import torch
from method_cases import batch_of
from oracles import softmax
from tiny import MOONS, config_of
from torch import nn

from dann.errors import BadInput
from dann.methods.multitask import Multitask
from dann.networks.all_networks import NETWORKS
from dann.training.building import build_trainer
from dann.training.pair_loading import load_pair


@pytest.mark.parametrize("predict", ["mean", "target"])
def test_multitask_against_numpy(predict: Any) -> None:
    torch.manual_seed(0)
    method = Multitask(NETWORKS["mlp"]((6,), 3), sources=2, predict=predict).double()
    batch = batch_of((6,), classes=3, count=7, dtype=torch.float64)
    batch = batch._replace(source_domain=torch.tensor([0, 1, 1, 2, 0, 2, 1]))  # 2: labelled target examples
    heads = [method.network.classifier, *method.others]

    def logp(x: torch.Tensor, head: nn.Module) -> np.ndarray:
        return np.log(softmax(head(method.network.features(x)).detach().numpy()))

    each = np.stack([logp(batch.source_x, head) for head in heads])
    losses = -each[batch.source_domain.numpy(), np.arange(7), batch.source_y.numpy()]
    terms = method(batch, 0.5, "all")
    assert terms["label"].item() == pytest.approx(losses.mean(), rel=1e-10)
    terms["label"].backward()
    assert all(next(head.parameters()).grad.abs().sum() > 0 for head in heads)
    target = np.exp(np.stack([logp(batch.target_x, head) for head in heads]))
    expected = target[2] if predict == "target" else target[:2].mean(0)
    np.testing.assert_allclose(softmax(method.predict(batch.target_x).detach().numpy()), expected, rtol=1e-9)


def test_the_targets_own_classifier_needs_labels() -> None:
    config = config_of(MOONS, method={"name": "multitask", "predict": "target"})
    with pytest.raises(BadInput, match=r"multitask needs labelled target examples: set data\.target_labelled"):
        build_trainer(config, load_pair(config.data), 0, torch.device("cpu"))
    few = config_of(MOONS, method={"name": "multitask", "predict": "target"}, data={"target_labelled": 1})
    trainer = build_trainer(few, load_pair(few.data), 0, torch.device("cpu"))
    trainer.train()
    trainer.step(0, 0.0)
    assert (trainer.stream.source.domain == 1).sum() == 2  # one of each class
