"""What the command line does without torch."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from made_records import record_of
from tiny import TINY

from dann.cli.main import main
from dann.config.experiment import Experiment, write_experiment
from dann.runner.records import write_record


@pytest.mark.parametrize("arguments", [["--help"], ["table", "runs"]])
def test_help_and_table_import_no_torch(arguments: list[str], tmp_path: Path) -> None:
    write_record(record_of("DANN", 0), tmp_path / "runs/dann/seed-0")
    write_experiment(Experiment(**TINY), tmp_path / "runs/experiment.yaml")
    script = (
        "import sys; from dann.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'torchvision', 'matplotlib', 'sklearn'} & set(sys.modules), 'imported'"
    )
    command = [sys.executable, "-c", script, *arguments]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout


def test_list_describes_everything_in_a_line_each(capsys: Any) -> None:
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    entries = [line for line in lines if line.startswith("  ")]
    assert {"digits_m", "moons", "gtsrb", "source_only", "dann", "sgd"} <= {line.split()[0] for line in entries}
    assert all(len(line.split(maxsplit=1)) == 2 and len(line) < 140 for line in entries)
