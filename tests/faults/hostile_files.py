"""Files that try to run code, to write outside their folder, or to fill the memory or the disk."""

import gzip
import io
import os
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

ZEROS = bytes(1 << 24)
CALLS = ("os.system", "builtins.eval", "builtins.exec", "subprocess.call", "pathlib.Path.touch")


class Call:
    """An object whose pickle calls a function that writes ``marker`` when it is read."""

    def __init__(self, function: str, marker: Path) -> None:
        self.function, self.marker = function, str(marker)

    def __reduce__(self) -> tuple[Any, ...]:
        code = f"open({self.marker!r}, 'w')"
        if self.function == "os.system":
            return os.system, (f"touch '{self.marker}'",)
        if self.function == "subprocess.call":
            import subprocess

            return subprocess.call, (["touch", self.marker],)
        if self.function == "pathlib.Path.touch":
            return Path.touch, (Path(self.marker),)
        return (eval if self.function == "builtins.eval" else exec), (code,)


def pickled(call: Call, protocol: int) -> bytes:
    return pickle.dumps({"x": [call], b"data": call, "state_dict": call, "method": call}, protocol=protocol)


def as_torch(call: Call, protocol: int) -> bytes:
    """The archive of ``torch.save`` with a pickle of ours in it."""
    saved, out = io.BytesIO(), io.BytesIO()
    torch.save({"x": torch.zeros(2)}, saved)
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.infolist():
            own = member.filename.endswith("data.pkl")
            new.writestr(member.filename, pickled(call, protocol) if own else old.read(member))
    return out.getvalue()


def as_npy(call: Call, protocol: int) -> bytes:
    """A .npy file of Python objects."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    return out.getvalue() + pickled(call, protocol)


def as_npz(call: Call, protocol: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("x.npy", as_npy(call, protocol))
    return out.getvalue()


PICKLES: dict[str, Callable[[Call, int], bytes]] = {
    "pickle": pickled, "torch archive": as_torch, "npy": as_npy, "npz": as_npz
}  # fmt: skip


def tar_of(name: str, kind: bytes, mode: str, link: str = "/etc/passwd") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as file:  # type: ignore[call-overload]
        for each in ("fine.txt", name):
            entry = tarfile.TarInfo(each)
            entry.type, entry.linkname = (kind, link) if each == name else (tarfile.REGTYPE, "")
            file.addfile(entry, io.BytesIO(b""))
        if kind == tarfile.SYMTYPE:  # and a file through the link
            file.addfile(tarfile.TarInfo(f"{name}/through.txt"), io.BytesIO(b""))
    return out.getvalue()


def zip_of(name: str, mode: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for each in {"fine.txt": None, name: None}:  # once each: zipfile warns
            entry = zipfile.ZipInfo(each)
            entry.external_attr = (mode if each == name else 0o100644) << 16
            file.writestr(entry, b"/etc/passwd")
    return out.getvalue()


def gzip_zeros(size: int, start: bytes = b"") -> bytes:
    """A gzip file of ``start`` and ``size`` zeros, as members of one stream."""
    return gzip.compress(start) + gzip.compress(ZEROS) * (size // len(ZEROS))


def zip_zeros(name: str, size: int) -> bytes:
    """A zip file with one small member that its directory lists very often."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, npy_claim((len(ZEROS),)) + ZEROS)
    whole = out.getvalue()
    place = whole.index(b"PK\x01\x02")
    end = whole.index(b"PK\x05\x06")
    count = size // len(ZEROS)
    entries = whole[place:end] * count
    return whole[:place] + entries + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(entries), place, 0)


def npy_claim(shape: tuple[int, ...]) -> bytes:
    """The header of a .npy file of uint8 numbers, without its content."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return out.getvalue()


def mat_zeros(size: int) -> bytes:
    """A .mat file of version 5 whose one compressed variable is ``size`` zeros; its checksum is not reached."""
    pack = zlib.compressobj()
    head = pack.compress(struct.pack("<2L", 14, size) + ZEROS) + pack.flush(zlib.Z_FULL_FLUSH)
    piece = pack.compress(ZEROS) + pack.flush(zlib.Z_FULL_FLUSH)
    content = head + piece * (size // len(ZEROS))
    return b"MATLAB 5.0".ljust(124) + struct.pack("<H2s2L", 0x0100, b"IM", 15, len(content)) + content


def png_claim(side: int) -> bytes:
    """A PNG whose header claims ``side`` × ``side`` pixels."""
    out = io.BytesIO()
    Image.new("L", (1, 1)).save(out, "PNG")
    body = b"IHDR" + struct.pack(">2L", side, side) + out.getvalue()[24:29]
    return out.getvalue()[:12] + body + struct.pack(">L", zlib.crc32(body)) + out.getvalue()[33:]


def png_text(size: int) -> bytes:
    """A PNG with a compressed text of ``size`` zeros before its pixels."""
    out = io.BytesIO()
    Image.new("L", (1, 1)).save(out, "PNG")
    body = b"zTXt" + b"Comment\0\0" + zlib.compress(bytes(size), 1)
    chunk = struct.pack(">L", len(body) - 4) + body + struct.pack(">L", zlib.crc32(body))
    return out.getvalue()[:33] + chunk + out.getvalue()[33:]


def torch_claim(size: int) -> bytes:
    """A tensor of ``size`` numbers that are all one and the same in memory."""
    out = io.BytesIO()
    torch.save(torch.zeros(1).expand(size), out)
    return out.getvalue()


def tar_header_claim(size: int) -> bytes:
    """A packed tar file whose extended header is ``size`` zeros long."""
    entry = tarfile.TarInfo("././@PaxHeader")
    entry.type, entry.size = tarfile.XHDTYPE, size
    return gzip_zeros(size, entry.tobuf(tarfile.GNU_FORMAT))


GIB = 1 << 30
BOMBS: dict[str, Callable[[], bytes]] = {
    "zeros.npz": lambda: zip_zeros("x.npy", 16 * GIB),
    "claim.npy": lambda: npy_claim((10**12,)),
    "claim.npz": lambda: zip_zeros("x.npy", 4 * GIB),
    "claim.pt": lambda: torch_claim(10**12),
    "zeros.mat": lambda: mat_zeros(4 * GIB - len(ZEROS)),
    "zeros.svm.gz": lambda: gzip_zeros(16 * GIB),
    "claim.png": lambda: png_claim(60_000),
    "text.png": lambda: png_text(GIB // 8),
    "zeros.zip": lambda: zip_zeros("a", 16 * GIB),
    "zeros.tar.gz": lambda: gzip_zeros(16 * GIB),
    "header.tar.gz": lambda: tar_header_claim(2 * GIB),
    "claim.pickle": lambda: b"\x80\x04\x8e" + (2**40).to_bytes(8, "little"),
}
