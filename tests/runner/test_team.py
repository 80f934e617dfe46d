"""Runs of several processes: stages, refreshes, records and resuming as with one, and an end in one line."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import Silent, write_tiny

from dann.cli.main import main
from dann.config.experiment import read_experiment
from dann.errors import Stopped
from dann.runner.planning import launch
from dann.runner.records import Record, read_record
from dann.runner.team import Team
from dann.runner.team_start import lead_team

CPU = torch.device("cpu")
# Not AdamW, whose steps do not become smaller with the gradient: that of a bias before BatchNorm is a rounding error.
BASE = {"network": {"hidden": 8, "batch_norm": True}, "optimizer": {"name": "sgd", "lr": 0.1}}
ROWS: dict[str, Any] = {  # updates of parts, stages, refreshes, averages and rounds of self-training
    "MCD": {
        "method": {"name": "mcd", "num_k": 2},
        "train": {"keep_best": 4},
        "diagnose": {"examples": 20, "reverse_steps": 2},
    },
    "SHOT": {"method": {"name": "shot", "refreshes": 2}},
    "NRC": {"method": {"name": "nrc"}},
    "DIRT-T": {"method": {"name": "dirt_t", "refreshes": 2}, "train": {"ema": 0.9}},
    "rounds": {"self_training": {"start": 0.4, "rounds": 2, "select": "confidence"}},
}


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The number of threads as it was, and no process left behind."""
    monkeypatch.delenv("GLOO_SOCKET_IFNAME", raising=False)
    threads, before = torch.get_num_threads(), set(active_children())
    yield
    torch.set_num_threads(threads)
    assert set(active_children()) <= before


def launched(file: Path, folder: Path, team: Team | None = None, observer: Silent | None = None) -> list[Record]:
    """The records of an experiment's runs but for source only, in its order."""
    experiment = read_experiment(file)
    runs = list(experiment.runs(only=[row for row in experiment.variants if row != "source only"]))
    launch(experiment, runs, folder, CPU, observer or Silent(), file, team=team)
    return [read_record(folder / run.folder) for run in runs]


def largest_difference(folder: Path, other: Path) -> float:
    """Between the final weights and buffers of two runs."""
    one, two = (torch.load(each / "checkpoint.pt", weights_only=True)["method"] for each in (folder, other))
    assert one.keys() == two.keys()
    return max(float((value.float() - two[name].float()).abs().max()) for name, value in one.items() if value.numel())


@pytest.mark.slow
def test_runs_of_two_processes_are_those_of_one_and_resume_as_such(tmp_path: Path) -> None:
    base = BASE | {"data": {"batch_size": 15, "target_batch_size": 11}}
    file = write_tiny(tmp_path / "tiny.yaml", seeds=[0], base=base, variants=ROWS)
    alone = launched(file, tmp_path / "alone")
    one = write_tiny(tmp_path / "one/tiny.yaml", seeds=[0], base=BASE)
    whole = launched(one, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        launched(one, tmp_path / "begun alone", observer=Silent(stop_at=10))
    with lead_team(2, "cpu", local_norm=False) as team:
        assert team is not None
        together = launched(file, tmp_path / "together", team)
        assert launched(one, tmp_path / "begun alone", team, again := Silent())
    assert again.starts == [8]
    for record, other in zip(together, alone, strict=True):
        assert record.environment["devices"] == 2 and "devices" not in other.environment
        place = Path(record.run.folder)
        assert largest_difference(tmp_path / "together" / place, tmp_path / "alone" / place) < 1e-4, record.variant
        assert [each.keys() for each in record.evaluations] == [each.keys() for each in other.evaluations]
    with pytest.raises(KeyboardInterrupt), lead_team(2, "cpu", local_norm=False) as team:
        launched(one, tmp_path / "begun together", team, Silent(stop_at=10))
    launched(one, tmp_path / "begun together", observer=(after := Silent()))
    assert after.starts == [8]
    for begun in ("begun alone", "begun together"):
        for record in whole:
            place = Path(record.run.folder)
            assert largest_difference(tmp_path / begun / place, tmp_path / "whole" / place) < 1e-4


FAILING = '''
import os, signal
import torch.distributed as dist
from dann.methods.source_only import SourceOnly

class Failing(SourceOnly):
    """Source only that fails in one process, or in all."""

    def __init__(self, network, *, how: str, rank: int = 1) -> None:
        super().__init__(network)
        self.how, self.rank = how, rank
        if how == "built" and dist.is_initialized() and dist.get_rank() == rank:
            raise ValueError("a reason not to")

    def forward(self, batch, progress, phase):
        if progress >= 0.5 and dist.get_rank() == self.rank:
            if self.how == "raises":
                raise ArithmeticError("broken here")
            if self.how == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
        terms = super().forward(batch, progress, phase)
        return {name: term / (0.0 if self.how == "infinite" else 1.0) for name, term in terms.items()}

METHODS = {"failing": Failing}
'''


def write_failing(folder: Path, *rows: dict[str, Any]) -> Path:
    (folder / "failing.py").write_text(FAILING)
    variants = {str(number): {"method": {"name": "failing", **row}} for number, row in enumerate(rows)}
    return write_tiny(folder / "tiny.yaml", use=["failing.py"], seeds=[0], base=BASE, variants=variants, published={})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"how": "raises"}, "process 1 of 0 to 1: ArithmeticError: broken here"),
        ({"how": "raises", "rank": 0}, "process 0 of 0 to 1: ArithmeticError: broken here"),
        ({"how": "killed"}, "one of the 2 processes that train together has ended unexpectedly, perhaps out of memory"),
    ],
)
def test_an_error_in_one_process_ends_all_with_one_line(
    row: dict[str, Any],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    file = write_failing(tmp_path, row)
    monkeypatch.chdir(tmp_path)
    assert main(["run", str(file), "--devices", "2", "--device", "cpu", "--only", "0"]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"dann: 0, seed 0: {message}: the trace is in runs/tiny/0/seed-0")
    (trace,) = tmp_path.rglob("error.txt")
    assert row["how"] not in {"raises"} or 'raise ArithmeticError("broken here")' in trace.read_text()
    assert not list(tmp_path.rglob("record.json"))


@pytest.mark.slow
def test_a_run_that_cannot_be_made_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether one process refuses it, or all see the same numbers that are not finite."""
    file = write_failing(tmp_path, {"how": "built"}, {"how": "infinite"}, {"how": "not at all"})
    missed: list[str] = []
    monkeypatch.setattr(Silent, "missed", lambda self, run, reason, trace: missed.append(reason))
    experiment = read_experiment(file)
    with lead_team(2, "cpu", local_norm=True) as team:
        runs = list(experiment.runs(only=["0", "1", "2"]))
        launch(experiment, runs, tmp_path / "runs", CPU, Silent(), file, team=team)
    assert len(missed) == 1 and "a reason not to" in missed[0]
    infinite, made = (read_record(tmp_path / "runs" / run.folder) for run in runs[1:])
    assert infinite.failed is not None and infinite.failed.startswith("step 1: loss_label inf")
    assert made.failed is None and made.environment["batch_norm"] == "local"


@pytest.mark.slow
def test_a_signal_to_stop_leaves_a_checkpoint_of_all(tmp_path: Path) -> None:
    class Stopping(Silent):
        def advanced(self, run: Any, done: int, terms: dict[str, float]) -> None:
            if done == 6:
                os.kill(os.getpid(), signal.SIGTERM)

    file = write_tiny(tmp_path / "tiny.yaml", seeds=[0], base=BASE)
    with pytest.raises(Stopped), lead_team(2, "cpu", local_norm=False) as team:
        launched(file, tmp_path / "runs", team, Stopping())
    launched(file, tmp_path / "runs", observer=(after := Silent()))
    assert after.starts == [7]  # the end of the step after the one that was logged


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        (
            ["--devices", "2", "--set", "data.batch_size=1", "--seeds", "0"],
            {},
            "data.batch_size: 1 examples cannot be divided among 2",
        ),
        (["--devices", "2", "--jobs", "2"], {}, "--jobs 2: .* leave out --jobs"),
        (["--batch-norm", "local"], {}, "--batch-norm local: .* add --devices"),
        (["--devices", "3"], {"RANK": "0", "WORLD_SIZE": "2"}, "--devices 3: torchrun started 2 processes"),
    ],
)
def test_what_several_devices_cannot_do_is_refused(
    arguments: list[str],
    variables: dict[str, str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert main(["run", str(write_tiny(tmp_path / "tiny.yaml")), *arguments]) == 2
    assert re.search(message, capsys.readouterr().err)
    assert not list(tmp_path.rglob("config.json"))


@pytest.mark.slow
def test_torchrun_starts_the_processes(tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "tiny.yaml", seeds=[0], base=BASE)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "dann"]
    command = [*launch, "run", str(file), "--device", "cpu", "--only", "DANN"]
    variables = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "PYTHONPATH": str(Path(__file__).parents[2])}
    made = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=300)
    assert made.returncode == 0, made.stderr
    assert made.stdout.count("DANN, seed 0") == 1
    (record,) = [read_record(path.parent) for path in tmp_path.rglob("record.json")]
    assert record.environment["devices"] == 2
