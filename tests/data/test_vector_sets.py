"""Sets of vectors and series, on real files or in their true format, and the user's own; damage ends in its error."""

import hashlib
import os
import urllib.error
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dann.data.datasets import amazon, har
from dann.data.datasets.amazon_reviews import amazon_reviews
from dann.data.datasets.own_arrays import arrays, from_arrays, svmlight
from dann.data.datasets.uci_har import uci_har
from dann.data.domain import Domain
from dann.data.storage.download import Remote, compute_checksum
from dann.data.storage.folders import resolve_user_path
from dann.errors import BadInput

Change = Callable[[str], str]


def offline(*_: object, **__: object) -> None:
    raise urllib.error.URLError("network is unreachable")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urllib.request.urlopen", offline)


def edit(path: Path, change: Change) -> None:
    path.write_text(change(path.read_text()))


def line(number: int, change: Change) -> Change:
    """A change of one line, counted from 1."""

    def changed(text: str) -> str:
        lines = text.splitlines()
        lines[number - 1] = change(lines[number - 1])
        return "\n".join(lines) + "\n"

    return changed


# Where a path leads


def test_given_path_is_sought_in_both_places(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    with pytest.raises(BadInput) as caught:
        resolve_user_path("a.npz")
    assert str(work / "a.npz") in str(caught.value) and str(data_folder / "a.npz") in str(caught.value)
    (data_folder / "a.npz").touch()
    assert resolve_user_path("a.npz") == data_folder / "a.npz"
    (work / "a.npz").touch()
    assert resolve_user_path("a.npz") == work / "a.npz"
    assert resolve_user_path(str(data_folder / "a.npz")) == data_folder / "a.npz"
    with pytest.raises(BadInput, match="path is empty"):
        resolve_user_path(" ")


# Amazon reviews


@pytest.fixture
def tiny_amazon(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of one domain with 6 + 4 examples of 5000 features, and the loader told to expect so many."""
    monkeypatch.setitem(amazon.COUNTS, "dvd", {"train": 6, "test": 4})
    folder = data_folder / "amazon_reviews"
    folder.mkdir()
    for part, count in (("train", 6), ("test", 4)):
        lines = [f"{1 if i % 2 else -1} 0:{i + 1} 7:2 {4990 + i}:1\n" for i in range(count)]
        (folder / f"dvd_{part}.svmlight").write_text("".join(lines))
    return folder


def test_amazon_features_are_counted_from_zero(tiny_amazon: Path) -> None:
    domain = amazon_reviews(domain="dvd")
    assert domain.name == "amazon_reviews/dvd" and domain.classes == ("negative", "positive")
    assert domain.train.x.shape == (6, 5000) and domain.train.x.dtype == torch.float32
    assert domain.train.y.tolist() == [0, 1, 0, 1, 0, 1]
    assert domain.train.x[2].nonzero().flatten().tolist() == [0, 7, 4992]
    assert domain.train.x[2, [0, 7, 4992]].tolist() == [3.0, 2.0, 1.0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: "", "no examples"),
        (lambda text: text[:-1], "not the 6 whole lines"),
        (lambda text: text[: len(text) // 2], "not the 6 whole lines|not a readable svmlight file"),
        (lambda text: text + "1 3:1\n", "not the 6 whole lines"),
        (line(2, lambda text: text.replace("7:2", "7;2")), "not a readable svmlight file"),
        (line(2, lambda text: text.replace("7:2", "seven:2")), "not a readable svmlight file"),
        (line(2, lambda text: text.replace("7:2", "7:two")), "not a readable svmlight file"),
        (line(2, lambda text: text.replace("7:2", "-7:2")), "not a readable svmlight file"),
        (line(2, lambda text: text.replace("7:2", "0:2")), "not a readable svmlight file"),
        (line(2, lambda text: text.removeprefix("1 ")), "not a readable svmlight file"),
        (line(2, lambda text: "\0" * 40), "not a readable svmlight file"),
        (line(2, lambda text: f"{text} 5000:1"), "feature 5000 is not one of 0 to 4999"),
        (line(2, lambda text: f"{text} 99999999999999999999:1"), "not a readable svmlight file"),
        (line(2, lambda text: f"3{text[1:]}"), "labels other than -1 and 1"),
        (line(2, lambda text: f"0{text[1:]}"), "labels other than -1 and 1"),
        (line(2, lambda text: f"nan{text[1:]}"), "labels other than -1 and 1"),
        (line(2, lambda text: f"0.5{text[1:]}"), "label 0.5 is not an integer"),
        (line(2, lambda text: f"inf{text[1:]}"), "label inf is not an integer"),
        (line(2, lambda text: text.replace("7:2", "7:nan")), "features that are no counts"),
        (line(2, lambda text: text.replace("7:2", "7:-2")), "features that are no counts"),
        (line(2, lambda text: text.replace("7:2", "7:2.5")), "features that are no counts"),
        (line(2, lambda text: text.replace("7:2", "7:inf")), "infinite values"),
        (line(2, lambda text: text.replace("7:2", "7:1e300")), "infinite values"),
    ],
)
def test_damaged_amazon_is_named(tiny_amazon: Path, change: Change, says: str) -> None:
    path = tiny_amazon / "dvd_train.svmlight"
    edit(path, change)
    with pytest.raises(BadInput, match=says) as caught:
        amazon_reviews(domain="dvd")
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_missing_amazon_says_what_to_put_where(tiny_amazon: Path) -> None:
    (tiny_amazon / "dvd_test.svmlight").unlink()
    with pytest.raises(BadInput, match=r"could not be downloaded .*is unreachable.*dvd_test.svmlight.*DANN_"):
        amazon_reviews(domain="dvd")


def test_real_amazon(real_data: Path) -> None:
    for name, count in {"books": 4465, "dvd": 3586, "electronics": 5681, "kitchen": 5945}.items():
        for part in ("train", "test"):
            path = real_data / "amazon_reviews" / f"{name}_{part}.svmlight"
            assert compute_checksum(path) == f"sha256:{amazon.CHECKSUMS[f'{name}_{part}']}"
        domain = amazon_reviews(domain=name)  # type: ignore[arg-type]
        assert domain.test is not None
        assert len(domain.train) == 2000 and domain.train.y.bincount().tolist() == [1000, 1000]
        assert len(domain.test) == count and abs(domain.test.y.float().mean() - 0.5) < 0.02
        assert domain.input_shape == (5000,)
    with (real_data / "amazon_reviews" / "kitchen_test.svmlight").open() as file:
        label, *pairs = next(file).split()
    values = {int(index): float(value) for index, value in (pair.split(":") for pair in pairs)}
    first = domain.test.take(torch.tensor([0]))
    assert first.x[0].nonzero().flatten().tolist() == sorted(values)
    assert first.x[0, sorted(values)].tolist() == [values[index] for index in sorted(values)]
    assert first.y.tolist() == [int(label == "1")]


# UCI HAR

PEOPLE = {"train": (2, 7), "test": (4,)}
# Which of 30 windows, 5 of each activity in order, scikit-learn 1.9 splits off for training and for testing.
TRAIN = [15, 10, 4, 27, 7, 6, 20, 18, 12, 28, 2, 21, 9, 13, 22, 25, 16, 0, 23, 11, 8]
TEST = [26, 5, 3, 17, 1, 19, 14, 24, 29]


def write_har(root: Path, per_class: int = 5) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """The raw files in their true format; returns the windows and labels of each person, in the files' order."""
    random = np.random.RandomState(0)
    written = {}
    for part, people in PEOPLE.items():
        (root / part / "Inertial Signals").mkdir(parents=True)
        subjects = np.repeat(people, 6 * per_class)
        labels = np.tile(np.repeat(np.arange(1, 7), per_class), len(people))
        signals = random.randn(9, len(labels), 128)
        (root / part / f"subject_{part}.txt").write_text("".join(f"{subject}\n" for subject in subjects))
        (root / part / f"y_{part}.txt").write_text("".join(f"{label}\n" for label in labels))
        for name, values in zip(har.SIGNALS, signals, strict=True):
            rows = ["".join(f"{value:16.7e}" for value in row) + "\n" for row in values]
            (root / part / "Inertial Signals" / f"{name}_{part}.txt").write_text("".join(rows))
        for person in people:
            chosen = subjects == person
            written[person] = (signals[:, chosen].transpose(1, 0, 2), labels[chosen] - 1)
    return written


@pytest.fixture
def tiny_har(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(har, "PARTS", {"train": 60, "test": 30})
    root = data_folder / "uci_har" / "UCI HAR Dataset"
    write_har(root)
    return root


def test_har_signals_are_named_as_in_the_release() -> None:
    kinds = [f"{kind}_{axis}" for kind in ("body_acc", "body_gyro", "total_acc") for axis in ("x", "y", "z")]
    assert list(har.SIGNALS) == kinds and sum(har.PARTS.values()) == 10_299 and len(set(har.SCENARIOS)) == 10


@pytest.mark.parametrize("person", [2, 4, 7])
def test_har_is_split_as_in_adatime(data_folder: Path, monkeypatch: pytest.MonkeyPatch, person: int) -> None:
    from sklearn.model_selection import train_test_split

    monkeypatch.setattr(har, "PARTS", {"train": 60, "test": 30})
    x, y = write_har(data_folder / "uci_har" / "UCI HAR Dataset")[person]
    domain = uci_har(domain=person)
    assert domain.test is not None and domain.name == f"uci_har/{person}" and len(domain.classes) == 6
    assert domain.train.x.shape == (21, 9, 128) and domain.train.x.dtype == torch.float32
    expected = train_test_split(x, y, test_size=0.3, stratify=y, random_state=1)
    for split, values, labels in ((domain.train, *expected[::2]), (domain.test, *expected[1::2])):
        np.testing.assert_allclose(split.x.numpy(), values, rtol=1e-6)
        assert split.y.tolist() == labels.tolist()


def test_har_split_has_the_class_counts_that_adatime_printed() -> None:
    """For person 30: the output stored in the notebook that made AdaTime's files."""
    from sklearn.model_selection import train_test_split

    train, test = [46, 46, 43, 43, 41, 49], [19, 19, 19, 19, 18, 21]
    labels = np.repeat(np.arange(6), np.add(train, test))
    parts = train_test_split(labels, test_size=0.3, stratify=labels, random_state=1)
    assert [np.bincount(part).tolist() for part in parts] == [train, test]


def test_har_split_outlives_releases_of_scikit_learn(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(har, "PARTS", {"train": 60, "test": 30})
    x, _ = write_har(data_folder / "uci_har" / "UCI HAR Dataset")[2]
    domain = uci_har(domain=2)
    assert domain.test is not None
    for split, frozen in ((domain.train, TRAIN), (domain.test, TEST)):
        np.testing.assert_allclose(split.x.numpy(), x[frozen], rtol=1e-6)


def inner(name: str) -> Path:
    return Path("train") / "Inertial Signals" / f"{name}_train.txt"


@pytest.mark.parametrize(
    ("file", "change", "says"),
    [
        (inner("body_acc_x"), lambda text: text[: len(text) // 2], "lines instead of 60"),
        (inner("body_acc_x"), lambda text: "", "0 lines instead of 60"),
        (inner("body_gyro_z"), line(3, lambda text: text[16:]), "line 3: .* is not 128 finite numbers"),
        (inner("body_gyro_z"), line(3, lambda text: text + "  1.0"), "line 3: .* is not 128 finite numbers"),
        (inner("body_gyro_z"), line(3, lambda text: text[:16]), "line 3: .* is not 128 finite numbers"),
        (inner("body_gyro_z"), line(3, lambda text: ""), "line 3: '' is not 128 finite numbers"),
        (inner("body_gyro_z"), line(30, lambda text: text[:-3] + "999"), "line 30: .* finite numbers"),
        (inner("total_acc_y"), line(30, lambda text: "nan".rjust(16) + text[16:]), "line 30: .* finite numbers"),
        (inner("total_acc_y"), line(30, lambda text: "inf".rjust(16) + text[16:]), "line 30: .* finite numbers"),
        (inner("total_acc_y"), line(30, lambda text: "1,5".rjust(16) + text[16:]), "line 30: .* finite numbers"),
        (inner("total_acc_y"), line(30, lambda text: "\0" * len(text)), "line 30: .* finite numbers"),
        (Path("train/subject_train.txt"), lambda text: text + "2\n", "61 lines instead of 60"),
        (Path("test/subject_test.txt"), lambda text: text[:-2], "29 lines instead of 30"),
        (Path("train/subject_train.txt"), line(4, lambda text: "31"), "line 4: '31' is not one of 1 to 30"),
        (Path("train/subject_train.txt"), line(4, lambda text: "two"), "line 4: 'two' is not one of 1 to 30"),
        (Path("train/y_train.txt"), line(9, lambda text: "7"), "line 9: '7' is not one of 1 to 6"),
        (Path("train/y_train.txt"), line(9, lambda text: "0"), "line 9: '0' is not one of 1 to 6"),
        (Path("train/y_train.txt"), line(9, lambda text: "-1"), "line 9: '-1' is not one of 1 to 6"),
        (Path("train/y_train.txt"), line(9, lambda text: "1.5"), "line 9: '1.5' is not one of 1 to 6"),
        (Path("train/y_train.txt"), line(9, lambda text: ""), "line 9: '' is not one of 1 to 6"),
    ],
)
def test_damaged_har_is_named(tiny_har: Path, file: Path, change: Change, says: str) -> None:
    edit(tiny_har / file, change)
    with pytest.raises(BadInput, match=says) as caught:
        uci_har(domain=2)
    assert str(tiny_har / file) in str(caught.value)


def test_har_without_a_file_or_a_person_or_with_a_lone_window(tiny_har: Path) -> None:
    with pytest.raises(BadInput, match="no windows of person 30"):
        uci_har(domain=30)
    path = tiny_har / "test" / "y_test.txt"
    edit(path, lambda text: text.replace("6\n", "5\n", 4))
    with pytest.raises(BadInput, match="activities of person 4 cannot be split"):
        uci_har(domain=4)
    (tiny_har / "train" / "Inertial Signals" / "total_acc_z_train.txt").unlink()
    with pytest.raises(BadInput, match=r"total_acc_z_train.txt cannot be read \(No such file"):
        uci_har(domain=7)


def test_missing_har_says_what_to_put_where(data_folder: Path) -> None:
    with pytest.raises(BadInput, match=r"uci_har is not in .*network is unreachable.*UCI HAR Dataset"):
        uci_har(domain=1)


def test_har_is_unpacked_from_the_archive_in_the_archive(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("DANN_DATA", str(data_folder))
    monkeypatch.setattr(har, "PARTS", {"train": 60, "test": 30})
    made = tmp_path / "made" / "UCI HAR Dataset"
    write_har(made)
    with zipfile.ZipFile(tmp_path / "UCI HAR Dataset.zip", "w") as file:
        for path in sorted(made.rglob("*")):
            file.write(path, path.relative_to(made.parent))
        file.writestr("__MACOSX/UCI HAR Dataset/._train", b"")
    outer = tmp_path / "human+activity.zip"
    with zipfile.ZipFile(outer, "w") as file:
        file.writestr("UCI HAR Dataset.names", b"")
        file.write(tmp_path / "UCI HAR Dataset.zip", "UCI HAR Dataset.zip")
    right, wrong = hashlib.sha256(outer.read_bytes()).hexdigest(), "0" * 64
    monkeypatch.setattr(har, "ARCHIVE", Remote(outer.as_uri(), f"sha256:{wrong}"))
    with pytest.raises(BadInput, match="was thrown away"):
        uci_har(domain=2)
    assert list((data_folder / "uci_har").iterdir()) == []
    monkeypatch.setattr(har, "ARCHIVE", Remote(outer.as_uri(), f"sha256:{right}"))
    assert len(uci_har(domain=2).train) == 21
    assert [path.name for path in (data_folder / "uci_har").iterdir()] == ["UCI HAR Dataset"]


# The user's own arrays

X, Y = np.arange(40, dtype=np.float32).reshape(10, 4), np.arange(10) % 3


def saved(folder: Path, name: str = "a.npz", **content: Any) -> str:
    path = folder / name
    if path.suffix == ".npz":
        np.savez(path, **content)
    elif path.suffix == ".npy":
        np.save(path, *content.values())
    else:
        torch.save(content, path)
    return str(path)


def test_npz_with_a_test_split(tmp_path: Path) -> None:
    domain = arrays(path=saved(tmp_path, x=X, y=Y + 4, x_test=X[:2], y_test=[6, 4]))
    assert domain.test is not None and domain.name == "a"
    assert domain.classes == ("4", "5", "6")
    assert torch.equal(domain.train.x, torch.from_numpy(X)) and domain.train.y.tolist() == Y.tolist()
    assert domain.test.y.tolist() == [2, 0]


def test_all_files_give_the_same_domain(tmp_path: Path) -> None:
    parts = {"x": X, "y": Y, "x_test": X[:4] + 1, "y_test": Y[:4]}
    held = {key: torch.from_numpy(value) for key, value in parts.items()}
    files = {key: saved(tmp_path, f"{key}.npy", array=value) for key, value in parts.items()}
    torch.save(held["x"], tmp_path / "x.pth")
    first, second = ({"x": X, "y": Y}, {"x": parts["x_test"], "y": parts["y_test"]})
    domains = [
        arrays(path=saved(tmp_path, "a.npz", **parts)),
        arrays(path=saved(tmp_path, "a.pt", **held)),
        arrays(path=saved(tmp_path, "b.pt", **held, classes=["0", "1", "2"])),
        arrays(path=files["x"], labels=files["y"], test=files["x_test"], test_labels=files["y_test"]),
        arrays(path=str(tmp_path / "x.pth"), labels=files["y"], test=files["x_test"], test_labels=files["y_test"]),
        arrays(path=saved(tmp_path, "b.npz", **first), test=saved(tmp_path, "c.npz", **second)),
        from_arrays("mine", **held),
        from_arrays("mine", X.tolist(), Y.tolist(), x_test=parts["x_test"], y_test=parts["y_test"]),
    ]
    assert len({domain.checksum() for domain in domains}) == 1
    assert {domain.classes for domain in domains} == {("0", "1", "2")}


def test_examples_of_each_kind() -> None:
    grey, colour = np.arange(240, dtype=np.uint8).reshape(2, 12, 10), np.arange(720).reshape(2, 3, 12, 10) % 251
    colour = colour.astype(np.uint8)

    def read(x: Any) -> torch.Tensor:
        return from_arrays("mine", x, None).train.x

    assert read(grey).shape == (2, 1, 12, 10) and read(grey).dtype == torch.uint8
    assert torch.equal(read(colour), torch.from_numpy(colour))
    assert torch.equal(read(colour.transpose(0, 2, 3, 1)), torch.from_numpy(colour))
    assert torch.equal(read(grey[..., None]), read(grey)) and torch.equal(read(grey[:, None]), read(grey))
    assert read(np.zeros((5, 7), np.int16)).dtype == torch.float32
    assert read(np.zeros((5, 7), np.uint8)).shape == (5, 7)  # two dimensions are vectors
    assert read(np.zeros((5, 9, 128))).shape == (5, 9, 128) and read(np.zeros((5, 9, 128))).dtype == torch.float32
    assert read(torch.ones(2, 3, dtype=torch.bfloat16, requires_grad=True)).tolist() == [[1.0] * 3] * 2
    assert read(X.astype(">f8")[::-1]).tolist() == X[::-1].tolist()
    constant = X.copy()
    constant.flags.writeable = False
    assert read(constant).tolist() == X.tolist()


def test_missing_values_are_kept() -> None:
    x = X.copy()
    x[3, 1] = np.nan
    domain = from_arrays("mine", x, Y)
    assert domain.train.x.isnan().nonzero().tolist() == [[3, 1]]


@pytest.mark.parametrize(
    ("y", "expected", "classes"),
    [
        ([2, 0, -1, 7], [1, 0, -1, 2], ("0", "2", "7")),
        ([2.0, 0.0, np.nan, 7.0], [1, 0, -1, 2], ("0", "2", "7")),
        (np.array([2, 0, 255, 7], np.uint8), [1, 0, 3, 2], ("0", "2", "7", "255")),
        ([True, False, False, True], [1, 0, 0, 1], ("0", "1")),
        (["dog", "cat", "", "-1"], [1, 0, -1, -1], ("cat", "dog")),
        (["10", "9", "", "b"], [1, 0, -1, 2], ("9", "10", "b")),
        (np.array([b"dog", b"cat", b"", b"dog"]), [1, 0, -1, 1], ("cat", "dog")),
        (np.array(["dog", None, np.nan, "cat"], object), [1, -1, -1, 0], ("cat", "dog")),
        (np.array([3, None, np.nan, 1], object), [1, -1, -1, 0], ("1", "3")),
        ([-1, -1, -1, -1], [-1, -1, -1, -1], ()),
        (["", "", "", ""], [-1, -1, -1, -1], ()),
        (None, [-1, -1, -1, -1], ()),
    ],
)
def test_labels_of_each_kind(y: Any, expected: list[int], classes: tuple[str, ...]) -> None:
    domain = from_arrays("mine", X[:4], y)
    assert domain.train.y.tolist() == expected and domain.train.y.dtype == torch.int64
    assert domain.classes == classes


def test_named_classes_keep_their_order(tmp_path: Path) -> None:
    domain = arrays(path=saved(tmp_path, x=X[:4], y=[2, 0, -1, 0], classes=["zebra", "ant", "bee"]))
    assert domain.classes == ("zebra", "ant", "bee") and domain.train.y.tolist() == [2, 0, -1, 0]
    domain = from_arrays("mine", X[:3], ["bee", "", "zebra"], classes=["zebra", "ant", "bee"])
    assert domain.classes == ("zebra", "ant", "bee") and domain.train.y.tolist() == [2, -1, 0]


IMAGES = np.zeros((4, 3, 8, 9), np.uint8)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"y": Y}, "there is no x"),
    ({"X": X, "y": Y}, "unknown X"),
    ({"x": X, "labels": Y}, "unknown labels"),
    ({"x": X, "y": Y[:9]}, "9 labels for 10 examples"),
    ({"x": X, "y": Y[:, None]}, r"y has shape \(10, 1\)"),
    ({"x": X, "y": np.eye(10)}, r"y has shape \(10, 10\)"),
    ({"x": X, "y": 3}, r"y has shape \(\)"),
    ({"x": X, "y": Y + 0.5}, "0.5 is no label"),
    ({"x": X, "y": Y - 2}, "-2 is no label"),
    ({"x": X, "y": np.where(Y == 0, np.inf, 1.0)}, "inf is no label"),
    ({"x": X, "y": Y.astype(complex)}, "holds complex128 values"),
    ({"x": X, "y": Y.astype("datetime64[D]")}, "holds datetime64.* values"),
    ({"x": X, "y": np.where(Y == 0, -1, 1)}, "labels -1 and 1, but -1 means unlabelled"),
    ({"x": X, "y": Y, "classes": ["a", "b"]}, "label 2 is not one of the 2 classes"),
    ({"x": X, "y": Y, "classes": ["a", "b", "a"]}, "a name of its own"),
    ({"x": X, "y": Y, "classes": ["a", "b", " "]}, "a name of its own"),
    ({"x": X, "y": Y, "classes": [1, 2, 3]}, "give a list of names"),
    ({"x": X, "y": Y, "classes": "abc"}, "give a list of names"),
    ({"x": X, "y": Y.astype(str), "classes": ["0", "1"]}, "label 2 is not one of the 2 classes"),
    ({"x": X, "y": Y, "x_test": X}, "y_test is missing"),
    ({"x": X, "y": Y, "y_test": Y}, "x_test is missing"),
    ({"x": X, "y": Y, "x_test": X[:, :3], "y_test": Y}, r"x_test: its examples have the shape \(3,\).*\(4,\)"),
    ({"x": X, "y": Y, "x_test": X, "y_test": Y[:2]}, "y_test: 2 labels for 10 examples"),
    ({"x": X, "y": Y, "x_test": X, "y_test": Y.astype(str)}, "integers in one and strings in the other"),
    ({"x": X[:, 0], "y": Y}, r"x has shape \(10,\)"),
    ({"x": X[:0], "y": Y[:0]}, r"shape \(0, 4\), so no examples"),
    ({"x": X[:, :0], "y": Y}, r"shape \(10, 0\), so no examples"),
    ({"x": X[:, :, None, None, None], "y": Y}, r"x has shape \(10, 4, 1, 1, 1\)"),
    ({"x": IMAGES[None], "y": [0]}, r"x has shape \(1, 4, 3, 8, 9\)"),
    ({"x": IMAGES / 255, "y": [0] * 4}, "save images as uint8"),
    ({"x": IMAGES.astype(int), "y": [0] * 4}, "save images as uint8"),
    ({"x": IMAGES[:, :2], "y": [0] * 4}, "is 1 or 3 channels"),
    ({"x": IMAGES[..., :3], "y": [0] * 4}, "channels could be at either end"),
    ({"x": IMAGES[:, 0, :, :3], "y": [0] * 4}, "channels could be at either end or missing"),
    ({"x": np.where(X == 9, np.inf, X), "y": Y}, "1 of 10 examples have infinite values"),
    ({"x": X.astype(np.float64) * 1e300, "y": Y}, "examples have infinite values"),
    ({"x": X.astype(complex), "y": Y}, "holds complex128 values"),
    ({"x": X.astype(str), "y": Y}, "holds <U32 values"),
]


def tensors(content: dict[str, Any]) -> dict[str, Any] | None:
    """Arrays as tensors; None where a tensor cannot hold one."""
    held = all(value.dtype.kind in "biufc" for value in content.values() if isinstance(value, np.ndarray))
    return {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in content.items()} if held else None


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [("a.npz", content, says) for content, says in WRONG]
    + [("a.pt", held, says) for content, says in WRONG if (held := tensors(content)) is not None],
)
def test_wrong_content_is_named(tmp_path: Path, name: str, content: dict[str, Any], says: str) -> None:
    path = saved(tmp_path, name, **content)
    with pytest.raises(BadInput, match=says) as caught:
        arrays(path=path)
    assert path in str(caught.value) and "\n" not in str(caught.value)


class Exploit:
    """What runs code when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("name", ["a.npz", "a.npy", "a.pt", "a.pth", "old.pt", "pickled.npy", "pickled.npz"])
def test_files_that_run_code_are_refused(tmp_path: Path, name: str) -> None:
    import pickle

    mark, path = tmp_path / "ran", tmp_path / name
    if name.startswith("pickled"):
        path.write_bytes(pickle.dumps(Exploit(mark)))
    elif path.suffix == ".npz":
        np.savez(path, x=np.array([Exploit(mark)], object))
    elif path.suffix == ".npy":
        np.save(path, np.array([Exploit(mark)], object))
    else:
        torch.save({"x": Exploit(mark)}, path, _use_new_zipfile_serialization=name != "old.pt")
    with pytest.raises(BadInput, match="holds Python objects, which could run code") as caught:
        arrays(path=str(path))
    assert str(path) in str(caught.value) and not mark.exists()


@pytest.mark.parametrize("name", ["a.npz", "a.npy", "a.pt"])
@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.9])
def test_truncated_files_are_named(tmp_path: Path, name: str, kept: float) -> None:
    path = saved(tmp_path, name, **({"x": X} if name == "a.npy" else {"x": torch.from_numpy(X)}))
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(BadInput, match=r"not a readable file of arrays|or is damaged") as caught:
        arrays(path=path)
    assert path in str(caught.value) and "\n" not in str(caught.value)


def test_flipped_bit_in_an_npz_is_found(tmp_path: Path) -> None:
    path = Path(saved(tmp_path, x=X))
    content = bytearray(path.read_bytes())
    place = content.index(X.tobytes())
    content[place + 5] ^= 16
    path.write_bytes(content)
    with pytest.raises(BadInput, match="not a readable file of arrays"):
        arrays(path=str(path))


def test_header_that_claims_a_petabyte(tmp_path: Path) -> None:
    path = Path(saved(tmp_path, "a.npy", x=X))
    path.write_bytes(path.read_bytes().replace(b"(10, 4)", b"(1000000000000000, 4)").replace(b" " * 14 + b"\n", b"\n"))
    with pytest.raises(BadInput, match="not a readable file of arrays"):
        arrays(path=str(path))


def test_options_that_contradict_the_files(tmp_path: Path) -> None:
    whole, x, y = saved(tmp_path, x=X, y=Y), saved(tmp_path, "x.npy", x=X), saved(tmp_path, "y.npy", y=Y)
    tested = saved(tmp_path, "t.npz", x=X, y=Y, x_test=X, y_test=Y)
    for options, says in (
        ({"path": "nowhere.npz"}, "nowhere.npz is not there: looked for .* and "),
        ({"path": whole, "labels": y}, "holds y, and .*y.npy is named for it"),
        ({"path": x, "labels": whole}, "a.npz: give labels as one array"),
        ({"path": x, "labels": str(tmp_path / "none.npy")}, "none.npy is not there"),
        ({"path": whole, "test": whole}, "named for training and for test"),
        ({"path": tested, "test": whole}, "t.npz holds a test split: leave `test` out"),
        ({"path": whole, "test": tested}, "x_test, y_test in the file of a test split"),
        ({"path": whole, "test": x}, "x.npy: y is missing: a test split needs x and y"),
        ({"path": whole, "test_labels": y}, "test_labels needs `test`"),
        ({"path": str(tmp_path)}, "are read from .npz, .npy, .pt and .pth"),
    ):
        with pytest.raises(BadInput, match=says):
            arrays(**options)
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(BadInput, match=r"list\.pt holds a list"):
        arrays(path=str(tmp_path / "list.pt"))


def test_arrays_that_are_none() -> None:
    for x in ([[1, 2], [3]], {"a": 1}, torch.ones(2, 2).to_sparse(), "text", None):
        with pytest.raises(BadInput, match="mine: x"):
            from_arrays("mine", x, None)
    with pytest.raises(BadInput, match="the types int, str"):
        from_arrays("mine", X[:2], np.array([1, "a"], object))


# The user's own svmlight files


def write_svmlight(folder: Path, *lines: str, name: str = "a.svm") -> str:
    (folder / name).write_text("\n".join(lines) + "\n")
    return str(folder / name)


def rows(domain: Domain) -> list[list[float]]:
    listed: list[list[float]] = domain.train.x.tolist()
    return listed


def test_svmlight_counts_from_one_unless_told_otherwise(tmp_path: Path) -> None:
    one = write_svmlight(tmp_path, "3 1:0.5 3:2", "-1 2:nan  # a comment", "10 ", name="one.txt")
    domain = svmlight(path=one)
    assert domain.classes == ("-1", "3", "10") and domain.train.y.tolist() == [1, 0, 2]
    assert str(rows(domain)) == "[[0.5, 0.0, 2.0], [0.0, nan, 0.0], [0.0, 0.0, 0.0]]"
    zero = write_svmlight(tmp_path, "1 0:1", "2 3:1", name="zero.txt")
    assert rows(svmlight(path=zero, first=0)) == [[1, 0, 0, 0], [0, 0, 0, 1]]
    lacking = write_svmlight(tmp_path, "1 1:1", "2 3:1", name="lacking.txt")
    assert rows(svmlight(path=lacking, first=0, features=5)) == [[0, 1, 0, 0, 0], [0, 0, 0, 1, 0]]
    assert rows(svmlight(path=lacking, features=5)) == [[1, 0, 0, 0, 0], [0, 0, 1, 0, 0]]


def test_svmlight_parts_share_features_and_classes(tmp_path: Path) -> None:
    train = write_svmlight(tmp_path, "1 1:1", "4 2:1", "nan 1:1")
    test = write_svmlight(tmp_path, "4 0:1 5:1", "2 1:1", name="b.svm")
    with pytest.raises(BadInput, match=r"b.svm: has a feature of index 0: set first: 0"):
        svmlight(path=train, test=test)
    domain = svmlight(path=train, test=test, first=0)
    assert domain.test is not None
    assert domain.classes == ("1", "2", "4") and domain.train.y.tolist() == [0, 2, -1]
    assert domain.train.x.shape == (3, 6) and domain.test.x.shape == (2, 6)
    assert domain.train.x[0].tolist() == [0, 1, 0, 0, 0, 0] and domain.test.y.tolist() == [2, 1]
    with pytest.raises(BadInput, match="named for training and for test"):
        svmlight(path=train, test=train)


def test_wrong_svmlight_is_named(tmp_path: Path) -> None:
    for number, (lines, options, says) in enumerate(
        (
            (["1 1:1", "2 6:1"], {"features": 5}, "feature 6 is not one of 1 to 5"),
            (["1 0:1", "2 5:1"], {"features": 5, "first": 0}, "feature 5 is not one of 0 to 4"),
            (["1 0:1", "2 5:1"], {}, "has a feature of index 0: set first: 0"),
            (["1 1:1", "2 1,5:1"], {}, "not a readable svmlight file"),
            (["1,2 1:1", "2 1:1"], {}, "not a readable svmlight file"),
            (["1.5 1:1"], {}, "label 1.5 is not an integer"),
            (["1 2:1 1:1"], {}, "not a readable svmlight file"),
            (["1 1:inf"], {}, "infinite values"),
            (["1 2147483000:1"] * 1000, {}, "GiB, too much for this machine"),
            ([""], {}, "no examples there"),
        )
    ):
        path = write_svmlight(tmp_path, *lines, name=f"{number}.svm")
        with pytest.raises(BadInput, match=says) as caught:
            svmlight(path=path, **options)  # type: ignore[arg-type]
        assert path in str(caught.value)
    (tmp_path / "cut.svm.gz").write_bytes(b"\x1f\x8b\x08\0 cut")
    for path in (tmp_path, tmp_path / "cut.svm.gz"):
        with pytest.raises(BadInput, match="not a readable svmlight file"):
            svmlight(path=str(path))
