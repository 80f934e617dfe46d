"""Pictures of what a generator makes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import MOONS

from dann.config.schema import resolve
from dann.data.datasets.all_datasets import DOMAINS
from dann.data.datasets.own_arrays import from_arrays
from dann.runner.generated_images import make_pictures, save_pictures
from dann.runner.records import GENERATED
from dann.training.building import build_trainer
from dann.training.pair_loading import load_pair
from dann.training.trainer import Trainer

METHOD = {"name": "pixel_da", "filters": 4, "blocks": 1}


def trainer_of(monkeypatch: pytest.MonkeyPatch, method: dict[str, Any] = METHOD, bands: int = 1) -> Trainer:
    random, y = np.random.default_rng(0), np.repeat(np.arange(3), (8, 8, 2))
    for name in ("one", "other"):
        x = random.integers(0, 256, (len(y), bands, 16, 20), dtype=np.uint8)
        monkeypatch.setitem(DOMAINS, name, lambda name=name, x=x: from_arrays(name, x, y, layout="nchw"))
    data = {"source": {"name": "one"}, "target": {"name": "other"}, "batch_size": 4, "validation": 0.3, "test": 0.34}
    data |= {"transform": {"normalise": "half"}}
    config = resolve({**MOONS, "data": data, "network": {"name": "lenet"}, "method": method}, "test")
    return build_trainer(config, load_pair(config.data), 0, torch.device("cpu"))


def test_images_stand_above_what_is_made_of_them_and_the_target_below(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trainer_of(monkeypatch)
    images, rows, classes = make_pictures(trainer)
    assert rows == ("source", "generated", "generated") * 2 + ("target",) * 2 and classes == (0, 1, 2)
    assert images.shape == (8, 3, 1, 16, 20) and images.dtype == torch.uint8
    train = trainer.inputs.splits["train"]
    for row in (0, 3):
        for k in classes:
            assert any(torch.equal(images[row, k], x) for x in train.x[train.y == k])
    assert not torch.equal(images[1], images[2])  # other noise
    assert all(any(torch.equal(image, x) for x in trainer.stream.target.x) for image in images[6:].flatten(0, 1))
    assert torch.equal(make_pictures(trainer).images, images)


def test_pictures_leave_the_training_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    states = []
    for pictured in (False, True):
        trainer = trainer_of(monkeypatch)
        trainer.train()
        for step in range(2):
            if pictured:
                make_pictures(trainer)
            trainer.step(step, step / 2)
        assert trainer.method.training
        states.append(trainer.method.state_dict())
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_they_are_filed_of_methods_that_make_images_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    save_pictures(trainer_of(monkeypatch, {"name": "dann"}), tmp_path)
    assert not list(tmp_path.iterdir())
    trainer = trainer_of(monkeypatch, bands=5)
    save_pictures(trainer, tmp_path)
    with np.load(tmp_path / GENERATED) as stored:
        assert stored["images"].shape == (8, 3, 3, 16, 20)  # of five bands the first three
        assert stored["rows"].tolist() == list(make_pictures(trainer).rows)
