"""Arrays of the user's own as domains."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from array_fixtures import X, Y, saved

from dann.data.datasets.own_arrays import arrays, from_arrays
from dann.errors import BadInput


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
    ({"x": X, "y": np.where(Y == 0, np.inf, 1.0)}, "inf is no label"),
    ({"x": X, "y": Y.astype(complex)}, "holds complex128 values"),
    ({"x": X, "y": Y.astype("datetime64[D]")}, "holds datetime64.* values"),
    ({"x": X, "y": Y, "classes": ["a", "b"]}, "label 2 is not one of the 2 classes"),
    ({"x": X, "y": Y, "classes": ["a", "b", "a"]}, "a name of its own"),
    ({"x": X, "y": Y, "classes": ["a", "b", " "]}, "a name of its own"),
    ({"x": X, "y": Y, "classes": [1, 2, 3]}, "give a list of names"),
    ({"x": X, "y": Y, "classes": "abc"}, "give a list of names"),
    ({"x": X, "y": Y.astype(str), "classes": ["0", "1"]}, "label 2 is not one of the 2 classes"),
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
    ({"x": IMAGES[:, :2], "y": [0] * 4}, "is 1 or 3: save grey or RGB images"),
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
        ({"path": whole, "test_labels": y}, "test_labels needs `test`"),
        ({"path": str(tmp_path)}, "a folder, not a file"),
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
