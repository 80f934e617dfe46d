"""Archives that cannot write outside their folder, and damaged ones."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dann.data.storage.archives import unpack
from dann.errors import BadInput

CONTENT = np.random.RandomState(0).bytes(300_000)


def zipped(*names: str, link: bool = False) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name in names:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o120777 if link else 0o100644) << 16
            file.writestr(entry, CONTENT[:5000])
    return content.getvalue()


def tarred(*names: str, kind: bytes = tarfile.REGTYPE, mode: str = "w:gz") -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as file:  # type: ignore[call-overload]
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.type, entry.size, entry.linkname = kind, 5000 if kind == tarfile.REGTYPE else 0, "/etc/passwd"
            file.addfile(entry, io.BytesIO(CONTENT[:5000]) if entry.size else None)
    return content.getvalue()


@pytest.mark.parametrize("make", [zipped, tarred, lambda *names: tarred(*names, mode="w:bz2"),
                                  lambda *names: tarred(*names, mode="w")])  # fmt: skip
def test_archives_are_unpacked(tmp_path: Path, make: Callable[..., bytes]) -> None:
    (tmp_path / "a").write_bytes(make("one/x.bin", "two/deep/y.bin"))
    unpack(tmp_path / "a", tmp_path / "out/put")
    assert (tmp_path / "out/put/one/x.bin").read_bytes() == CONTENT[:5000]
    assert (tmp_path / "out/put/two/deep/y.bin").is_file()


def test_a_link_to_a_member_that_is_not_there_is_damage(tmp_path: Path) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as file:
        entry = tarfile.TarInfo("x.bin")
        entry.type, entry.linkname = tarfile.LNKTYPE, "y.bin"
        file.addfile(entry)
    (tmp_path / "a").write_bytes(content.getvalue())
    with pytest.raises(BadInput, match=r"a is damaged .*y\.bin.*: download it again"):
        unpack(tmp_path / "a", tmp_path / "out")
    assert not (tmp_path / "out").exists()


OUTSIDE = ["../x", "a/../../x"]


WINDOWS = ["..\\x", "\\x", "C:\\x", "a/..\\..\\x"]


@pytest.mark.parametrize(
    ("make", "name"),
    [*((tarred, name) for name in OUTSIDE), *((zipped, name) for name in (*OUTSIDE, "/etc/x", *WINDOWS))],
)
def test_names_outside_the_folder_are_refused(tmp_path: Path, name: str, make: Callable[..., bytes]) -> None:
    (tmp_path / "a").write_bytes(make("fine.txt", name))
    with pytest.raises(BadInput, match=r"outside the .*do not trust"):
        unpack(tmp_path / "a", tmp_path / "out/put")
    assert not (tmp_path / "out/put").exists() and {path.name for path in tmp_path.iterdir()} == {"a", "out"}
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("name", ["/etc/x", *WINDOWS])
def test_an_absolute_name_in_a_tar_stays_in_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "a").write_bytes(tarred("fine.txt", name))
    unpack(tmp_path / "a", tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"a", "out"}
    assert len([path for path in (tmp_path / "out").rglob("*") if path.is_file()]) == 2


def test_a_python_without_the_filter_of_tar_files_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(tarred("fine.txt"))
    monkeypatch.delattr(tarfile, "data_filter")
    with pytest.raises(BadInput, match=r"cannot unpack it safely: update it to 3\.10\.12"):
        unpack(tmp_path / "a", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_outside_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    (tmp_path / "a").write_bytes(tarred("fine.txt", kind=kind))
    with pytest.raises(BadInput, match=r"(link to an absolute path|is a special file): do not trust"):
        unpack(tmp_path / "a", tmp_path / "out")
    (tmp_path / "b").write_bytes(zipped("link", link=True))
    with pytest.raises(BadInput, match="is a link"):
        unpack(tmp_path / "b", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("make", [tarred, lambda *names: tarred(*names, mode="w")])
def test_no_member_is_written_over_another(tmp_path: Path, make: Callable[..., bytes]) -> None:
    (tmp_path / "a").write_bytes(make("one/x.bin", "two.bin", "one/x.bin"))
    with pytest.raises(BadInput, match=r"one/x\.bin is there twice: do not trust"):
        unpack(tmp_path / "a", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "behind the end"])
def test_an_archive_unpacks_to_a_limit(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dann.files.input_limits.SMALL", 300_000)
    monkeypatch.setattr("dann.data.storage.archives.PADDING", 1 << 20)
    content = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("zeros", bytes(4_000_000))
    else:
        with tarfile.open(fileobj=content, mode="w:gz") as file:
            entry = tarfile.TarInfo("zeros")
            entry.size = 4_000_000 if kind == "tar.gz" else 0
            file.addfile(entry, io.BytesIO(bytes(entry.size)))
    behind = gzip.compress(bytes(4_000_000)) if kind == "behind the end" else b""
    (tmp_path / "a").write_bytes(content.getvalue() + behind)
    with pytest.raises(BadInput, match=r"(unpacks to more than \d+ bytes|goes on after its end).*: do not trust"):
        unpack(tmp_path / "a", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("make", [zipped, tarred, lambda *names: tarred(*names, mode="w")])
@pytest.mark.parametrize("damage", ["empty", "half", "text", "flipped", "cut by one"])
def test_damaged_archives_are_named(tmp_path: Path, make: Callable[..., bytes], damage: str) -> None:
    content = make("one/x.bin", "two/y.bin")
    middle = len(content) // 2
    damaged = {
        "empty": b"",
        "half": content[:middle],
        "text": b"<html>moved</html>",
        "flipped": content[:middle]
        + bytes(255 - byte for byte in content[middle : middle + 8])
        + content[middle + 8 :],
        "cut by one": content[:-1],
    }[damage]
    (tmp_path / "a").write_bytes(damaged)
    try:
        unpack(tmp_path / "a", tmp_path / "out")
    except BadInput as error:
        assert str(tmp_path / "a") in str(error) and "download it again" in str(error)
        assert not (tmp_path / "out").exists()
    else:  # an uncompressed tar has no check of its content, nor needs its last padding
        assert make not in (zipped, tarred) and damage in {"flipped", "cut by one", "half"}
