"""The transform of a domain, as experiment files set it."""

import pytest
import torch
from made_domains import config_of_images
from streams import CPU, equal
from tiny import TINY

from dann.config.merging import merge
from dann.config.schema import resolve
from dann.data.loading.stream import AUGMENTATION, SOURCE, TARGET, VIEW, derive
from dann.data.transforms.input_transform import Transform
from dann.data.transforms.transform_options import TransformOptions
from dann.errors import BadInput
from dann.training.building import build_trainer
from dann.training.pair_loading import load_pair


def digits(**transform: object) -> dict[str, object]:
    return merge(
        TINY["base"],
        {
            "data": {"source": {"name": "digits", "size": 20}, "target": {"name": "digits_m", "size": 20}, **transform},
            "network": {"name": "mnist"},
        },
    )


ALL = {"crop": 16, "scale": [0.3, 1.0], "flip": 0.5, "jitter": {"brightness": 0.4, "hue": 0.1}, "erase": 0.5,
       "randaugment": {"ops": 1}, "mask": 0.1, "shift": 1, "noise": 0.1, "intensity": {"flip": 0.5},
       "affine": {"rotation": 15.0, "scale": [0.9, 1.1], "shear": 5.0, "translation": 0.1}}  # fmt: skip


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
    with pytest.raises(BadInput, match=r"data\.target_transform\.crop: all inputs need one shape"):
        build_trainer(config, load_pair(config.data), 0, CPU)


def test_each_side_is_evaluated_with_its_own_transform() -> None:
    images = {"source": {"name": "digits"}, "target": {"name": "digits_m"}, "transform": {"normalise": "domain"}}
    config = config_of_images(images)
    trainer = build_trainer(config, load_pair(config.data), 0, CPU)
    source, target = trainer.stream.transforms
    assert not torch.equal(source.offset, target.offset)
    assert trainer.transform("target_test") is target
    assert trainer.transform("source_test") is source and trainer.transform("source_validation") is source


WEAK, STRONG = {"shift": 2}, {"randaugment": {"ops": 1}, "erase": 1.0}


@pytest.mark.parametrize("source", [{"flip": 1.0}, {}])
def test_source_weak_and_strong_view_are_stated_apart(source: dict[str, object]) -> None:
    declared = digits(transform=source, target_transform={"flip": 0.0, **WEAK}, target_view=STRONG)
    config = resolve(declared | {"method": {"name": "fixmatch"}}, "test")
    trainer = build_trainer(config, load_pair(config.data), 0, CPU)
    stream, batch = trainer.stream, trainer.stream[5]
    raw = dict(zip(("source", "target"), stream.reader[5], strict=True))

    def drawn(side: str, purpose: int, **options: object) -> torch.Tensor:
        generator = torch.Generator().manual_seed(derive(0, AUGMENTATION, purpose, 5))
        transform = Transform(TransformOptions(**options), stream.source)  # type: ignore[arg-type]
        return transform.augment(raw[side], generator)

    assert torch.equal(batch.source_x, drawn("source", SOURCE, **source))
    assert torch.equal(batch.target_x, drawn("target", TARGET, **WEAK))
    assert batch.target_view is not None
    assert torch.equal(batch.target_view, drawn("target", VIEW, **WEAK, **STRONG))  # the strong view is weak as well
    plain = Transform(TransformOptions(), stream.source)
    for split in ("source_test", "target_test"):
        assert torch.equal(trainer.transform(split)(raw["target"]), plain(raw["target"]))


def test_each_view_is_normalised_as_it_says() -> None:
    declared = digits(target_transform={"normalise": "domain"}, target_view={"normalise": "standard", "erase": 0.1})
    config = resolve(declared | {"method": {"name": "fixmatch"}}, "test")
    inputs = build_trainer(config, pair := load_pair(config.data), 0, CPU).inputs
    by_source = Transform(TransformOptions(normalise="standard"), pair.train)
    by_target = Transform(TransformOptions(normalise="standard"), pair.unlabelled)
    assert inputs.view is not None and torch.equal(inputs.view.scale, by_source.scale)
    assert torch.equal(inputs.transforms[1].scale, by_target.scale)
    assert not torch.equal(by_source.scale, by_target.scale)


def test_views_that_do_not_fit_are_refused() -> None:
    config = resolve(digits(target_view={"crop": 18}) | {"method": {"name": "fixmatch"}}, "test")
    with pytest.raises(BadInput, match=r"data\.target_view\.crop: all inputs need one shape"):
        build_trainer(config, load_pair(config.data), 0, CPU)
    config = resolve(digits(target_view={}) | {"method": {"name": "fixmatch"}}, "test")
    with pytest.raises(
        BadInput, match=r"data\.target_view: fixmatch needs two different views, but this one draws noth"
    ):
        build_trainer(config, load_pair(config.data), 0, CPU)
