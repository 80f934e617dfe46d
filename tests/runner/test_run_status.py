"""States of runs, and the time left, from files alone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from made_records import record_of
from tiny import TINY, Silent, write_tiny
from unfinished_runs import OWNER, evaluation, losses, write_lock, write_unfinished

from dann.config.experiment import Experiment, read_experiment
from dann.runner.locks import STALE, Locks, Owner
from dann.runner.planning import launch
from dann.runner.records import ERROR, METRICS, unfinished_folder, write_record
from dann.runner.run_status import RunStatus, find_statuses
from dann.runner.time_left import TimeLeft, estimate_time_left

EXPERIMENT = Experiment(**TINY)  # rows "source only" and "DANN", seeds 0 and 1, each of 12 steps
ALARM = {"alarm": "collapse", "step": 20, "text": "few classes"}


def statuses(folder: Path) -> dict[str, RunStatus]:
    return {each.run.name: each for each in find_statuses(EXPERIMENT, folder)}


def write_finished(folder: Path, variant: str, seed: int, seconds: float = 60.0) -> None:
    record = replace(record_of(variant, seed), seconds=seconds, config={"train": {"steps": 40}})
    write_record(record, folder / record.run.folder)


def test_nothing_is_begun(tmp_path: Path) -> None:
    found = statuses(tmp_path)
    assert list(found) == ["source only, seed 0", "source only, seed 1", "DANN, seed 0", "DANN, seed 1"]
    assert {each.state for each in found.values()} == {"not begun"}
    assert estimate_time_left(list(found.values())) == TimeLeft()


def test_states_of_runs(tmp_path: Path) -> None:
    write_finished(tmp_path, "source only", 0)
    failed = replace(record_of("source only", 1), failed="step 7: loss_label nan", alarms=[ALARM])
    write_record(failed, tmp_path / failed.run.folder)
    write_unfinished(tmp_path / "dann/seed-0", [losses(10), evaluation(20, 5.0), ALARM, losses(30)])
    write_lock(tmp_path / "dann/seed-0")
    write_lock(tmp_path / "dann/seed-1")
    done, broken, running, queued = statuses(tmp_path).values()
    assert (done.state, done.step, done.steps, done.seconds) == ("finished", 40, 40, 60.0)
    assert (broken.state, broken.reason, broken.alarms) == ("failed", "step 7: loss_label nan", [ALARM])
    assert (running.state, running.step, running.steps, running.owner) == ("running", 30, 40, OWNER)
    assert running.seconds == 10.0 and running.alarms == [ALARM] and running.share == 0.75
    assert (queued.state, queued.owner) == ("queued", OWNER)


def test_a_run_without_heartbeat_is_interrupted(tmp_path: Path) -> None:
    folder = write_unfinished(tmp_path / "dann/seed-0", [losses(10)])
    write_lock(tmp_path / "dann/seed-0", age=STALE + 5)
    state = statuses(tmp_path)["DANN, seed 0"]
    assert (state.state, state.step, state.owner) == ("interrupted", 10, None)
    (folder / ERROR).write_text("Traceback\n  in step\nRuntimeError: shapes\n")
    state = statuses(tmp_path)["DANN, seed 0"]
    assert (state.state, state.reason) == ("error", "RuntimeError: shapes")
    write_lock(tmp_path / "dann/seed-0")  # another try is under way
    assert (state := statuses(tmp_path)["DANN, seed 0"]).state == "running" and not state.reason


def test_an_error_before_the_first_step(tmp_path: Path) -> None:
    unfinished_folder(tmp_path / "dann/seed-1").mkdir(parents=True)
    (unfinished_folder(tmp_path / "dann/seed-1") / ERROR).write_text("KeyError: 'x'\n")
    assert statuses(tmp_path)["DANN, seed 1"].state == "error"


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


@pytest.mark.parametrize(
    ("damage", "step"),
    [
        (_cut, 10),  # its last line is being written
        (Path.unlink, 0),  # just begun
        (lambda path: path.write_text("5\n"), 0),
        (lambda path: path.write_text('{"step": "x"}\n'), 0),
        (lambda path: path.write_bytes(b""), 0),
    ],
)
def test_a_log_that_is_being_written_is_read_as_far_as_it_is(
    damage: Callable[[Path], object], step: int, tmp_path: Path
) -> None:
    folder = write_unfinished(tmp_path / "dann/seed-0", [losses(10), losses(20)])
    write_lock(tmp_path / "dann/seed-0")
    damage(folder / METRICS)
    assert (state := statuses(tmp_path)["DANN, seed 0"]).state == "running" and state.step == step


def test_a_damaged_lock_is_none(tmp_path: Path) -> None:
    write_unfinished(tmp_path / "dann/seed-0", [losses(10)])
    write_lock(tmp_path / "dann/seed-0")
    (tmp_path / "dann/seed-0.lock").write_text("{")
    assert statuses(tmp_path)["DANN, seed 0"].state == "interrupted"


def test_looking_at_a_lock_does_not_take_it(tmp_path: Path) -> None:
    with Locks().hold([tmp_path / "dann/seed-0"]):
        found = statuses(tmp_path)["DANN, seed 0"]
    assert found.state == "queued" and found.owner is not None
    assert statuses(tmp_path)["DANN, seed 0"].state == "not begun"


def test_the_time_left_is_shared_by_the_processes_at_work(tmp_path: Path) -> None:
    write_finished(tmp_path, "source only", 0, 30.0)
    write_unfinished(tmp_path / "dann/seed-0", [evaluation(10, 20.0)])  # 80 s in all, 60 of them left
    write_lock(tmp_path / "dann/seed-0")
    write_lock(tmp_path / "source-only/seed-1", Owner("node-8", 1, "12:00:00"))  # 30 s, as its row
    found = list(statuses(tmp_path).values())  # and DANN, seed 1: 80 s
    assert estimate_time_left(found) == TimeLeft(60.0 + 30.0 + 80.0, 85.0)
    write_lock(tmp_path / "dann/seed-1")  # held by the process of seed 0, after which it comes
    assert estimate_time_left(list(statuses(tmp_path).values())) == TimeLeft(170.0, 140.0)


def test_the_time_left_without_a_process_is_not_known(tmp_path: Path) -> None:
    write_finished(tmp_path, "source only", 0, 30.0)
    assert estimate_time_left(list(statuses(tmp_path).values())) == TimeLeft(90.0, None)


def test_before_the_first_evaluation_the_clock_gives_the_pace(tmp_path: Path) -> None:
    for seed in (0, 1):  # one process trains both together
        write_unfinished(tmp_path / f"dann/seed-{seed}", [losses(10)], began=50.0)
        write_lock(tmp_path / f"dann/seed-{seed}")
    found = statuses(tmp_path)
    assert found["DANN, seed 0"].seconds == pytest.approx(50.0 * 4 / 2, rel=0.1)
    assert estimate_time_left(list(found.values())).wait == pytest.approx(2 * 75.0 + 2 * 100.0, rel=0.1)


def test_a_run_that_was_really_stopped(tmp_path: Path) -> None:
    """What the runner writes is what is read."""
    file = write_tiny(tmp_path / "tiny.yaml")
    experiment = read_experiment(file)
    runs = list(experiment.runs(["DANN"], [0]))
    with pytest.raises(KeyboardInterrupt):
        launch(experiment, runs, tmp_path / "runs", torch.device("cpu"), Silent(stop_at=6), file)
    (stopped,) = [each for each in find_statuses(experiment, tmp_path / "runs") if each.state != "not begun"]
    assert (stopped.run.name, stopped.state, stopped.step, stopped.steps) == ("DANN, seed 0", "interrupted", 6, 12)
    assert stopped.seconds is not None and stopped.seconds > 0 and not stopped.by_clock
    launch(experiment, runs, tmp_path / "runs", torch.device("cpu"), Silent(), file)
    (made,) = [each for each in find_statuses(experiment, tmp_path / "runs") if each.state != "not begun"]
    assert (made.state, made.step, made.steps) == ("finished", 12, 12)
