"""Valid files of other formats that ``dann`` reads, with odd content: tables, images, archives, weights."""

import io
import json
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from random import Random
from typing import Any

import torch
from odd_containers import WORDS, mat, npy, npz, torch_file
from PIL import Image

MODES = ["RGB", "L", "RGBA", "P", "LA", "1", "CMYK", "I;16", "I", "F", "YCbCr", "LAB", "HSV"]
FORMATS = ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "JPEG2000", "ICO", "AVIF"]
MEMBERS = [
    "a.png", "b/c.png", "../x", "/x", "a/../b", "", "λ", "x" * 300, "a\nb", "__MACOSX/._a.png", ".", "nul"
]  # fmt: skip
PACKINGS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA]
KINDS = [*[tarfile.REGTYPE] * 5, tarfile.DIRTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
TURNED = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"


def svmlight(random: Random) -> bytes:
    pairs = ["1:0.5", "2:1", "2:nan", "1:inf", "0:1", "-1:2", "2147483647:1", f"{10**30}:1", "a:b", "1:", ":1",
             "1:1e400", "2:0x1", "qid:3", "# note", "1:1 1:2", "1:٣"]  # fmt: skip
    some = random.choice([["0", "1"], ["0", "1"], ["+1", "-1"], ["0", "1", "1,2", *WORDS]])
    lines = (f"{random.choice(some)} {' '.join(random.choices(pairs[:3], k=2))}"
             for _ in range(random.choice([0, 1, 40])))  # fmt: skip
    return "\n".join([*lines, *[f"1 {random.choice(pairs)}"] * (random.random() < 0.4)]).encode(
        "utf-8", "surrogatepass"
    )


def table(random: Random) -> bytes:
    """Rows of paths or texts and labels, in one of several spellings of CSV, or lines of JSON."""
    paths = [f"pictures/{name}/frame_000{i}.png" for name in ("cat", "dog") for i in range(6)]
    rows = [[path, random.choice(["a", "b", *WORDS[: random.choice([1, 16])]])] for path in paths]
    for _ in range(random.choice([0, 0, 1])):
        random.choice(rows)[:] = random.choice(
            [[""], ["", ""], ["no.png", "a"], ["/etc/passwd", "a"], ["../../x.png", "b"], ["pictures", "a"], rows[0]]
        ) + [""] * random.choice([0, 0, 0, 1])
    if random.random() < 0.1:
        return "\n".join(json.dumps({"path": path, "label": label}) for path, *label in rows).encode()
    header = random.choice(
        [["path", "label"]] * 4 + [["image", "class"], ["path"], ["path", "path"], ["a", "b"], ["PATH", "Label"], []]
    )
    between = random.choice([",", ",", ",", ";", "\t", "|"])
    text = random.choice(["\n", "\r\n", "\n", "\r"]).join(between.join(row) for row in [header, *rows])
    return text.encode(random.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16"]), "surrogatepass")


def image(random: Random) -> bytes:
    """An image of any format, mode and size that the format takes; else a grey PNG."""
    size = random.choice([(28, 28), (28, 28), (1, 1), (3000, 1), (1, 3000), (600, 400)])
    made = Image.new(random.choice(MODES), size, random.choice([0, 1]))
    more: dict[str, Any] = {"exif": TURNED} if random.random() < 0.3 else {}
    try:
        made.save(buffer := io.BytesIO(), random.choice(FORMATS), **more)
    except (OSError, ValueError, KeyError, TypeError):
        Image.new("L", size).save(buffer := io.BytesIO(), "PNG")
    return buffer.getvalue()


def archive(random: Random) -> bytes:
    """A zip or tar file of a few members with odd names and kinds."""
    buffer = io.BytesIO()
    if random.random() < 0.5:
        with zipfile.ZipFile(buffer, "w", random.choice(PACKINGS)) as made:
            for name in dict.fromkeys(random.choices(MEMBERS, k=3)):
                made.writestr(zipfile.ZipInfo(name or "e"), random.choice([b"", b"x" * 100, bytes(10**6)]))
        return buffer.getvalue()
    with tarfile.open(fileobj=buffer, mode=random.choice(["w", "w:gz", "w:xz"])) as packed:
        for name in (random.choice(MEMBERS) for _ in range(3)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = random.choice(KINDS), random.choice([0o644, 0, 0o7777])
            entry.linkname = random.choice(["a.png", "/etc/passwd", ".."])
            entry.size = 50 if entry.isreg() else 0
            packed.addfile(entry, io.BytesIO(bytes(50)))
    return buffer.getvalue()


def weights(content: bytes, random: Random) -> bytes:
    """The weights of a network as other programs wrap them, or with one tensor that is odd."""
    state: dict[str, Any] = OrderedDict(_bare(torch.load(io.BytesIO(content), weights_only=True)))
    name = random.choice(sorted(name for name, tensor in state.items() if tensor.ndim))
    odd = [lambda t: t.double(), lambda t: t.half(), lambda t: t[:0], lambda t: t * float("nan"), lambda t: t[None],
           lambda t: 1, lambda t: t.flatten(), lambda t: t.to_sparse(),
           lambda t: t.to("meta")]  # fmt: skip
    if random.random() < 0.6:
        state[name] = random.choice(odd)(state[name])
    for _ in range(random.choice([0, 0, 1, 2])):
        state.pop(random.choice(sorted(state)))
    prefix = random.choice(["", "", "module.", "module.model.", "λ."])
    state = {f"{prefix}{key}": value for key, value in state.items()}
    outer = random.choice([None, None, "state_dict", "model", "model_state_dict", "net", "ema", 0])
    wrapped: Any = state if outer is None else {outer: state, "epoch": random.choice([3, None, "x"])}
    torch.save(random.choice([wrapped, wrapped, wrapped, {"model": wrapped}, [state]]), buffer := io.BytesIO())
    return buffer.getvalue()


def _bare(content: Any) -> dict[str, Any]:
    """The weights without the names that wrap them."""
    inner: dict[str, Any] = content.get("state_dict", content)
    return {key.removeprefix("module."): value for key, value in inner.items()}


MAKERS: dict[str, Callable[[Random], bytes]] = {
    ".npz": npz, ".npy": npy, ".pt": torch_file, ".pth": torch_file, ".mat": mat, ".svm": svmlight, ".csv": table,
    ".png": image, ".jpg": image, ".zip": archive, ".gz": archive,
}  # fmt: skip
