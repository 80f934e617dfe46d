"""Standard output without a reader, and on a full disk."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from dann.cli.standard_streams import lasting_streams
try:
    with lasting_streams():
        for number in range(20000):
            print(number)
    print("made", file=sys.stderr)
except OSError as error:
    print(error.strerror, file=sys.stderr)
"""


@pytest.mark.parametrize("options", [[], ["-u"]])
def test_a_program_goes_on_without_its_reader(options: list[str]) -> None:
    with subprocess.Popen(
        [sys.executable, *options, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "0\n"
        process.stdout.close()
        assert process.stderr.read() == "made\n" and process.wait() == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_an_error_once() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", PROGRAM], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.stderr == "No space left on device\n" and done.returncode == 0
