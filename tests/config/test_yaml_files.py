"""Reading of YAML: files that are refused in one line and in bounded time."""

from pathlib import Path

import pytest

from dann.config.sections import DataSection
from dann.config.yaml_files import BYTES, parse_yaml, read_yaml
from dann.errors import BadInput
from dann.options import validate

BOMB = "finding: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 20)
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "300,000 values"),
        ("&a [*a]", "alias"),
        ("[" * 300 + "]" * 300, "50 levels"),
        ("[" * 100_000, "nesting"),
        ("- " * 3000, "50 levels"),
        ("{a: " * 300, "50 levels"),
        ("".join(f"{key}: 1\n" for key in range(200_000)), "300,000 values"),
        ('title: "\\ud800"', "Unicode"),
        ("title: \udcff", "surrogates"),
        ("seed: " + "9" * 5000, "digits"),
        ("seed: 9223372036854775808", "64 bits"),
        ("seed: " + "59:" * 30 + "59", "64 bits"),
        ("a: !!timestamp x", "not valid YAML"),
        ("a: !!bool x", "not valid YAML"),
        ("a: !!int ''", "not valid YAML"),
        ("a: !!python/name:os.system x", "not valid YAML"),
        ("a: 1\n---\nb: 1", "another document"),
        ("a:\n\tb: 1", "not valid YAML"),
    ],
)
def test_a_text_that_no_experiment_has_is_refused(text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        parse_yaml(text, "here")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a: 1\n" * (BYTES // 5 + 1), "bytes"),
        ("title: t".encode("utf-16"), "UTF-8"),
        (bytes(range(256)), "UTF-8"),
    ],
)
def test_a_file_that_is_no_experiment_is_refused(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_bytes(content)
    with pytest.raises(BadInput, match=says):
        read_yaml(tmp_path / "file.yaml")


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfa: 1e-3\nb: [2]\n", b"a: 1e-3\r\nb: [2]\r\n"])
def test_a_mark_at_the_start_and_line_ends_of_windows_are_read(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_bytes(content)
    assert read_yaml(tmp_path / "file.yaml") == {"a": 1e-3, "b": [2]}


def test_a_merge_key_takes_the_keys_of_another_mapping() -> None:
    assert parse_yaml("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}", "here")["d"] == {"b": 1, "c": 3}


def test_an_alias_stands_for_its_value() -> None:
    assert parse_yaml("a: &x [1]\nb: *x", "here") == {"a": [1], "b": [1]}


@pytest.mark.parametrize("word", ["no", "on", "Yes", "OFF", "true", "null", "~", "1", "1.5", "1e3", "2024-01-31"])
def test_a_key_that_is_no_text_is_to_be_quoted(word: str) -> None:
    with pytest.raises(BadInput, match=f"a.yaml, line 3: .*key {word} is read as .*: quote it, as '{word}'"):
        parse_yaml(f"variants:\n  DANN: {{}}\n  {word}: {{}}\n", "a.yaml")
    assert parse_yaml(f"'{word}': 1", "a.yaml") == {word: 1}


def test_a_value_that_is_no_text_is_to_be_quoted() -> None:
    moons = {"name": "moons"}
    for words in ("[no, yes]", "[cat, 1]", "[null]", "[2024-01-31]"):
        content = {"source": moons, "target": moons, "target_classes": parse_yaml(words, "a.yaml")}
        with pytest.raises(BadInput, match=r"data\.target_classes\.\d: .*quote words such as no, on, null, 1"):
            validate(DataSection, content, "a.yaml", "data")
