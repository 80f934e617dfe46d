"""Files below a folder in which other processes work."""

import shutil
from pathlib import Path

from dann.files.file_search import find_files


def test_a_folder_that_vanishes_meanwhile_is_passed_over(tmp_path: Path) -> None:
    for name in ("seed-0.unfinished", "seed-1.unfinished"):
        (tmp_path / "dann" / name).mkdir(parents=True)
        (tmp_path / "dann" / name / "record.json").touch()
    found = find_files(tmp_path, "record.json")
    first = next(found).parent
    for other in set(first.parent.iterdir()) - {first}:
        shutil.rmtree(other)
    assert list(found) == []
    assert list(find_files(tmp_path, "record.json")) == [first / "record.json"]
    assert list(find_files(tmp_path / "none", "record.json")) == []
