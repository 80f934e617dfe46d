"""Names of folders, and names as terminals and spreadsheets show them."""

import re
from pathlib import Path

import pytest
import yaml
from tiny import TINY, write_tiny

from dann.config.experiment import read_experiment
from dann.config.naming import printable, slug, spreadsheet_text
from dann.errors import BadInput

HOSTILE = ["../../x", "/etc/passwd", "..", ".", "...", "-rf", "--out", "a\nb", "a\0b", "C:\\x", "..\\x", "a" * 4096,
           "é" * 4096, "CON", "nul.txt", "com1", "x.", "x ", " ", "\x1b[2J", "\udc80", "~", "$HOME", "experiment.yaml",
           "records.jsonl.xz", "bars.png", "*", "a\u202eb", "aux", "%2e%2e%2f"]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_any_name_is_one_folder_inside(name: str, tmp_path: Path) -> None:
    folder = slug(name)
    assert re.fullmatch(r"\w[\w.-]*", folder) and not folder.endswith((".", "-"))
    assert not re.fullmatch(r"(con|nul|aux|com1)(\..*)?|\w+\.(yaml|png|jsonl\.gz)", folder) or folder[0] == "_"
    (tmp_path / folder / "seed-0.unfinished").mkdir(parents=True)
    assert [path.name for path in tmp_path.iterdir()] == [folder] and len(folder.encode()) <= 150


def test_names_that_are_plain_are_kept() -> None:
    assert slug("DANN, λ = 1") == "dann-λ-1" and slug("a → b") == "a-to-b" and slug("0.1") == "0.1"
    assert slug("a" * 5000) != slug("a" * 5001) and slug("A" * 150) == "a" * 150


@pytest.mark.parametrize(("one", "other"), [("DANN!", "dann"), ("a/b", "a b"), ("..", "."), ("x.", "X")])
def test_two_names_of_one_folder_are_refused(one: str, other: str, tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "x.yaml")
    file.write_text(yaml.safe_dump(TINY | {"variants": {one: {}, other: {}}, "published": {}}))
    with pytest.raises(BadInput, match="two runs would share the folder"):
        read_experiment(file)


def test_what_is_shown_moves_no_cursor() -> None:
    assert printable("Katze, 猫, λ = 1, नमस्ते, 👩\u200d🔬") == "Katze, 猫, λ = 1, नमस्ते, 👩\u200d🔬"
    assert printable("a\x1b[2J\r\n\tb\u202ec\x9bd\udc80\u2028\x00") == r"a\x1b[2J\r\n\tb\u202ec\x9bd\udc80\u2028\x00"


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd", "-x", "@sum", "\t=1", "\r=1", " =1", "a;=1", "a\n=1", "＝1", "-1+1", "1;-2|x"]
)
def test_no_cell_of_a_spreadsheet_is_a_formula(text: str) -> None:
    for cell in re.split(r"[,;|\t\r\n]", spreadsheet_text(text)):
        assert not re.match(r"\s*[=+\-@＝]", cell)


@pytest.mark.parametrize("text", ["-1", "+1.5", "1e-5", "a-b", "a=b", "photos/x.png", "a, b", "'quoted'"])
def test_numbers_and_names_are_kept_in_a_spreadsheet(text: str) -> None:
    assert spreadsheet_text(text) == text
