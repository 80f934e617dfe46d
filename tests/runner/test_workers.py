"""Worker processes: each unit is done once and reported in order, and none is left behind; the progress display."""

import errno
import io
import multiprocessing
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial, partialmethod
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from rich.console import Console

from dann.cli.progress import Progress
from dann.config.experiment_run import Run
from dann.errors import BadInput
from dann.runner import workers


def never(unit: int, reason: str) -> list[int]:
    raise AssertionError(f"unit {unit} was lost: {reason}")


class Heard:
    """An observer that keeps all calls, and may break off at one."""

    def __init__(self, stop_at: str | None = None) -> None:
        self.stop_at, self.calls = stop_at, []

    def hear(self, call: str, *arguments: Any) -> None:
        self.calls.append((call, *arguments))
        if call == self.stop_at:
            raise KeyboardInterrupt

    loaded, started, advanced, finished = map(partialmethod, 4 * [hear], ["loaded", "started", "advanced", "finished"])


def run(seed: int) -> Run:
    return Run(None, "DANN", seed, {})


def report_all(unit: int, observer: Any) -> None:
    """A unit that makes every call of the observer."""
    process = multiprocessing.current_process()
    data = {"pid": os.getpid(), "daemon": process.daemon, "threads": torch.get_num_threads()}
    observer.loaded(data | {"folder": os.getcwd(), "variable": os.environ.get("DANN_TEST")})
    observer.started(run(unit), 0, 3)
    for step in (1, 2, 3):
        observer.advanced(run(unit), step, {"label": step / 2})
    observer.finished(run(unit), None, True)


def one_fails(unit: int, observer: Any, folder: Path, fail: Callable[[], None]) -> None:
    """Unit 0 ends by ``fail`` once unit 1, which never ends, has begun; others only leave files."""
    try:
        (folder / f"{unit}.begun").write_text(str(os.getpid()))
        while unit == 0:
            time.sleep(0.01)
            if begun(folder):
                fail()
        while unit == 1:
            time.sleep(0.01)
            observer.advanced(run(unit), 1, {})
    finally:
        (folder / f"{unit}.ended").touch()


def begun(folder: Path) -> bool:
    return (folder / "1.begun").exists() and (folder / "1.begun").read_text() != ""


def fail_with(error: BaseException) -> None:
    raise error


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def deaf(unit: int, observer: Any) -> None:
    """Neither speaks nor stops when asked to."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    observer.loaded({"pid": os.getpid()})
    time.sleep(600)


def gone(pid: int) -> bool:
    """Whether the process ends within seconds."""
    for _ in range(1000):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def test_each_unit_is_done_once_and_reported_in_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    workers.spread([], report_all, 2, Heard(), never)
    monkeypatch.setenv("DANN_TEST", "set after the server of workers started")
    monkeypatch.chdir(tmp_path)
    observer = Heard()
    workers.spread(range(5), report_all, 2, observer, never)
    for unit in range(5):
        calls = [call for call in observer.calls if call[0] != "loaded" and call[1] == run(unit)]
        steps = [("advanced", run(unit), step, {"label": step / 2}) for step in (1, 2, 3)]
        assert calls == [("started", run(unit), 0, 3), *steps, ("finished", run(unit), None, True)]
    loaded = [data for call, data, *_ in observer.calls if call == "loaded"]
    pids = {data.pop("pid") for data in loaded}
    assert len(pids) <= 2 and os.getpid() not in pids and all(map(gone, pids))
    there = {"folder": str(tmp_path), "variable": "set after the server of workers started"}
    assert loaded == [{"daemon": False, "threads": 1} | there] * 5


@pytest.mark.parametrize(
    "error",
    [
        BadInput("photos: no such folder"),
        OSError(errno.ENOSPC, "No space left on device", "runs/metrics.jsonl"),
        FileNotFoundError(errno.ENOENT, "No such file or directory", "photos"),
        MemoryError("1 TiB"),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_the_command_line_knows_is_raised_as_it_was(error: BaseException, tmp_path: Path) -> None:
    with pytest.raises(type(error)) as raised:
        workers.spread(range(3), partial(one_fails, folder=tmp_path, fail=partial(fail_with, error)), 2, Heard(), never)
    assert type(raised.value) is type(error) and raised.value.args == error.args
    assert getattr(raised.value, "filename", None) == getattr(error, "filename", None)
    assert_all_ended(tmp_path)


def assert_all_ended(folder: Path) -> None:
    assert all(gone(int(path.read_text())) for path in folder.glob("*.begun"))
    assert (folder / "1.ended").exists()  # it was let clean up
    assert not (folder / "2.begun").exists()
    assert not multiprocessing.active_children()


def test_another_exception_comes_with_its_trace(tmp_path: Path) -> None:
    fail = partial(fail_with, ValueError("a surprise"))
    with pytest.raises(RuntimeError, match=r"(?s)in a worker process:.*in fail_with.*ValueError: a surprise"):
        workers.spread(range(3), partial(one_fails, folder=tmp_path, fail=fail), 2, Heard(), never)
    assert_all_ended(tmp_path)


def dies(unit: int, observer: Any, folder: Path, times: int) -> None:
    """Unit 0 is killed ``times`` times, with a process that it started; others report that they are done."""
    tries = len(list(folder.glob(f"{unit}.*")))
    (folder / f"{unit}.{tries}").write_text(str(os.getpid()))
    if unit == 0 and tries < times:
        child = subprocess.Popen(["sleep", "600"])
        (folder / f"child.{tries}").write_text(str(child.pid))
        die()
    observer.finished(run(unit), None, True)


def test_a_killed_worker_is_replaced_and_its_unit_tried_once_more(tmp_path: Path) -> None:
    observer = Heard()
    workers.spread(range(4), partial(dies, folder=tmp_path, times=1), 2, observer, never)
    assert sorted(call[1].seed for call in observer.calls) == [0, 1, 2, 3]
    assert all(gone(int(path.read_text())) for path in tmp_path.iterdir())  # children too
    assert not multiprocessing.active_children()


def test_a_unit_whose_workers_are_killed_twice_is_lost_and_the_others_are_done(tmp_path: Path) -> None:
    observer, lost = Heard(), []
    workers.spread(range(4), partial(dies, folder=tmp_path, times=9), 2, observer,
                   lambda unit, reason: lost.append((unit, reason)) or [])  # fmt: skip
    assert sorted(call[1].seed for call in observer.calls) == [1, 2, 3]
    reason = "its process ended unexpectedly (killed by signal 9, perhaps out of memory: try fewer --jobs)"
    assert lost == [(0, reason)] and len(list(tmp_path.glob("0.*"))) == 2
    assert not multiprocessing.active_children()


def elsewhere(unit: int, observer: Any, folder: Path) -> str | None:
    """Another process has unit 0 until all others are done and it has been waited for."""
    if unit == 0 and not (folder / "over").exists():
        return "process 7 on elsewhere"
    observer.finished(run(unit), None, True)
    return None


class Patient(Heard):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def waiting(self, owner: str) -> None:
        self.hear("waiting", owner)
        (self.folder / "over").touch()


def test_a_unit_that_another_process_has_comes_last(tmp_path: Path) -> None:
    observer = Patient(tmp_path)
    workers.spread(range(4), partial(elsewhere, folder=tmp_path), 2, observer, never)
    calls = [call[1] if call[0] == "waiting" else call[1].seed for call in observer.calls]
    assert sorted(calls[:3]) == [1, 2, 3] and calls[3:] == ["process 7 on elsewhere", 0]


def test_interruption_ends_the_workers(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        workers.spread([1], partial(one_fails, folder=tmp_path, fail=die), 2, Heard(stop_at="advanced"), never)
    assert_all_ended(tmp_path)


def test_worker_that_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "GRACE", 0.2)
    observer = Heard(stop_at="loaded")
    with pytest.raises(KeyboardInterrupt):
        workers.spread([0], deaf, 1, observer, never)
    assert gone(observer.calls[0][1]["pid"]) and not multiprocessing.active_children()


def busy(unit: int, observer: Any, folder: Path) -> None:
    """Works for long without a word to its parent."""
    (folder / "1.begun").write_text(str(os.getpid()))
    while True:
        sum(range(1000))


def mute(folder: Path) -> None:
    workers.PRELOADED = ["dann.runner.workers"]  # a server of its own need not import more
    workers.spread([1], partial(busy, folder=folder), 1, Heard(), never)


def test_workers_end_when_their_parent_is_killed_whatever_they_do(tmp_path: Path) -> None:
    parent = multiprocessing.get_context("forkserver").Process(target=mute, args=(tmp_path,))
    parent.start()
    while not begun(tmp_path):
        assert parent.is_alive()
        time.sleep(0.01)
    parent.kill()
    parent.join()
    assert gone(int((tmp_path / "1.begun").read_text()))


RECORD: Any = SimpleNamespace(
    evaluations=[{"target_test": 0.5, "source_test": 0.75}],
    seconds=3.0,
    failed=None,
    of_numbers=False,
    config={"data": {"source": {"name": "moons"}}},
)


class Screen:
    """A progress display of width 100, its clock and what it says."""

    def __init__(self, runs: int, terminal: bool = True) -> None:
        self.time = 50.0
        self.said = io.StringIO()
        console = Console(file=self.said, width=100, force_terminal=terminal, get_time=lambda: self.time)
        self.progress = Progress(runs, console)

    def lines(self) -> list[str]:
        console = Console(file=io.StringIO(), width=100)
        with console.capture() as capture:
            console.print(self.progress.bars.get_renderable())
        return [line.rstrip() for line in capture.get().splitlines()]


def test_single_run_is_shown_with_its_number() -> None:
    screen = Screen(3)
    assert len(screen.lines()) == 1 and screen.lines()[0].startswith("loading")
    screen.progress.finished(run(0), RECORD, False)
    screen.progress.started(run(1), 0, 100)
    screen.progress.advanced(run(1), 25, {"label": 0.5, "domain": 0.69})
    (line,) = screen.lines()
    assert line.startswith("[2/3] DANN, seed 1 ━") and " 25% " in line
    assert line.endswith("label loss 0.500, domain loss 0.690")
    screen.progress.finished(run(1), RECORD, True)
    assert len(screen.lines()) == 1 and screen.lines()[0].startswith("2 of 3 runs") and " 67% " in screen.lines()[0]


def test_several_runs_are_shown_with_a_line_for_all() -> None:
    screen = Screen(4)
    screen.progress.finished(run(0), RECORD, False)
    screen.progress.started(run(1), 50, 100)  # resumed
    screen.progress.started(run(2), 0, 10)
    assert screen.lines()[-1].endswith("-:--:--")
    screen.time += 60
    screen.progress.advanced(run(1), 75, {"label": 0.5})
    screen.progress.advanced(run(2), 5, {"label": 0.25})
    one, other, both = screen.lines()
    assert one.startswith("DANN, seed 1 ━") and " 75% " in one and one.endswith("label loss 0.500")
    assert other.startswith("DANN, seed 2 ━") and " 50% " in other and other.endswith("label loss 0.250")
    assert both.startswith("1 of 4 runs ") and " 56% " in both
    assert both.endswith("0:02:20")  # 0.75 of a run was made in a minute, 1.75 are left
    screen.progress.finished(run(1), RECORD, True)
    assert len(screen.lines()) == 1 and screen.lines()[0].startswith("[3/4] DANN, seed 2 ━")


def test_many_runs_take_few_lines() -> None:
    screen = Screen(61)
    for seed in range(60):
        screen.progress.started(run(seed), 0, 100)
    assert len(screen.lines()) == 10
    assert screen.lines()[7].startswith("DANN, seed 7 ") and screen.lines()[8] == "and 52 more"
    assert screen.lines()[9].startswith("0 of 61 runs ")
    for seed in range(55):
        screen.progress.finished(run(seed), RECORD, True)
    assert [line[:12] for line in screen.lines()] == [f"DANN, seed 5{i}"[:12] for i in range(5, 10)] + ["55 of 61 run"]


def test_narrow_line_keeps_the_name() -> None:
    screen = Screen(1)
    long = Run("rotated moons", "DANN with a name that is quite long", 0, {})
    screen.progress.started(long, 0, 100)
    screen.progress.advanced(long, 50, dict.fromkeys(("label", "domain", "entropy", "source"), 0.5))
    (line,) = screen.lines()
    assert long.name in line and " 50% " in line and line.endswith("…")


def test_a_line_end_in_a_name_begins_no_line() -> None:
    screen = Screen(1, terminal=False)
    odd = replace(run(0), variant="a\n[1/1] DANN")
    with screen.progress as progress:
        progress.started(odd, 0, 100)
        progress.warned(odd, 50, "collapse")
        progress.finished(odd, RECORD, True)
    warned, finished = screen.said.getvalue().strip().splitlines()
    assert warned.startswith(r"a\n[1/1] DANN, seed 0, step 50") and finished.startswith(r"[1/1] a\n[1/1] DANN, seed 0")


def test_piped_display_says_lines_only() -> None:
    side = {"name": "moons", "train": 20, "test": 30}
    data = {"source": side, "target": side, "class_counts": {"train": [10, 10], "target_test": [15, 15]},
            "imbalance": 1.0, "trained_on": 20, "protocol": "as published"}  # fmt: skip
    screen = Screen(2, terminal=False)
    with screen.progress as progress:
        for seed in (0, 1):
            progress.loaded(data)  # each of two workers
            progress.started(run(seed), 0, 100)
        for step in (50, 100):
            progress.advanced(run(1), step, {"label": float("nan")})
        progress.warned(run(1), 100, "divergence: the label loss is not finite: a lower learning rate may help")
        for seed in (1, 0):
            progress.finished(run(seed), RECORD, seed == 1)
    assert screen.said.getvalue().strip().splitlines() == [
        "moons → moons: 20 labelled (10, 10 a class, imbalance ratio 1.00), 20 unlabelled, 30 target test examples; "
        "as published",
        "DANN, seed 1, step 100: divergence: the label loss is not finite: a lower learning rate may help",
        "[1/2] DANN, seed 1: target 50.0 %, source 75.0 %, 3 s",
        "[2/2] DANN, seed 0: target 50.0 %, source 75.0 %, already there",
    ]
