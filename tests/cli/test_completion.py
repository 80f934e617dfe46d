"""Completion, by the protocol that shells speak: a command line in the environment, candidates on a stream."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import write_tiny

from dann.cli.arguments import KINDS
from dann.cli.completion import names_of
from dann.cli.kinds import entries

SEPARATOR = "\013"


def completed(line: str, folder: Path) -> list[str]:
    """The candidates for the last word of a command line."""
    out = folder / "candidates"
    environment = os.environ | {
        "_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": SEPARATOR, "_ARGCOMPLETE_STDOUT_FILENAME": str(out),
        "COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_TYPE": "9",
    }  # fmt: skip
    command = [sys.executable, "-X", "importtime", "-c", "from dann.cli.main import main; main()"]
    finished = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    assert finished.returncode == 0 and " torch\n" not in finished.stderr, finished.stderr
    return [candidate.strip() for candidate in out.read_text().split(SEPARATOR)]


@pytest.mark.parametrize(
    ("line", "candidates"),
    [
        ("dann des", {"describe"}),
        ("dann describe op", {"optimiser"}),
        ("dann describe method deep", {"deep_coral"}),
        ("dann describe rule so", {"source_val"}),
        ("dann describe metric macro_", {"macro_precision", "macro_f1"}),
        ("dann table x --selection mi", {"mixval"}),
        ("dann run x --dry", {"--dry-run"}),
        ("dann data show mnist", {"mnist", "mnist_m"}),
        ("dann data show ti", {"tiny.yaml"}),
        ("dann run tiny.yaml --only ", {"source\\ only", "DANN"}),
        ("dann run none.yaml --only ", {""}),
        ("dann reco", {"recommend"}),
        ("dann recommend turns.yaml --task ", {"10.0°", "30.0°"}),
    ],
)
def test_candidates(line: str, candidates: set[str], tmp_path: Path) -> None:
    write_tiny(tmp_path / "tiny.yaml")
    write_tiny(tmp_path / "turns.yaml", tasks={f"{degrees}°": {} for degrees in (10.0, 30.0)})
    assert set(completed(line, tmp_path)) == candidates


@pytest.mark.parametrize("kind", KINDS)
def test_names_read_from_source_files_are_those_of_the_registry(kind: str) -> None:
    assert names_of(kind) == list(entries(kind))
