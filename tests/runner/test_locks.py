"""Locks on runs: one process at a time, takeover from owners that have ended, nothing left behind."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stacked_runs import CPU
from tiny import Silent, write_tiny

from dann.config.experiment import read_experiment
from dann.runner.locks import Held, Locks, lock_file
from dann.runner.planning import launch

HOLD = """
import sys, time
from pathlib import Path
from dann.runner.locks import Locks
with Locks().hold([Path(sys.argv[1])]):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_lock_names_its_owner_and_is_removed(tmp_path: Path) -> None:
    place = tmp_path / "dann/seed-3"
    with Locks().hold([place]):
        owner = json.loads((tmp_path / "dann/seed-3.lock").read_text())
        assert owner["host"] == socket.gethostname() and owner["pid"] == os.getpid()
        with pytest.raises(Held, match=f"process {os.getpid()} on "), Locks().hold([place]):
            pass
        assert lock_file(place).exists()  # still that of its owner
    assert not list(tmp_path.rglob("*.lock"))


def test_of_several_locks_all_or_none_are_held(tmp_path: Path) -> None:
    places = [tmp_path / f"seed-{seed}" for seed in range(3)]
    with Locks().hold(places[2:]):
        with pytest.raises(Held), Locks().hold(places):
            pass
        with Locks().hold(places[:2]):
            assert len(list(tmp_path.glob("*.lock"))) == 3


def test_the_lock_of_a_killed_owner_is_taken_over_at_once(tmp_path: Path) -> None:
    place = tmp_path / "seed-0"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(place)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None and owner.stdout.readline() == "held\n"
        with pytest.raises(Held, match=f"process {owner.pid} on "), Locks().hold([place]):
            pass
        owner.kill()
    assert lock_file(place).exists()
    with Locks().hold([place]):
        assert json.loads(lock_file(place).read_text())["pid"] == os.getpid()


def of_another_host(place: Path, age: float) -> Path:
    path = lock_file(place)
    path.write_text(json.dumps({"host": "elsewhere", "pid": 7, "since": "12:00:00"}))
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_the_lock_of_another_host_holds_while_it_gives_signs_of_life(tmp_path: Path) -> None:
    place = tmp_path / "seed-0"
    of_another_host(place, 100)
    with pytest.raises(Held, match="process 7 on elsewhere since 12:00:00"), Locks().hold([place]):
        pass
    of_another_host(place, 130)
    with Locks().hold([place]):
        pass


def test_an_owner_whose_clock_is_ahead_is_taken_over_when_it_is_seen_to_be_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, locks, now = tmp_path / "seed-0", Locks(), [1000.0]
    monkeypatch.setattr("dann.runner.locks.time.monotonic", lambda: now[0])
    path = of_another_host(place, -3600)
    for moment, sign in ((1000, -3600), (1100, -3600), (1150, -3700), (1260, -3700)):
        now[0] = moment
        os.utime(path, (2e9 - sign,) * 2)
        with pytest.raises(Held), locks.hold([place]):
            pass
    now[0] = 1271.0
    with locks.hold([place]):
        pass


def test_a_lock_without_readable_owner_is_no_obstacle(tmp_path: Path) -> None:
    (lock := lock_file(tmp_path / "seed-0")).write_text('{"host": "els')
    with Locks().hold([tmp_path / "seed-0"]):
        assert json.loads(lock.read_text())["pid"] == os.getpid()
    assert not lock.exists()


def test_a_lock_that_a_killed_process_left_beside_a_finished_run_is_removed(tmp_path: Path) -> None:
    experiment = read_experiment(file := write_tiny(tmp_path / "tiny.yaml", seeds=[0]))
    runs = list(experiment.runs(only=["DANN"]))
    launch(experiment, runs, tmp_path / "runs", CPU, Silent(), file)
    owner = {"host": socket.gethostname(), "pid": 2**22 + 1, "since": "10:00:00"}
    (tmp_path / "runs/dann/seed-0.lock").write_text(json.dumps(owner))
    launch(experiment, runs, tmp_path / "runs", CPU, Silent(), file)
    assert not list(tmp_path.rglob("*.lock"))


def test_the_lock_of_a_living_process_stays(tmp_path: Path) -> None:
    with Locks().hold([tmp_path / "seed-0"]):
        Locks().remove_left_over(tmp_path / "seed-0")
        assert lock_file(tmp_path / "seed-0").exists()
