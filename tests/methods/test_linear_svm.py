"""The linear support vector machine: its optimum, that no step moves it, and what it refuses to read."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from stacked_runs import DIGITS
from tiny import MOONS, config_of

from dann.data.pair import Pair
from dann.methods.linear_svm import LinearSvm
from dann.training.building import build_trainer
from dann.training.pair_loading import load_pair
from dann.training.trainer import Trainer

CPU = torch.device("cpu")


def fitted(c: float, **changes: Any) -> tuple[Trainer, Pair]:
    config = config_of(MOONS, method={"name": "linear_svm", "c": c}, **changes)
    pair = load_pair(config.data)
    trainer = build_trainer(config, pair, 0, CPU)
    trainer.refresh(-1.0, 0.0, False)
    return trainer, pair


@pytest.mark.parametrize("c", [0.01, 1.0])
def test_it_has_the_smallest_squared_hinge_loss_and_norm(c: float) -> None:
    """Of ½ (‖w‖² + b²) + C Σ max(0, 1 − s (w·x + b))², as liblinear penalises the bias too (Fan et al. 2008)."""
    trainer, pair = fitted(c)
    x = trainer.transform("source_validation")(pair.train.x).double().numpy()
    sign = 2.0 * pair.train.y.numpy() - 1

    def objective(w: np.ndarray) -> float:
        slack = np.maximum(0, 1 - sign * (x @ w[:2] + w[2]))
        return float(w @ w / 2 + c * (slack**2).sum())

    best = minimize(objective, np.zeros(3), method="BFGS", options={"gtol": 1e-8}).x
    method = trainer.method
    assert isinstance(method, LinearSvm)
    logits = method.predict(torch.from_numpy(x).float()).detach().numpy()
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], x @ best[:2] + best[2], atol=2e-3)
    np.testing.assert_allclose(logits.sum(1), 0, atol=1e-6)


def test_no_step_and_no_target_example_moves_it() -> None:
    trainer, _ = fitted(1.0, optimizer={"name": "sgd", "lr": 1.0, "momentum": 0.9, "weight_decay": 0.1})
    before = {name: value.clone() for name, value in trainer.method.state_dict().items()}
    trainer.train()
    for step in range(3):
        assert trainer.step(step, step / 3)["label"].isfinite()
        trainer.refresh(step / 3, (step + 1) / 3, True)
    assert all(torch.equal(value, before[name]) for name, value in trainer.method.state_dict().items())
    batch = trainer.stream[0]
    poisoned = batch._replace(target_x=torch.full_like(batch.target_x, torch.nan))
    assert trainer.method(poisoned, 0.0, "all")["label"].isfinite()


def test_several_classes_are_one_against_the_rest_on_the_inputs() -> None:
    config = config_of(DIGITS, method={"name": "linear_svm", "c": 0.01})
    pair = load_pair(config.data)
    trainer = build_trainer(config, pair, 0, CPU)
    trainer.refresh(-1.0, 0.0, False)
    x = trainer.transform("source_validation")(pair.validation.x)
    outputs = trainer.method.outputs(x)
    assert outputs["features"].shape == (len(x), x[0].numel()) and outputs["logits"].shape == (len(x), 10)
    assert (outputs["logits"].argmax(1) == pair.validation.y).double().mean() > 0.85
