"""The transform of a domain, as experiment files set it."""

import pytest
import torch
from made_domains import config_of_images
from streams import CPU, equal
from tiny import TINY

from dann.config.merging import merge
from dann.config.schema import resolve
from dann.errors import BadInput
from dann.training.building import build_trainer, load_pair


def digits(**transform: object) -> dict[str, object]:
    return merge(
        TINY["base"],
        {
            "data": {"source": {"name": "digits", "size": 20}, "target": {"name": "digits_m", "size": 20}, **transform},
            "network": {"name": "mnist"},
        },
    )


ALL = {"crop": 16, "scale": [0.3, 1.0], "flip": 0.5, "jitter": {"brightness": 0.4, "hue": 0.1}, "erase": 0.5,
       "randaugment": {"ops": 1}, "mask": 0.1, "shift": 1}  # fmt: skip


@pytest.mark.slow
def test_every_option_changes_training_batches_of_both_domains_and_no_evaluation() -> None:
    config = resolve(digits(), "test")
    pair = load_pair(config.data)
    plain = build_trainer(config, pair, 0, CPU)
    evaluated = pair.target_test.x
    for name, value in ALL.items():
        chosen = {"crop": 16, "scale": value} if name == "scale" else {name: value}
        config = resolve(digits(transform=chosen), "test")
        trainer = build_trainer(config, pair, 0, CPU)
        base = (
            build_trainer(resolve(digits(transform={"crop": 16}), "test"), pair, 0, CPU) if name == "scale" else plain
        )
        for side in ("source_x", "target_x"):
            one, other = getattr(trainer.stream[0], side), getattr(base.stream[0], side)
            assert one.shape != other.shape or not torch.equal(one, other), (name, side)
        if name not in {"crop", "scale"}:
            assert torch.equal(trainer.transform("target_test")(evaluated), plain.transform("target_test")(evaluated))
        assert equal(trainer.stream[4], build_trainer(config, pair, 0, CPU).stream[4])  # seed and step decide


def test_the_target_transform_is_the_source_s_unless_the_file_says_otherwise() -> None:
    data = resolve(digits(transform={"flip": 0.5, "erase": 0.2}), "test").data
    assert data.target_transform == data.transform and data.transform.flip == 0.5
    data = resolve(digits(transform={"flip": 0.5, "erase": 0.2}, target_transform={"erase": 0.0}), "test").data
    assert (data.target_transform.flip, data.target_transform.erase, data.transform.erase) == (0.5, 0.0, 0.2)


def test_crops_of_different_sides_are_refused() -> None:
    config = resolve(digits(transform={"crop": 16}, target_transform={"crop": 18}), "test")
    with pytest.raises(BadInput, match="inputs of one shape"):
        build_trainer(config, load_pair(config.data), 0, CPU)


def test_each_side_is_evaluated_with_its_own_transform() -> None:
    images = {"source": {"name": "digits"}, "target": {"name": "digits_m"}, "transform": {"normalise": "domain"}}
    config = config_of_images(images)
    trainer = build_trainer(config, load_pair(config.data), 0, CPU)
    source, target = trainer.stream.transforms
    assert not torch.equal(source.offset, target.offset)
    assert trainer.transform("target_test") is target
    assert trainer.transform("source_test") is source and trainer.transform("source_validation") is source
