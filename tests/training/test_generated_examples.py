"""Images of rare classes by the generator of a finished run: ``data: {resample: generate, generator: RUN}``."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from tiny import MOONS, TINY, Silent, write_tiny

from dann.config.experiment import read_experiment
from dann.config.merging import merge
from dann.config.schema import resolve
from dann.data.datasets.all_datasets import DOMAINS
from dann.data.datasets.own_arrays import from_arrays
from dann.data.domain import Split
from dann.errors import BadInput
from dann.networks.image_networks import ImageGenerator
from dann.reporting.figure_captions import captioned_figures
from dann.reporting.figures.draw import draw_all
from dann.runner.active_run import build
from dann.runner.planning import launch
from dann.runner.records import read_record
from dann.training.building import build_trainer
from dann.training.earlier_runs import EarlierRuns
from dann.training.generated_examples import add_generated_examples, choose_examples, load_generator
from dann.training.pair_loading import load_pair
from dann.training.source_model import checksum_weights
from dann.training.stacking.grouping import Planned
from dann.training.stacking.stackable import is_stackable

CPU = torch.device("cpu")
COUNTS = (12, 12, 3)  # examples of each class, before validation is held out
HALF = {"transform": {"normalise": "half"}}
BASE: dict[str, Any] = {
    "data": {"source": {"name": "one"}, "target": {"name": "other"}, "batch_size": 4, "validation": 0.34},
    "network": {"name": "lenet"},
    "method": {"name": "source_only"},
    "train": {"steps": 2, "evaluate_every": 2},
}
ROWS: dict[str, Any] = {
    "generated": {"data": {"resample": "generate", "generator": "{runs}/{task}/pixelda/seed-{seed}"}},
    "PixelDA": {"method": {"name": "pixel_da", "filters": 4, "blocks": 2, "noise": 3}, "data": HALF},
    "source only": {},
}


@pytest.fixture(scope="module", autouse=True)
def digits() -> Any:
    """Domains of grey images, whose third class is rare, and of colour images, under their names."""
    random, y = np.random.default_rng(0), np.repeat(np.arange(3), COUNTS)
    with pytest.MonkeyPatch.context() as patch:
        for name, channels in (("one", 1), ("other", 1), ("colour", 3), ("other_colour", 3)):
            x = random.integers(0, 256, (len(y), channels, 16, 16), dtype=np.uint8)
            patch.setitem(DOMAINS, name, lambda name=name, x=x: from_arrays(name, x, y))
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, digits: None) -> Path:
    """The folder of an experiment whose row of generated images comes before the row of the generator."""
    folder = tmp_path_factory.mktemp("generate")
    rest = {key: value for key, value in TINY["base"].items() if key not in BASE}
    file = write_tiny(folder / "one.yaml", title="Generated")
    content = {**TINY, "base": {**rest, **BASE, "train": {**MOONS["train"], **BASE["train"]}}, "variants": ROWS}
    content |= {"published": {}, "seeds": [0], "tasks": {"a → b": {}}}
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs()), folder / "runs", CPU, Silent(), file)
    return folder / "runs/a-to-b"


def test_what_the_generator_makes_is_in_the_figures_and_in_tensorboard(runs: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    experiment = read_experiment(runs.parents[1] / "one.yaml")
    (figure,) = draw_all(experiment, runs.parent, ["generated"])
    assert figure.name == "generated-a-to-b.png" and figure.stat().st_size > 2000
    ((shown, caption),) = captioned_figures(experiment, runs.parent)
    assert shown == figure and caption.startswith("a → b: Source images of each class, what the generator makes")
    for row, tags in (("pixelda", {"images/generated"}), ("source-only", set())):
        events = EventAccumulator(str(runs / row / "seed-0"))
        events.Reload()
        assert set(events.Tags()["images"]) - {"images/source", "images/target"} == tags


def split_of(counts: tuple[int, ...] = (5, 2, 3), shape: tuple[int, ...] = (1, 16, 16)) -> Split:
    y = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    x = torch.randint(0, 256, (len(y), *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    split = Split.of(x, y)
    return Split(split.store, split.rows, y, torch.arange(len(y)) % 2)


def test_examples_of_rare_classes_are_copied_equally_often() -> None:
    y = torch.tensor([0] * 12 + [1] * 5 + [2] * 3)
    copies = torch.bincount(choose_examples(y), minlength=20)
    assert copies.tolist() == [0] * 12 + [2, 2, 1, 1, 1] + [3, 3, 3]


def test_every_class_has_as_many_images_as_the_largest_and_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    class Same(ImageGenerator):
        def draw(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return x

    monkeypatch.setattr("dann.training.generated_examples.load_generator", lambda *_: Same((1, 16, 16), 3, 2, 0, 2))
    train = split_of()
    more = add_generated_examples(train, Path("unread"), 3, 0, CPU)
    assert torch.bincount(more.y).tolist() == [5, 5, 5]
    assert torch.equal(more.x[:10], train.x) and torch.equal(more.y[:10], train.y)
    copied = choose_examples(train.y)  # by a generator that changes nothing, to the bit
    assert torch.equal(more.x[10:], train.x[copied]) and torch.equal(more.y[10:], train.y[copied])
    assert torch.equal(more.domain[10:], train.domain[copied]) and more.x.dtype == torch.uint8
    assert add_generated_examples(more, Path("unread"), 3, 0, CPU) is more  # balanced already


def test_noise_follows_from_the_seed(runs: Path) -> None:
    made = [add_generated_examples(split_of(), runs / "pixelda/seed-0", 3, seed, CPU).x for seed in (0, 0, 1)]
    assert torch.equal(made[0], made[1]) and not torch.equal(made[0][10:], made[2][10:])
    both = add_generated_examples(split_of((4, 1)), runs / "pixelda/seed-0", 3, 0, CPU).x[5:]
    assert not torch.equal(both[0], both[1])  # of one image


def test_the_generator_is_that_of_the_run(runs: Path) -> None:
    generator = load_generator(runs / "pixelda/seed-0", (1, 16, 16), 3)
    assert len(generator.layers) == 2 + 2 + 2 and generator.noise == 3
    assert generator.layers[0].out_channels == 4


def test_a_run_takes_the_generator_of_its_own_experiment_in_any_order(runs: Path) -> None:
    record = read_record(runs / "generated/seed-0")
    plain = read_record(runs / "source-only/seed-0")
    assert plain.data["class_counts"]["train"] == [7, 6, 2] and "synthetic" not in plain.data
    assert record.data["class_counts"]["train"] == [7, 7, 7] and record.data["trained_on"] == 21
    assert record.data["synthetic"] == {"examples": 6, "imbalance_without": 3.5} and record.data["imbalance"] == 1.0
    assert record.checksums["data.generator"] == checksum_weights(runs / "pixelda/seed-0")
    assert record.config["data"]["generator"] == "{runs}/a-to-b/pixelda/seed-{seed}"
    assert record.fingerprint != plain.fingerprint
    assert not is_stackable(resolve(record.config, "test"))


def planned(folder: Path, generator: Path, **data: Any) -> Planned:
    declared = merge({**TINY["base"], **BASE}, {"data": {"resample": "generate", "generator": str(generator), **data}})
    file = write_tiny(folder / "tiny.yaml")
    run = next(iter(read_experiment(file).runs()))
    return Planned(run, resolve(declared, "test"), folder / "runs" / run.folder)


@pytest.mark.parametrize(
    ("row", "data", "message"),
    [
        ("nowhere", {}, "nowhere is no finished run: make it first"),
        ("source-only/seed-0", {}, "has no generator: name a run of pixel_da"),
        (
            "pixelda/seed-0",
            {"source": {"name": "colour"}, "target": {"name": "other_colour"}},
            r"makes images of another shape than \(3, 16, 16\)",
        ),
        (
            "pixelda/seed-0",
            {"source": {"name": "moons"}, "target": {"name": "moons_rotated"}},
            "has the classes 0, 1, 2, these data",
        ),
    ],
)
def test_a_run_whose_generator_does_not_suit_is_refused(
    runs: Path, tmp_path: Path, row: str, data: dict[str, Any], message: str
) -> None:
    made = planned(tmp_path, runs / row, **data)
    with pytest.raises(BadInput, match=rf"data\.generator: .*{message}"):
        build(made, load_pair(made.config.data), CPU)


def test_vectors_are_refused(runs: Path) -> None:
    with pytest.raises(BadInput, match=r"data\.resample: generate makes images, but the examples are none"):
        add_generated_examples(split_of(shape=(7,)), runs / "pixelda/seed-0", 3, 0, CPU)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"resample": "generate"}, r"data\.resample: generate takes the generator of a finished run"),
        ({"generator": "runs/x"}, r"data\.generator: resample: none reads none: set resample: generate"),
        ({"resample": "generate", "generator": "x", "bootstrap": True}, "leave bootstrap out"),
    ],
)
def test_a_generator_is_named_where_it_is_read(data: dict[str, Any], message: str) -> None:
    config = resolve(merge(MOONS, {"data": data}), "test")
    with pytest.raises(BadInput, match=message):
        load_pair(config.data)


def test_a_named_generator_has_to_be_given(runs: Path, tmp_path: Path) -> None:
    config = planned(tmp_path, runs / "pixelda/seed-0").config
    with pytest.raises(BadInput, match=r"data\.generator: .*seed-0: no folder was given: give"):
        build_trainer(config, load_pair(config.data), 0, CPU)


def test_generated_images_are_trained_on(runs: Path, tmp_path: Path) -> None:
    config = planned(tmp_path, runs / "pixelda/seed-0").config
    pair = load_pair(config.data)
    trainer = build_trainer(config, pair, 0, CPU, earlier=EarlierRuns(generator=runs / "pixelda/seed-0"))
    shown = trainer.stream.rows(0, 0, trainer.stream.orders[0].length)
    assert sorted(shown.tolist()) == list(range(21))
    assert all(term.isfinite() for term in trainer.step(0, 0.0).values())
