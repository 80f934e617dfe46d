"""Text files in the encodings that users have."""

from pathlib import Path

import pytest

from dann.config.components import read_component
from dann.data.datasets.all_datasets import DOMAINS
from dann.data.readers.text_files import NAME, read_text
from dann.errors import BadInput

TEXT = "naïve café, приве́т, 漢字\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_marks_and_utf_8_need_no_option(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT.encode(encoding))
    assert read_text(tmp_path / "a.txt") == TEXT


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "gb18030"])
def test_a_named_encoding_is_used(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT.encode(encoding))
    assert read_text(tmp_path / "a.txt", encoding) == TEXT


def test_a_mark_outweighs_the_option(tmp_path: Path) -> None:
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        (tmp_path / "a.txt").write_bytes(TEXT.encode(encoding))
        assert read_text(tmp_path / "a.txt", "cp1252") == TEXT


@pytest.mark.parametrize(
    ("content", "encoding", "says"),
    [
        (b"one\ncaf\xe9\n", None, r"line 2: not UTF-8 text: .*set encoding: cp1252"),
        (b"one\n\x81", "cp1252", "line 2: not cp1252 text"),
        ("one".encode("utf-16") + b"x", None, "line 1: not utf-16 text"),
        ("one".encode("utf-16-le"), None, "zero bytes"),
        (b"\xef\xbb\xbf\xff", None, "not UTF-8 text"),
    ],
)
def test_other_bytes_are_named(tmp_path: Path, content: bytes, encoding: str | None, says: str) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(BadInput, match=says) as caught:
        read_text(tmp_path / "a.txt", encoding, NAME)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["klingon", "rot13", "hex", "utf-8\0", ""])
def test_names_of_no_encoding_are_refused(name: str) -> None:
    with pytest.raises(BadInput, match=r"encoding.*name of a text encoding"):
        read_component({"name": "texts", "path": "a.csv", "encoding": name}, "data.source", DOMAINS, "data set", "test")
