"""Arrays in MATLAB's files of both kinds."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse
from array_fixtures import X, Y

from dann.data.datasets.own_arrays import arrays
from dann.data.domain import Domain
from dann.errors import BadInput

WORDS = np.array(["cat", "dog", "eel"], object)[Y]


def write_version_7_3(path: Path, **content: Any) -> str:
    """Write a file as MATLAB does with -v7.3: axes reversed, texts as cells of codes."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in content.items():
            if value.dtype.kind == "O":
                cells = np.empty((1, len(value)), h5py.ref_dtype)
                for i, text in enumerate(value):
                    cell = file.create_dataset(f"#refs#/{name}{i}", data=np.array([[ord(c)] for c in text], np.uint16))
                    cells[0, i] = cell.ref
                file.create_dataset(name, data=cells).attrs["MATLAB_class"] = np.bytes_("cell")
            else:
                matrix = value[:, None] if value.ndim == 1 else value
                file.create_dataset(name, data=matrix.T).attrs["MATLAB_class"] = np.bytes_("double")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    return str(path)


def write_version_5(path: Path, **content: Any) -> str:
    scipy.io.savemat(path, content)
    return str(path)


def assert_read(domain: Domain, classes: tuple[str, ...]) -> None:
    assert domain.train.x.tolist() == X.tolist()
    assert domain.train.y.tolist() == Y.tolist() and domain.classes == classes


@pytest.mark.parametrize("write", [write_version_5, write_version_7_3])
def test_numbers_and_texts(tmp_path: Path, write: Any) -> None:
    assert_read(arrays(path=write(tmp_path / "a.mat", x=X, y=Y)), ("0", "1", "2"))
    assert_read(arrays(path=write(tmp_path / "b.mat", x=X, y=WORDS)), ("cat", "dog", "eel"))
    named = write(tmp_path / "c.mat", x=X, y=Y, classes=np.array(["z", "a", "b"], object))
    assert_read(arrays(path=named), ("z", "a", "b"))
    np.save(tmp_path / "x.npy", X)
    labels = write(tmp_path / "y.mat", y=Y)
    assert_read(arrays(path=str(tmp_path / "x.npy"), labels=labels), ("0", "1", "2"))
    images = np.arange(240, dtype=np.uint8).reshape(2, 12, 10)
    domain = arrays(path=write(tmp_path / "d.mat", x=images, y=np.array([0, 1])))
    assert np.array_equal(domain.train.x[:, 0].numpy(), images)


def test_other_files(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "sparse.mat", {"x": scipy.sparse.csc_matrix(X), "y": np.array(["cat", "eels"])[Y % 2]})
    domain = arrays(path=str(tmp_path / "sparse.mat"))
    assert domain.train.x.tolist() == X.tolist() and domain.classes == ("cat", "eels")
    with h5py.File(tmp_path / "plain.mat", "w") as file:  # Python's own, with its order of axes
        file["x"], file["y"] = X, Y
    assert_read(arrays(path=str(tmp_path / "plain.mat")), ("0", "1", "2"))


def test_files_that_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "linked.mat", "w") as file:
        file["x"] = h5py.ExternalLink("a.mat", "x")
    (tmp_path / "empty.mat").write_bytes(b"")
    write_version_5(tmp_path / "whole.mat", x=X, y=Y)
    (tmp_path / "cut.mat").write_bytes((tmp_path / "whole.mat").read_bytes()[:250])
    write_version_5(tmp_path / "structure.mat", x=X, y={"a": 1})
    write_version_5(tmp_path / "cells.mat", x=X, y=np.array([np.arange(3)] * 10 + [1], object))
    write_version_5(tmp_path / "last.mat", x=np.zeros((12, 14, 3, 5), np.uint8), y=np.arange(5))
    for name, says in (
        ("linked", "x is no array"),
        ("empty", "not a readable .mat file"),
        ("cut", "not a readable .mat file"),
        ("structure", "y is a structure"),
        ("cells", "y: a cell holds something else than one text"),
        ("last", "5 labels for 12 examples: put the examples on the first axis"),
    ):
        with pytest.raises(BadInput, match=says) as caught:
            arrays(path=str(tmp_path / f"{name}.mat"), layout="nhwc" if name == "last" else None)
        assert "\n" not in str(caught.value)
