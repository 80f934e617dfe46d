"""A step of DANN in the paper's image experiments, on small files in the true formats of their data sets."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from test_svhn import write_mat
from test_traffic_signs import HEADER, line, photo
from tiny import Silent

from dann.config.experiment import read_experiment
from dann.data.datasets import mnist, svhn
from dann.data.datasets import traffic_signs as signs
from dann.data.datasets.photos import OFFICE31
from dann.runner.experiment_records import read_records
from dann.runner.planning import launch

pytestmark = [pytest.mark.usefixtures("offline", "own_cache"), pytest.mark.slow]
EXPERIMENTS = Path(__file__).parent.parent.parent / "experiments" / "ganin2016"
LABELS = [*range(10)] * 4
Patch = pytest.MonkeyPatch


def write_svhn(folder: Path, patch: Patch) -> None:
    names = ("train_32x32.mat", "test_32x32.mat")
    patch.setattr(svhn, "COUNTS", {**svhn.COUNTS, **dict.fromkeys(names, len(LABELS))})
    for name in names:
        write_mat(folder / "svhn" / name, [label or 10 for label in LABELS])


def write_mnist(folder: Path, patch: Patch) -> None:
    patch.setattr(mnist, "PARTS", {"train": len(LABELS), "t10k": len(LABELS)})
    (folder / "mnist").mkdir()
    for part in ("train", "t10k"):
        images = np.random.RandomState(0).randint(0, 256, (len(LABELS), 28, 28), dtype=np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", np.array(LABELS, np.uint8))):
            header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
            (folder / "mnist" / f"{part}-{kind}-ubyte").write_bytes(header + array.tobytes())


def write_svhn_and_mnist(folder: Path, patch: Patch) -> None:
    write_svhn(folder, patch)
    write_mnist(folder, patch)


def write_syn_digits_and_svhn(folder: Path, patch: Patch) -> None:
    write_svhn(folder, patch)
    names = ("synth_train_32x32.mat", "synth_test_32x32.mat")
    patch.setattr(svhn, "COUNTS", {**svhn.COUNTS, **dict.fromkeys(names, len(LABELS))})
    for name in names:
        write_mat(folder / "syn_digits" / name, LABELS)


def write_signs(folder: Path, patch: Patch, each: int = 4) -> None:
    """GTSRB's training images with their tables, and the rendered ones with their list; no official test images."""
    classes, count = range(len(signs.CLASSES)), each * len(signs.CLASSES)
    patch.setattr(signs, "COUNTS", {"Final_Training/Images": count, "syn_signs": count})
    for number in classes:
        place = folder / "gtsrb" / "GTSRB" / "Final_Training" / "Images" / f"{number:05d}"
        names = [f"00000_{i:05d}.ppm" for i in range(each)]
        for name in names:
            photo(place / name, number)
        (place / f"GT-{number:05d}.csv").write_text(HEADER + "".join(line(name, number) for name in names))
    (folder / "syn_signs" / "train").mkdir(parents=True)
    for at in range(count):
        pixels = np.random.RandomState(at).randint(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "syn_signs" / "train" / f"{at}.png")
    listed = [f"train/{at}.png {at % len(classes)} 0\n" for at in range(count)]
    (folder / "syn_signs" / "train_labelling.txt").write_text("".join(listed))


def write_office31(folder: Path, patch: Patch) -> None:
    for blue, domain in enumerate(OFFICE31.domains):
        for label, name in enumerate(OFFICE31.names.split()):
            place = folder / "office31" / domain / "images" / name
            place.mkdir(parents=True)
            for i in range(2):
                Image.new("RGB", (30, 20), (8 * label, 100 * i, 100 * blue)).save(place / f"frame_{i:04d}.jpg")


@pytest.mark.parametrize(
    ("name", "write", "sets"),
    [
        ("svhn_to_mnist", write_svhn_and_mnist, []),
        ("syn_digits_to_svhn", write_syn_digits_and_svhn, []),
        ("syn_signs_to_gtsrb", write_signs, ["data.target_labelled=1", "data.test=0.25"]),
        # The smallest photos that AlexNet takes; its weights are 230 MB, which tests do not download.
        ("office31", write_office31, ["network.weights=none", "data.dataset.size=68", "data.transform.crop=64"]),
    ],
)
def test_one_step_on_files_in_the_true_format(
    name: str, write: Callable[[Path, Patch], None], sets: list[str],
    data_folder: Path, tmp_path: Path, monkeypatch: Patch,
) -> None:  # fmt: skip
    write(data_folder, monkeypatch)
    few = ["train.steps=1", "diagnose.examples=0", "data.batch_size=2", "data.validation=0.3"]
    experiment = read_experiment(EXPERIMENTS / f"{name}.yaml", [*few, *sets])
    runs = list(experiment.runs(["DANN"], [0]))[:1]  # tests/test_tree.py has all rows, on made examples
    launch(experiment, runs, tmp_path / "runs", torch.device("cpu"), Silent(), EXPERIMENTS / f"{name}.yaml")
    assert len(read_records(experiment, tmp_path / "runs")) == 1
