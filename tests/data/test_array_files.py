"""Files of arrays: none runs code, and damage is named."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from array_fixtures import X, Y, saved

from dann.data.datasets.own_arrays import arrays
from dann.data.readers.array_files import read_arrays
from dann.errors import BadInput


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


def test_pickled_numpy_arrays_in_torch_files(tmp_path: Path) -> None:
    words = np.array(["cat", "dog", "eel"])[Y]
    for name, content in {
        "arrays": {"x": X, "y": Y},
        "mixed": {"x": torch.from_numpy(X), "y": Y.astype(np.uint8)},
        "strings": {"x": X, "y": words},
        "objects": {"x": X, "y": words.astype(object)},
        "scalars": {"x": X.astype(np.float64), "y": list(Y)},
    }.items():
        for zipped in (True, False):
            torch.save(content, tmp_path / f"{name}.pt", _use_new_zipfile_serialization=zipped)
            read = read_arrays(tmp_path / f"{name}.pt")
            assert np.asarray(read["x"]).tolist() == X.tolist() and list(read["y"]) == list(content["y"])
    torch.save(X, tmp_path / "alone.pt")
    assert read_arrays(tmp_path / "alone.pt")["x"].tolist() == X.tolist()


def test_code_among_pickled_arrays_does_not_run(tmp_path: Path) -> None:
    bomb = Exploit(tmp_path / "ran")
    for y in (bomb, [bomb], np.array([bomb], object)):
        torch.save({"x": X, "y": y}, tmp_path / "bomb.pt")
        with pytest.raises(BadInput, match="holds Python objects, which could run code"):
            read_arrays(tmp_path / "bomb.pt")
        assert not bomb.mark.exists()
