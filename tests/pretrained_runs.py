"""Runs on a small ResNet whose weights count as pretrained."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from method_cases import made_up, resnet_weights

from dann.config.schema import resolve
from dann.data.datasets.all_datasets import DOMAINS
from dann.training.trainer import Trainer, load_pair

CPU = torch.device("cpu")


STEPS = 8


PHOTO = (3, 32, 32)


@pytest.fixture(scope="module")
def weights() -> str:
    return resnet_weights()


@pytest.fixture
def domains(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("DANN_CACHE", str(tmp_path / "cache"))
    for number, name in enumerate(("one", "another")):
        monkeypatch.setitem(DOMAINS, name, made_up(name, PHOTO, float(number)))
    yield


def setup_of(weights: str, finetune: dict[str, Any] | None, seed: int = 1, **changes: Any) -> Trainer:
    declared = {
        "data": {"source": {"name": "one"}, "target": {"name": "another"}, "batch_size": 4, "validation": 0.3},
        "network": {"name": "torchvision", "model": "resnet18", "weights": weights},
        "optimizer": {"name": "sgd", "lr": 0.01, "weight_decay": 0.01},
        "train": {"steps": STEPS},
        "method": {"name": "source_only"},
        "finetune": finetune,
    }
    config = resolve(declared | changes, "test")
    with torch.random.fork_rng():
        return Trainer.of(config, load_pair(config.data), seed, CPU)


def trained(trainer: Trainer, start: int = 0, stop: int = STEPS) -> dict[str, torch.Tensor]:
    trainer.train()
    for step in range(start, stop):
        trainer.step(step, step / STEPS)
    return {name: value.clone() for name, value in trainer.method.state_dict().items()}
