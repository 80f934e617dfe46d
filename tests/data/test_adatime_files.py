"""AdaTime's own files of UCI HAR: per-person .pt files, joined .npz files, and damage."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from damage import cut

from dann.data.datasets.uci_har import uci_har
from dann.errors import BadInput

pytestmark = pytest.mark.usefixtures("offline")
COUNTS = {"train": 12, "test": 6}


class Exploit:
    """What runs code when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def windows(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.normal(size=(count, 9, 128)), (np.arange(count) % 6).astype(np.float64)


def write_person(folder: Path, person: int, change: Callable[[dict[str, Any]], Any] = lambda content: content) -> None:
    """The two files of a person in AdaTime's format, float64 arrays, their content passed through ``change``."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in COUNTS.items():
        x, y = windows(count, person + count)
        torch.save(change({"samples": x, "labels": y}), folder / f"{part}_{person}.pt")


def write_joined(folder: Path, **changed: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in COUNTS.items():
        both = [windows(count, person + count) for person in (2, 4)]
        x, y = (np.concatenate(arrays) for arrays in zip(*both, strict=True))
        people = np.repeat([2, 4], count).astype(np.uint8)
        content = {"x": x.astype(np.float16), "y": y.astype(np.uint8), "person": people}
        np.savez(folder / f"adatime_{part}.npz", **(content | changed))


@pytest.mark.parametrize("place", ["uci_har", "uci_har/HAR"])
@pytest.mark.parametrize("kind", ["arrays", "tensors", "turned"])
def test_files_of_one_person(data_folder: Path, place: str, kind: str) -> None:
    def change(content: dict[str, Any]) -> dict[str, Any]:
        if kind == "tensors":
            return {key: torch.from_numpy(value) for key, value in content.items()}
        return content | {"samples": content["samples"].transpose(0, 2, 1)} if kind == "turned" else content

    write_person(data_folder / place, 2, change)
    domain = uci_har(domain=2)
    assert domain.test is not None and domain.origin == "AdaTime's files of one person"
    for split, count in ((domain.train, 12), (domain.test, 6)):
        x, y = windows(count, 2 + count)
        assert split.x.dtype == torch.float32 and split.y.tolist() == y.tolist()
        np.testing.assert_array_equal(split.x.numpy(), x.astype(np.float32))


def test_joined_files(data_folder: Path) -> None:
    write_joined(data_folder / "uci_har")
    domain = uci_har(domain=4)
    assert domain.test is not None and domain.origin == "AdaTime's files, joined" and len(domain.test) == 6
    np.testing.assert_array_equal(domain.train.x.numpy(), windows(12, 16)[0].astype(np.float16).astype(np.float32))
    with pytest.raises(BadInput, match=r"adatime_train.npz: no windows of person 30"):
        uci_har(domain=30)
    write_person(data_folder / "uci_har", 4)
    assert uci_har(domain=4).origin == "AdaTime's files of one person"


def test_files_of_a_person_run_no_code(data_folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    write_person(data_folder / "uci_har", 2, lambda content: content | {"labels": Exploit(mark)})
    with pytest.raises(BadInput, match=r"train_2.pt: holds Python objects, which could run code"):
        uci_har(domain=2)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c["samples"], "one array without a name"),
        (lambda c: {"samples": c["samples"]}, "there is no labels: AdaTime's files hold samples, labels"),
        (lambda c: c | {"labels": c["labels"][1:]}, "12 windows and another number of labels"),
        (lambda c: c | {"labels": c["labels"] + 1}, "labels are not the integers 0 to 5"),
        (lambda c: c | {"labels": c["labels"] + 0.5}, "labels are not the integers 0 to 5"),
        (lambda c: c | {"labels": np.float64(1)}, "windows and another number of labels"),
        (lambda c: c | {"samples": c["samples"][:, :8]}, r"windows \(12, 8, 128\) of type float64"),
        (lambda c: c | {"samples": c["samples"] * np.nan}, "NaN or infinite"),
        (lambda c: c | {"samples": c["samples"].astype(str)}, r"not \(N, 9, 128\) numbers"),
    ],
)
def test_damaged_files_of_a_person_are_named(data_folder: Path, change: Callable[[Any], Any], says: str) -> None:
    write_person(data_folder / "uci_har", 2, change)
    with pytest.raises(BadInput, match=says) as caught:
        uci_har(domain=2)
    assert str(data_folder / "uci_har" / "train_2.pt") in str(caught.value)


def test_cut_and_missing_files_are_named(data_folder: Path) -> None:
    folder = data_folder / "uci_har"
    write_person(folder, 2)
    cut(folder / "test_2.pt")
    with pytest.raises(BadInput, match=r"test_2.pt.* restore it"):
        uci_har(domain=2)
    (folder / "test_2.pt").unlink()
    with pytest.raises(BadInput, match=r"test_2.pt is missing beside the file of the other split"):
        uci_har(domain=2)
    write_joined(folder, person=np.array([2]))
    with pytest.raises(BadInput, match=r"adatime_train.npz: 24 windows and another number of labels"):
        uci_har(domain=4)


def test_real_joined_files_have_the_counts_that_adatime_printed(real_data: Path) -> None:
    """For person 30: the output stored in the notebook that made AdaTime's files."""
    if not (real_data / "uci_har" / "adatime_train.npz").exists():
        pytest.skip("AdaTime's joined files are not in DANN_DATA")
    domain = uci_har(domain=30)
    assert domain.test is not None
    assert [split.y.bincount().tolist() for split in (domain.train, domain.test)] == [
        [46, 46, 43, 43, 41, 49],
        [19, 19, 19, 19, 18, 21],
    ]
