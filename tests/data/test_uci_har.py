"""UCI HAR: a fixture in its true format, the split of AdaTime, and damage."""

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from damage import Change, edit, line

from dann.data.datasets import uci_har as har
from dann.data.datasets.uci_har import uci_har
from dann.data.storage.download import Remote
from dann.errors import BadInput

pytestmark = pytest.mark.usefixtures("offline")


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
    with pytest.raises(BadInput, match=r"uci_har is not in .*no network.*UCI HAR Dataset"):
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
