"""The record of reliability and its page."""

import json
import sys
from pathlib import Path
from types import ModuleType

import measure
import pytest
from measured_parts import read_parts
from outcome import Outcome
from reliability import COMMAND, PAGE, RECORD, render_parts

from dann.errors import BadInput

ROOT = Path(__file__).parent.parent.parent


def part(wrong: int) -> ModuleType:
    made = ModuleType("made")
    made.measure = lambda cases, seed, folder: [Outcome("a fault", "one | line", cases, wrong, "x")]  # type: ignore[attr-defined]
    return made


def test_a_part_is_written_beside_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record, page = tmp_path / "reliability.json", tmp_path / "reliability.md"
    monkeypatch.setitem(sys.modules, "fuzz", part(0))
    monkeypatch.setitem(sys.modules, "kills", part(2))
    where = ["--record", str(record), "--page", str(page), "--cases", "7"]
    assert measure.main(["fuzz", *where]) == 0
    assert measure.main(["kills", *where]) == 1
    parts = read_parts(record, COMMAND)
    assert {name: each["outcomes"][0]["wrong"] for name, each in parts.items()} == {"fuzz": 0, "kills": 2}
    assert page.read_text() == render_parts(parts)
    assert r"| a fault | one \| line | 7 | 2 | x |" in page.read_text()


def test_a_damaged_record_is_refused(tmp_path: Path) -> None:
    record = tmp_path / "reliability.json"
    record.write_text(json.dumps([1]))
    with pytest.raises(BadInput, match="make faults"):
        read_parts(record, COMMAND)


def test_the_committed_page_is_made_of_its_record() -> None:
    if not (ROOT / RECORD).is_file():
        pytest.skip("nothing was measured yet")
    assert (ROOT / PAGE).read_text(encoding="utf-8") == render_parts(read_parts(ROOT / RECORD, COMMAND))
