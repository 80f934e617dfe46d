"""Downloads that resume and are checked."""

import contextlib
import hashlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

from dann.data.storage.download import Remote, compute_checksum, download
from dann.errors import BadInput

CONTENT = np.random.RandomState(0).bytes(300_000)


MD5, SHA = (f"{kind}:{hashlib.new(kind, CONTENT).hexdigest()}" for kind in ("md5", "sha256"))


class Server(BaseHTTPRequestHandler):
    """Serves ``CONTENT``: ``/ranges`` honours ranges, ``/whole`` does not, ``/cut`` ends early; the rest is 404.

    ``/endless`` says no length and goes on, ``/slow`` sends a byte at a time, ``/stalled`` nothing after the first.
    """

    asked: list[str]
    stopped: Event

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.asked.append(f"{self.path} {wanted}")
        kind = self.path.split("/")[1]
        if kind in {"endless", "slow", "stalled"}:
            self.send_response(200)
            self.end_headers()
            self._drip(bytes(100_000) if kind == "endless" else b"x", 100 if kind == "stalled" else 0.05)
            return
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

    def _drip(self, piece: bytes, pause: float) -> None:
        """Send until the other side hangs up, or the server stops."""
        with contextlib.suppress(OSError):
            while not self.stopped.wait(0 if len(piece) > 1 else pause):
                self.wfile.write(piece)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    Server.asked, Server.stopped = [], Event()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        thread = Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        Server.stopped.set()
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


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("endless", r"more than 1000000 bytes came, which were thrown away"),
        ("slow", r"fewer than 1024 bytes a second came"),
        ("stalled", r"timed out"),
    ],
)
def test_a_download_has_limits_of_size_and_time(
    kind: str, says: str, server: str, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("LARGEST", 1_000_000), ("PATIENCE", 0.3), ("TIMEOUT", 0.5)):
        monkeypatch.setattr(f"dann.data.storage.download.{name}", value)
    with pytest.raises(BadInput, match=rf"pictures is not in .*{says}.*put a.bin there"):
        fetch(f"{server}/{kind}/a.bin", data_folder)
    assert not (data_folder / "a.bin").exists() and (data_folder / "a.bin.part").exists() == (kind != "endless")
