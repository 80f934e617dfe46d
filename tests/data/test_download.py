"""Downloads that resume and are checked, and archives that cannot write outside their folder."""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from dann.data.storage.archives import unpack
from dann.data.storage.download import Remote, compute_checksum, download
from dann.errors import BadInput

CONTENT = np.random.RandomState(0).bytes(300_000)
MD5, SHA = (f"{kind}:{hashlib.new(kind, CONTENT).hexdigest()}" for kind in ("md5", "sha256"))


class Server(BaseHTTPRequestHandler):
    """Serves ``CONTENT``; ``/ranges`` honours ranges, ``/whole`` does not, ``/cut`` ends early, the rest is 404."""

    asked: list[str]

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.asked.append(f"{self.path} {wanted}")
        kind = self.path.split("/")[1]
        first = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and kind == "ranges" else 0
        if kind not in {"ranges", "whole", "cut"}:
            self.send_error(404)
        elif first >= len(CONTENT):
            self.send_error(416)
        else:
            self.send_response(206 if first else 200)
            self.send_header("Content-Length", str(len(CONTENT) - first))
            self.end_headers()
            self.wfile.write(CONTENT[first : 100_000 if kind == "cut" else None])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    Server.asked = []
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        thread = Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def fetch(url: str, folder: Path, expected: str = SHA) -> list[Path]:
    return download("pictures", [Remote(url, expected)], folder, "put a.bin there")


@pytest.mark.parametrize("expected", [MD5, SHA])
def test_a_file_is_fetched_once_and_checked(server: str, data_folder: Path, expected: str) -> None:
    (path,) = fetch(f"{server}/ranges/a.bin?raw=1", data_folder / "pictures", expected)
    assert path == data_folder / "pictures/a.bin" and path.read_bytes() == CONTENT
    fetch(f"{server}/ranges/a.bin", data_folder / "pictures", expected)
    assert len(Server.asked) == 1 and not list(data_folder.rglob("*.part"))
    assert compute_checksum(path) == SHA


@pytest.mark.parametrize("kind", ["ranges", "whole"])
def test_an_interrupted_download_goes_on(server: str, data_folder: Path, kind: str) -> None:
    (data_folder / "a.bin.part").write_bytes(CONTENT[:123_456])
    (path,) = fetch(f"{server}/{kind}/a.bin", data_folder)
    assert path.read_bytes() == CONTENT
    assert Server.asked == [f"/{kind}/a.bin bytes=123456-"]


def test_a_download_that_only_lacked_its_check_is_finished(server: str, data_folder: Path) -> None:
    (data_folder / "a.bin.part").write_bytes(CONTENT)
    assert fetch(f"{server}/ranges/a.bin", data_folder)[0].read_bytes() == CONTENT


def test_a_connection_that_breaks_keeps_what_came(server: str, data_folder: Path) -> None:
    with pytest.raises(BadInput, match=r"pictures is not in .* could not be downloaded .*: put a.bin there"):
        fetch(f"{server}/cut/a.bin", data_folder)
    assert (data_folder / "a.bin.part").read_bytes() == CONTENT[:100_000]
    assert fetch(f"{server}/ranges/a.bin", data_folder)[0].read_bytes() == CONTENT
    assert Server.asked[1] == "/ranges/a.bin bytes=100000-"


def test_another_file_than_the_published_one_is_thrown_away(server: str, data_folder: Path) -> None:
    with pytest.raises(BadInput, match=r"a.bin has md5:\w+, not md5:0+, and was thrown away"):
        fetch(f"{server}/ranges/a.bin", data_folder, "md5:" + "0" * 32)
    assert not list(data_folder.glob("a.bin*"))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("{server}/gone/a.bin", "404"),
        ("http://127.0.0.1:1/a.bin", "refused"),
        ("http://no.such.host.invalid/a.bin", r"could not be downloaded \(.+\)"),
    ],
)
def test_offline_or_gone_says_what_to_do(server: str, data_folder: Path, url: str, says: str) -> None:
    with pytest.raises(BadInput, match=f"pictures is not in .*{says}.*put a.bin there"):
        fetch(url.format(server=server), data_folder)
    assert not list(data_folder.glob("*.bin"))


# Archives


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


OUTSIDE = ["../x", "a/../../x", "/etc/x", "..\\x", "\\x", "C:\\x", "a/..\\..\\x"]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("make", [zipped, tarred])
def test_names_outside_the_folder_are_refused(tmp_path: Path, name: str, make: Callable[..., bytes]) -> None:
    (tmp_path / "a").write_bytes(make("fine.txt", name))
    with pytest.raises(BadInput, match=r"outside the folder.*do not trust"):
        unpack(tmp_path / "a", tmp_path / "out/put")
    assert not (tmp_path / "out/put").exists() and {path.name for path in tmp_path.iterdir()} == {"a", "out"}
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    (tmp_path / "a").write_bytes(tarred("fine.txt", kind=kind))
    with pytest.raises(BadInput, match="link or a device"):
        unpack(tmp_path / "a", tmp_path / "out")
    (tmp_path / "b").write_bytes(zipped("link", link=True))
    with pytest.raises(BadInput, match="is a link"):
        unpack(tmp_path / "b", tmp_path / "out")
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
