"""Files that are written whole, and what is left of those whose writer was killed."""

import subprocess
import sys
from pathlib import Path

import pytest

from dann.files.atomic_files import open_whole, write_whole

WRITE = """
import os, signal, sys
from pathlib import Path
from dann.files.atomic_files import open_whole
with open_whole(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_had_written_is_removed_by_the_next_writer(tmp_path: Path) -> None:
    path = tmp_path / "a [1].json"
    write_whole(path, b"old")
    subprocess.run([sys.executable, "-c", WRITE, str(path)], check=False)
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 2
    write_whole(path, b"new")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"new"]


def test_two_files_that_are_being_written_do_not_disturb_each_other(tmp_path: Path) -> None:
    path, living = tmp_path / "a.json", tmp_path / "a.json.1.tmp"  # process 1 lives
    living.write_bytes(b"half")
    with open_whole(path) as file:
        file.write(b"whole")
    assert path.read_bytes() == b"whole" and living.exists()


def test_an_error_names_the_file_and_not_its_temporary_name(tmp_path: Path) -> None:
    path = tmp_path / f"{'a' * 245}.json"  # with the number of the process too long for a file system
    with pytest.raises(OSError) as caught:
        write_whole(path, b"new")
    assert caught.value.filename == str(path)
