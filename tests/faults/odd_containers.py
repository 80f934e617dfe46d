"""Valid files of arrays of each format that ``dann`` reads, with odd shapes, types, keys and labels."""

import io
from collections.abc import Callable
from random import Random
from typing import Any

import h5py
import numpy as np
import torch
from scipy.io import savemat
from scipy.sparse import csc_matrix

WORDS = ["cat", "dog", "", "NA", "none", "-1", "1", "0", "λ", "=1+1", "a,b", 'q"q', "x" * 300, "\u202e", "🙂", "1e3"]
SHAPES: list[tuple[int, ...]] = [
    (), (0,), (40,), (1, 40), (40, 1), (40, 2), (40, 2), (40, 2), (0, 2), (40, 0), (1, 2), (2, 40), (40, 3), (40, 2, 3),
    (40, 1, 64), (40, 28, 28), (40, 3, 28, 28), (40, 28, 28, 3), (40, 5, 6, 7), (40, 0, 3, 3), (2, 2, 2, 2, 2),
]  # fmt: skip
TYPES = ["f4", "f8", "f2", "i8", "u1", "i1", "?", "c8", "u8", ">f4", "f4", "f4", "f4"]
KEYS = ["x", "y", "x_test", "y_test", "classes", "X", "label", "__header__", "0", "x/y", "λ"]
CLASSES = [["a", "b"], ["a", "a"], [], ["a"], ["", "\n"], [["a", "b"]], [1, 2]]
MATLAB = [np.bytes_("double"), np.bytes_("char"), np.bytes_("cell"), 3]


def examples(random: Random) -> Any:
    """An array that may serve as examples."""
    array = _filled(random.choice(SHAPES), random.choice(TYPES), random)
    if array.dtype.kind == "f" and array.size and random.random() < 0.3:
        array.reshape(-1)[:: random.choice([1, 7])] = random.choice([np.nan, np.inf, -np.inf, 6e4, 0])
    return array


def _filled(shape: tuple[int, ...], kind: str, random: Random) -> Any:
    values = np.random.default_rng(random.randrange(2**32)).normal(size=shape) * random.choice([1, 100])
    return np.asarray(np.abs(values) if kind[0] in "u?" else values).astype(kind)


def labels(random: Random) -> Any:
    """An array that may serve as labels."""
    count = random.choice([40, 40, 40, 40, 39, 0, 1])
    whole = np.arange(count) % random.choice([1, 2, 2, 3, 40])
    odd = [-(2**63), 2**63 - 1, 10**9, -1]
    return random.choice([
        lambda: whole, lambda: whole.astype("f4"), lambda: whole.astype("u1"), lambda: whole * 2 - 1,
        lambda: whole == 0, lambda: whole + 0.5, lambda: np.where(whole == 0, np.nan, whole),
        lambda: np.full(count, np.nan), lambda: np.full(count, np.inf), lambda: whole[:, None], lambda: whole[None],
        lambda: np.where(whole == 0, random.choice(odd), whole), lambda: np.eye(2)[whole % 2],
        lambda: np.array([random.choice(WORDS) for _ in range(count)]), lambda: whole.astype("c8"), lambda: np.array(1),
        lambda: np.array([b"a", b"b"])[whole % 2], lambda: whole.astype("M8[D]"), lambda: whole.astype("i4"),
    ])()  # fmt: skip


def arrays(random: Random) -> dict[str, Any]:
    """Arrays by their keys, mostly x and y."""
    found = {"x": examples(random), "y": np.arange(40) % 2 if random.random() < 0.5 else labels(random)}
    if random.random() < 0.7:
        found["x"] = _filled((len(found["y"]) if found["y"].ndim else 1, 2), "f4", random)
    if random.random() < 0.2:
        found["classes"] = np.array(random.choice(CLASSES))
    if random.random() < 0.2:
        found[random.choice(KEYS)] = random.choice([examples, labels])(random)
    if random.random() < 0.1:
        found.pop(random.choice(sorted(found)))
    return found


def npz(random: Random) -> bytes:
    content = arrays(random)
    if random.random() < 0.1:
        content["y"] = np.array([1, "a", None], object)
    np.savez(buffer := io.BytesIO(), **content)
    return buffer.getvalue()


def npy(random: Random) -> bytes:
    array = random.choice([examples, labels])(random)
    odd = [array, np.asfortranarray(array), np.array([{}], object), np.zeros(3, [("a", "f4"), ("b", "i4")])]
    np.save(buffer := io.BytesIO(), random.choice([array, *odd]), allow_pickle=True)
    return buffer.getvalue()


def torch_file(random: Random) -> bytes:
    content: Any = {key: _tensor(value, random) for key, value in arrays(random).items()}
    odd = [lambda: content.get("x"), lambda: [*content.values()], lambda: "x", lambda: {1: 2}, lambda: {}, lambda: None,
           lambda: {"x": torch.zeros(40, 2).to_sparse()}, lambda: {"x": torch.zeros(40, 2, device="meta")},
           lambda: {"x": torch.zeros(1).expand(10**6, 10**5)}, lambda: {"x": torch.zeros(40, 2, requires_grad=True)},
           lambda: {"x": [[1.0, 2.0]] * 40, "y": [0, 1] * 20}, lambda: {"x": torch.zeros(40, 2).bfloat16(), "y": ""},
           lambda: {"x": {"y": torch.zeros(2)}}]  # fmt: skip
    torch.save(random.choice(odd)() if random.random() < 0.3 else content, buffer := io.BytesIO())
    return buffer.getvalue()


def _tensor(value: Any, random: Random) -> Any:
    native = value.astype(value.dtype.newbyteorder("=")) if value.dtype.kind in "fiu" else value
    return torch.from_numpy(native.copy()) if value.dtype.kind in "fiubc" and random.random() < 0.8 else value


def mat(random: Random) -> bytes:
    """A file of version 5, with cells, structures or sparse matrices, or of version 7.3."""
    content = {
        key: value for key, value in arrays(random).items() if key.isidentifier() and key.isascii() and key[0] != "_"
    }
    content = {key: value for key, value in content.items() if value.dtype.kind != "M"}
    if random.random() < 0.4:
        return _hdf5(content, random)
    cell = np.array(["cat", "dog"] * 20, object)
    odd = [cell, cell[:, None], np.array([1, "a"], object), {"a": 1}, csc_matrix(np.eye(40, 2)), "text", ["a", "bb"], 1]
    if random.random() < 0.4:
        content[random.choice(["x", "y", "y"])] = random.choice(odd)
    savemat(buffer := io.BytesIO(), content, do_compression=random.random() < 0.5)
    return buffer.getvalue()


def _hdf5(content: dict[str, Any], random: Random) -> bytes:
    head = random.choice([0, 512])
    with h5py.File(buffer := io.BytesIO(), "w", userblock_size=head) as file:
        for key, value in content.items():
            made = file.create_dataset(key, data=np.char.encode(value, "utf-8") if value.dtype.kind == "U" else value.T)
            if random.random() < 0.5:
                made.attrs["MATLAB_class"] = random.choice(MATLAB)
        odd: list[Callable[[], Any]] = [
            lambda: file.create_group("z"), lambda: file.create_dataset("w", data=h5py.Empty("f4")),
            lambda: file.create_group("g").attrs.__setitem__("MATLAB_sparse", random.choice([2, -1, "a", 2**60])),
            lambda: file.__setitem__("l", h5py.ExternalLink("/etc/passwd", "/x")),
            lambda: file.__setitem__("s", h5py.SoftLink("/s")), lambda: file.create_dataset("v", (3,), "f4,i4"),
            lambda: file.create_dataset("h", (10**6, 10**6), "f4", chunks=(100, 100)),
        ]  # fmt: skip
        if random.random() < 0.4:
            random.choice(odd)()
    whole = buffer.getvalue()
    return b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + whole[128:] if head else whole
