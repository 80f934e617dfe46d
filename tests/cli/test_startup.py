"""Start-up of the command line without torch."""

import subprocess
import sys
from pathlib import Path

import pytest
from made_records import record_of
from tiny import TINY

from dann.config.experiment import Experiment, write_experiment
from dann.runner.records import write_record


@pytest.mark.parametrize("arguments", [["--help"], ["table", "runs"], ["status"]])
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


@pytest.mark.parametrize("arguments", [["--help"], ["describe", "--help"], ["fly"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    script = (
        "import sys; from dann.cli.main import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'pydantic', 'yaml', 'rich', 'argcomplete'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    finished = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
