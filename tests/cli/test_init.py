"""``dann init`` writes an experiment file that runs as it stands, for each form of a user's own data."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from complaints import complaint
from PIL import Image

from dann.cli.main import main
from dann.config.experiment import read_experiment
from dann.config.schema import resolve

RANDOM = np.random.default_rng(0)
CLASSES = ("cat", "dog", "owl")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory, from which paths in an experiment file start."""
    monkeypatch.chdir(tmp_path)


def photos(root: str, classes: tuple[str, ...] = CLASSES, each: int = 5, side: int = 24) -> None:
    for name in classes:
        for number in range(each):
            place = Path(root, name, f"{number}.png")
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(RANDOM.integers(0, 256, (side, side + 2, 3), dtype=np.uint8)).save(place)


def listed(file: str, root: str, classes: tuple[str, ...] = CLASSES, each: int = 5) -> None:
    rows = [f"{root}/{name}/{number}.png;{name}" for name in classes for number in range(each)]
    Path(file).write_text("\n".join(["image;class", *rows]))


def initialise(capsys: Any, *arguments: str) -> str:
    """The file that ``dann init`` writes, read back; every line of it is checked to fit the page."""
    assert main(["init", *arguments, "--out", "mine.yaml"]) == 0
    assert capsys.readouterr().out.endswith("Next: dann run mine.yaml\n")
    text = Path("mine.yaml").read_text(encoding="utf-8")
    assert all(len(line) <= 118 for line in text.splitlines())
    return text


def run_it(capsys: Any, *options: str) -> str:
    """Run the file with few steps, otherwise as it stands; return the printed table."""
    shorter = ["--set", "train.steps=2", "--set", "train.evaluate_every=1", "--seeds", "0", "--device", "cpu"]
    assert main(["run", "mine.yaml", *shorter, *options]) == 0
    out: str = capsys.readouterr().out
    assert all(name in out for name in ("source only", "DANN", "MCC"))
    return out


def test_two_folders(capsys: Any) -> None:
    photos("real")
    photos("sketch")
    text = initialise(capsys, "--source", "real", "--target", "sketch")
    assert "path: real, size: 32" in text and "15 labelled examples of 3 classes" in text
    assert "network: {name: mnist}" in text
    run_it(capsys)


@pytest.mark.slow
def test_csv_files_with_fewer_and_other_classes_in_the_target(capsys: Any) -> None:
    photos("photos", (*CLASSES, "yak"))
    listed("a.csv", "photos")
    listed("b.csv", "photos", ("cat", "owl", "yak"))
    Path("b.csv").write_text(Path("b.csv").read_text().replace("photos/", "others/"))
    photos("others", ("cat", "owl", "yak"))
    text = initialise(capsys, "--source", "a.csv", "--target", "b.csv")
    assert "target_classes: [cat, owl]" in text and "partial: true" in text
    run_it(capsys, "--only", "DANN")


@pytest.mark.slow
def test_arrays_of_vectors_with_missing_values_and_a_test_split(capsys: Any) -> None:
    for name in "ab":
        x = RANDOM.normal(size=(30, 4)).astype(np.float32)
        x[3, 1] = np.nan if name == "b" else 0
        np.savez(f"{name}.npz", x=x, y=np.arange(30) % 3, x_test=x[:9] * 1.5, y_test=np.arange(9) % 3)
    text = initialise(capsys, "--source", "a.npz", "--target", "b.npz")
    assert "name: mlp" in text and "missing: mean" in text and "test:" not in text
    run_it(capsys, "--only", "DANN")


@pytest.mark.slow
def test_arrays_of_series_with_labels_in_other_files(capsys: Any) -> None:
    for name in "ab":
        torch.save(torch.randn(30, 2, 20), f"{name}.pt")
        np.save(f"{name}_y.npy", np.arange(30) % 3)
    arguments = ["--source", "a.pt", "--target", "b.pt", "--source-labels", "a_y.npy"]
    assert "no labels: no target accuracy" in initialise(capsys, *arguments)
    run_it(capsys, "--only", "DANN", "--out", "without")
    Path("mine.yaml").unlink()
    assert "name: cnn1d" in initialise(capsys, *arguments, "--target-labels", "b_y.npy")
    run_it(capsys, "--only", "DANN")


@pytest.mark.slow
def test_grey_arrays_beside_a_folder_of_images(capsys: Any) -> None:
    photos("real", ("0", "1"), side=40)
    np.savez("drawn.npz", x=RANDOM.integers(0, 256, (20, 28, 28), dtype=np.uint8), y=np.arange(20) % 2)
    text = initialise(capsys, "--source", "real", "--target", "drawn.npz")
    assert "path: real, size: 28" in text
    run_it(capsys, "--only", "DANN")


@pytest.mark.slow
def test_svmlight_files_of_unlike_width(capsys: Any) -> None:
    for name, last in (("a", 3), ("b", 5)):
        Path(f"{name}.svm").write_text("".join(f"{i % 2} 0:{i} {last}:{1 / (i + 1)}\n" for i in range(20)))
    text = initialise(capsys, "--source", "a.svm", "--target", "b.svm")
    assert text.count("first: 0, features: 6") == 2
    run_it(capsys, "--only", "DANN")


def test_photos_get_a_pretrained_network(capsys: Any) -> None:
    photos("real", each=2, side=300)
    photos("sketch", each=2, side=220)
    text = initialise(capsys, "--source", "real", "--target", "sketch")
    assert "size: 256" in text and "crop: 224, flip: 0.5, normalise: imagenet" in text and "model: resnet18" in text
    (config, *_) = [resolve(run.declared, "test") for run in read_experiment(Path("mine.yaml")).runs()]
    assert config.finetune is not None and config.network.options()["weights"] == "default"


def test_texts_get_a_language_model(capsys: Any) -> None:
    for name in "ab":
        Path(f"{name}.csv").write_text("text,label\n" + "".join(f"words {name} {i},{'ab'[i % 2]}\n" for i in range(8)))
    text = initialise(capsys, "--source", "a.csv", "--target", "b.csv")
    assert "tokenizer: distilbert-base-uncased" in text and "name: huggingface" in text
    Path("mine.yaml").unlink()
    Path("lines.txt").write_text("one text\nanother, with a comma\n")
    assert "2 examples, no labels: no target accuracy" in initialise(
        capsys, "--source", "a.csv", "--target", "lines.txt"
    )


def test_targets_with_no_label_or_a_few(capsys: Any) -> None:
    photos("real")
    photos("part", ("unlabelled",), each=9)
    text = initialise(capsys, "--source", "real", "--target", "part")
    assert "9 examples, no labels: no target accuracy" in text and "train on target" not in text
    photos("part", ("cat", "dog", "owl"), each=1)
    Path("mine.yaml").unlink()
    text = initialise(capsys, "--source", "real", "--target", "part")
    assert "12 examples, 3 with a label, which serves only to test" in text and "partial" not in text
    line = complaint(capsys, "init", "--source", "part/cat", "--target", "real")
    assert "--source part/cat: has no labels, which training needs" in line
    photos("one", ("cat",))
    assert "has the one class cat: add another" in complaint(capsys, "init", "--source", "one", "--target", "real")


def test_nothing_is_overwritten(capsys: Any) -> None:
    photos("real")
    photos("sketch")
    arguments = ["init", "--source", "real", "--target", "sketch", "--out"]
    Path("mine.yaml").write_text("kept")
    assert "mine.yaml: exists already: name another file" in complaint(capsys, *arguments, "mine.yaml")
    assert Path("mine.yaml").read_text() == "kept"
    assert "let it end in .yaml" in complaint(capsys, *arguments, "mine.txt")


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("birds", "--target: no class in common with the source (jay; source cat, dog, owl): name classes alike"),
        ("lonely", "--target: class cat has one labelled example, which cannot train and test"),
        ("table.csv", "no column path or text in its first line, 'height,width'"),
        ("vectors.npz", "--target: vectors, but the source has images"),
        ("tiny.npz", "images of 8 pixels are too small for the networks here"),
        ("notes.doc", "its ending is not known: give a folder of images"),
        ("nowhere", "nowhere is not there"),
    ],
)
def test_data_that_cannot_be_trained_on(target: str, says: str, capsys: Any) -> None:
    photos("real")
    photos("birds", ("jay",))
    photos("lonely", each=1)
    Path("table.csv").write_text("height,width\ntall,wide\n")
    Path("notes.doc").write_text("")
    np.savez("vectors.npz", x=np.zeros((4, 2), np.float32), y=np.arange(4) % 2)
    np.savez("tiny.npz", x=np.zeros((6, 8, 8), np.uint8), y=np.array([*CLASSES, *CLASSES]))
    assert says in complaint(capsys, "init", "--source", "real", "--target", target)
    alone = complaint(capsys, "init", "--source", "lonely", "--target", "real")
    assert "--source lonely: one labelled example of each class" in alone
    assert not Path("experiment.yaml").exists()


def test_arrays_of_other_shapes_or_labels_beside_a_folder(capsys: Any) -> None:
    photos("real")
    for name, width in (("a", 3), ("b", 4)):
        np.savez(f"{name}.npz", x=np.zeros((4, width), np.float32), y=np.arange(4) % 2)
    line = complaint(capsys, "init", "--source", "a.npz", "--target", "b.npz")
    assert "one example has the shape (4,), and of the source (3,)" in line
    line = complaint(capsys, "init", "--source", "real", "--target", "a.npz", "--source-labels", "a.npz")
    assert "labels of their own are for files of arrays" in line
    assert "is the source too" in complaint(capsys, "init", "--source", "real", "--target", "real")


def test_options_of_both_sides_hold_when_the_files_are_looked_at(capsys: Any) -> None:
    photos("real", ("cat", "dog"))
    photos("part", ("cat", "dog", "not sure"))
    text = initialise(capsys, "--source", "real", "--target", "part", "--set", "unlabelled=[not sure]")
    assert "target_classes" not in text and "unlabelled: [not sure]" in text
    for name in ("a.csv", "b.csv"):
        rows = [f"part/{label}/{number}.png,{label}" for label in ("cat", "dog", "not sure") for number in range(5)]
        Path(name).write_text("\n".join(rows))
    line = complaint(capsys, "init", "--source", "a.csv", "--target", "b.csv")
    assert "give --set 'columns=[path, label]'" in line
    Path("mine.yaml").unlink()
    options = ["--set", "columns=[path, label]", "--set", "unlabelled=[not sure]"]
    text = initialise(capsys, "--source", "a.csv", "--target", "b.csv", *options)
    assert "10 labelled examples of 2 classes" in text


def test_classes_that_are_counted_from_zero_and_from_one(capsys: Any) -> None:
    for name, labels in (("a", [0, 1, 2]), ("b", [1, 2, 3]), ("c", [2, 7, 8])):
        np.savez(f"{name}.npz", x=np.zeros((12, 3), np.float32), y=np.array(labels * 4))
    assert "counted from 1 and those of the source from 0" in complaint(
        capsys, "init", "--source", "a.npz", "--target", "b.npz"
    )
    assert "only class 2 is one of the source too" in complaint(
        capsys, "init", "--source", "a.npz", "--target", "c.npz"
    )
