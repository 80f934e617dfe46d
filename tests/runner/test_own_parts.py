"""Runs made with files of the user's own: refused once a file changed, and never executed by reading their folders."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from complaints import complaint
from made_records import record_of
from own_parts import FILE, METHOD_ONLY, TEXT, write_own
from tiny import TINY, Silent

import dann
from dann.cli.main import main
from dann.config.experiment import read_experiment
from dann.errors import BadInput
from dann.runner.own_parts import library_of_record
from dann.runner.planning import launch
from dann.runner.records import read_record

CPU = torch.device("cpu")
RUN = Path("runs/own/own/seed-0")
# Whoever executes the file leaves a trace.
TRACED = f"{TEXT}\nimport os, pathlib\npathlib.Path(os.environ['OWN_TRACE']).touch()\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an experiment, its file of parts, the runs of a row of each kind, and inputs to predict."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OWN_TRACE", str(tmp_path / "trace"))
    base = TINY["base"] | METHOD_ONLY
    file = write_own(tmp_path, TRACED, base=base, variants={"plain": {"method": {"name": "source_only"}}, "own": {}})
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs()), Path("runs/own"), CPU, Silent(), file)
    assert (tmp_path / "trace").is_file()
    np.save("x.npy", np.zeros((3, 2), np.float32))
    return tmp_path


def test_a_changed_file_is_refused_and_its_runs_alone_are_made_again(project: Path, capsys: Any) -> None:
    before = {name: (Path("runs/own") / name / "seed-0/record.json").read_bytes() for name in ("plain", "own")}
    (project / FILE).write_text(TEXT.replace("self.weight * distance", "2 * self.weight * distance"))
    message = complaint(capsys, "run", "own.yaml")
    assert f"{RUN}: own, seed 0 was made with other data or weights: the method variances (my_parts.py " in message
    assert "more" not in message and "dann run own.yaml --redo changed makes changed runs again" in message
    assert main(["run", "own.yaml", "--redo", "changed"]) == 0
    after = {name: (Path("runs/own") / name / "seed-0/record.json").read_bytes() for name in ("plain", "own")}
    assert after["plain"] == before["plain"] and after["own"] != before["own"]
    assert "2 * self.weight" in (RUN / "use" / FILE).read_text()


def test_a_run_that_was_begun_with_another_file_does_not_go_on(project: Path, capsys: Any) -> None:
    shutil.rmtree(RUN)
    experiment = read_experiment(project / "own.yaml")
    with pytest.raises(KeyboardInterrupt):
        launch(experiment, list(experiment.runs()), Path("runs/own"), CPU, Silent(stop_at=8), project / "own.yaml")
    (project / FILE).write_text(TEXT + "\n")
    message = complaint(capsys, "run", "own.yaml")
    assert "own, seed 0 was begun with other data or weights: the method variances (my_parts.py " in message


@pytest.mark.slow
def test_worker_processes_execute_the_file_as_it_was_read(project: Path) -> None:
    first = read_record(RUN)
    shutil.rmtree("runs")
    assert main(["run", "own.yaml", "--jobs", "2"]) == 0
    again = read_record(RUN)
    assert again.evaluations == first.evaluations and again.checksums == first.checksums


def test_reading_runs_executes_nothing(project: Path, capsys: Any) -> None:
    (project / "trace").unlink()
    (project / FILE).unlink()
    for command in (["table", "runs/own"], ["plot", "runs/own"], ["report", "runs/own", "--out", "page"]):
        assert main(command) == 0
    capsys.readouterr()
    for command in (["predict", RUN, "x.npy"], ["export", RUN, "--format", "torch_export"], ["verify", RUN],
                    ["verify", "runs/own"]):  # fmt: skip
        message = complaint(capsys, *command)
        assert "its method variances is code of my_parts.py, which runs only at your word: read it" in message
        assert f"add --use {RUN / 'use' / FILE}" in message
    with pytest.raises(BadInput, match="runs only at your word"):
        dann.load(RUN)
    assert not (project / "trace").exists()
    assert main(["predict", "runs/own/plain/seed-0", "x.npy", "--use", str(RUN / "use" / FILE)]) == 0
    assert not (project / "trace").exists()  # this run needs no such file


@pytest.mark.slow
def test_a_run_is_used_and_verified_with_its_copy(project: Path, capsys: Any) -> None:
    (project / FILE).write_text("METHODS = {}")
    copy = str(RUN / "use" / FILE)
    for command in (["predict", RUN, "x.npy"], ["export", RUN, "--format", "torch_export"], ["verify", "runs/own"]):
        assert main([*map(str, command), "--use", copy]) == 0
    assert "2 runs: 2 equal to the last bit" in capsys.readouterr().out
    assert dann.ensemble([RUN], use=[copy]).predict(np.load("x.npy")).shape == (3, 2)
    message = complaint(capsys, "predict", RUN, "x.npy", "--use", FILE)
    assert f"its method variances is of my_parts.py as it was; {FILE} is another (checksum " in message
    assert message.endswith(f": give --use {copy}\n")
    assert "as it was" in complaint(capsys, "verify", "own.yaml")  # the experiment file allows its own files
    Path(copy).write_text("METHODS = {}")  # changed in the folder: not what the record says
    assert f"{copy} is another" in complaint(capsys, "predict", RUN, "x.npy", "--use", copy)
    Path(copy).unlink()
    assert f"add --use with that file (its copy {copy} is gone)" in complaint(capsys, "predict", RUN, "x.npy")


@pytest.mark.slow
def test_an_experiment_file_is_verified_with_the_files_it_names(project: Path, capsys: Any) -> None:
    assert main(["verify", "own.yaml", "--only", "own"]) == 0
    assert "1 run: 1 equal to the last bit" in capsys.readouterr().out


@pytest.mark.parametrize("origin", ["", "no-such-package 1.0", "no_space", "../../evil.py 0", "evil.py 0", " 1"])
def test_a_record_that_names_odd_origins_is_refused(origin: str) -> None:
    record = replace(record_of("own", 0), checksums={"own method variances": origin})
    with pytest.raises(BadInput, match=f"{RUN}: its method variances is"):
        library_of_record(record, (), RUN)


def test_a_rule_of_ones_own_needs_its_validator(tmp_path: Path, capsys: Any) -> None:
    file = write_own(
        tmp_path, base=TINY["base"] | METHOD_ONLY | {"diagnose": {"examples": 20}}, selections=["own.margin"]
    )
    message = complaint(capsys, "run", file, "--out", tmp_path / "runs")
    assert "selections: own.margin needs diagnose.validators with margin, which is not in it: add it" in message
