"""Stacks of DANN, MDAN and methods that refresh between steps, against separate runs."""

from typing import Any

import pytest
import torch
from stacked_runs import assert_same_state, in_both_ways, planned
from tiny import MOONS, config_of

from dann.training.pair_loading import load_pair
from dann.training.stacking.grouping import differing_numbers, group_runs

CPU = torch.device("cpu")


STACKS: dict[str, list[dict[str, Any]]] = {
    "dann on logits": [{"name": "dann", "layer": "logits", "weight": weight} for weight in (0.5, 2.0)],
    "dann on a layer": [{"name": "dann", "layer": "features.0"}] * 2,
    "adabn": [{"name": "adabn"}] * 2,
    "dare_gram": [{"name": "dare_gram", "angle": angle, "threshold": 0.99} for angle in (0.05, 1.0)],
    "tent": [{"name": "tent"}] * 2,
    "shot": [{"name": "shot", "refreshes": 2, "weight": weight} for weight in (0.1, 0.5)],
    "bbse": [{"name": "weighted_dann", "estimate": "bbse", "refreshes": 10}] * 2,
    "mlls": [{"name": "weighted_dann", "estimate": "mlls", "refreshes": 10}] * 2,
    "pada": [{"name": "weighted_dann", "estimate": "pada", "refreshes": 10, "weight": weight} for weight in (0.1, 1.0)],
    "mdan": [{"name": "mdan", "sources": 1, "gamma": gamma} for gamma in (1.0, 5.0)],
}


@pytest.mark.parametrize("case", STACKS)
def test_a_stack_trains_them_as_separate_runs_do(case: str, in_double: None) -> None:
    network = {"name": "mlp", "hidden": 8, "batch_norm": True}
    sgd = {"name": "sgd", "lr": 0.1}  # Adam makes much of the rounding of a bias before BatchNorm, whose gradient is 0
    configs = [config_of(MOONS, network=network, optimizer=sgd, method=method) for method in STACKS[case]]
    pair = load_pair(configs[0].data)
    stack, separate = in_both_ways(configs, pair, steps=4)
    for learner in (stack, *separate):  # to the second stage
        learner.refresh(0.45, 0.5, True)
        learner.train()
    for step in (5, 6):
        together, apart = stack.step(step, step / 10), [trainer.step(step, step / 10) for trainer in separate]
        for name, values in together.items():
            expected = torch.cat([terms[name] for terms in apart])
            torch.testing.assert_close(values, expected, rtol=0, atol=1e-10)
    for learner in (stack, *separate):
        learner.refresh(0.6, 0.7, True)
    assert_same_state(stack, separate)
    if case in {"bbse", "mlls", "pada"}:
        assert not torch.equal(stack.trainers[0].method.class_weight, torch.ones(2, dtype=torch.float64))


def test_runs_that_differ_in_a_branch_are_not_stacked() -> None:
    configs = [config_of(MOONS, method={"horizon": horizon}, train={"replicas": 4}) for horizon in (0.2, 1.0)]
    assert len(group_runs(planned(configs, [0, 0]), 1)) == 2 and differing_numbers(configs) == {}
    adaptive = config_of(MOONS, method={"schedule": "adaptive"}, train={"replicas": 4})
    assert len(group_runs(planned([adaptive] * 2, [0, 1]), 1)) == 2
