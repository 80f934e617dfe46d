"""Resolved configurations, as records keep them and worker processes receive them."""

import json
import pickle
from typing import Any

import pytest
from tiny import MOONS, config_of

from dann.config.schema import resolve

STAGES = {
    "pretrain": {"weight_decay": 0.1, "schedule": {"name": "step", "at": [0.5]}},
    "adapt": {"name": "adam", "lr": 0.01, "beta1": 0.5, "parts": {"discriminator": {"lr": 0.1}}},
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"method": {"name": "adda"}, "optimizer": {"stages": STAGES}},
        {"optimizer": {"parts": {"features": {"weight_decay": 0.1}}, "schedule": {"name": "cosine", "warmup": 0.1}}},
        {"network": {"bottleneck": {"width": 4}}, "train": {"ema": 0.9}},
        {"self_training": {"start": 0.5}, "optimizer": {"stages": {"round": {"lr": 0.1}}}},
        {"data": {"transform": {"noise": 0.1}, "target_view": {"mask": 0.2}, "msda": {"layers": 2}}},
        {"data": {"terms": {"tf": "presence", "norm": "none"}}},
        {"finetune": {"backbone": 0.1}, "diagnose": {"mixval": True, "reverse_steps": 3}},
    ],
)
def test_a_resolved_configuration_reads_back_as_itself(changes: dict[str, Any]) -> None:
    config = config_of(MOONS, **changes)
    assert pickle.loads(pickle.dumps(config)) == config
    again = resolve(json.loads(json.dumps(config.model_dump())), "record")
    assert again == config and again.fingerprint() == config.fingerprint()
