"""The benchmark measures and writes what it says, with next to nothing to measure; no time is asserted."""

import json
import math
import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import pytest

from dann.data.loading.read_ahead import start_fork_server
from dann.runner import workers as jobs

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
SPEED = ROOT / "experiments" / "speed"
PARTS = ("steps", "roofline", "growth", "start", "replicas", "jobs", "data")
PEER = """#!{python}
import json, sys
peer = sys.argv[2]
print("a library that prints")
if peer == "skada":
    print(json.dumps({{"broken": "no such estimator"}}))
    sys.exit(3)
print("ready", json.dumps({{"versions": {{peer: "1.0"}}, "repairs": []}}), flush=True)
for line in sys.stdin:
    print("noise", flush=True)
    print(int(line) * 0.5, flush=True)
"""


class Forked:
    """A script in a process that has torch already: what `subprocess.Popen` would start, sooner."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        context = multiprocessing.get_context("forkserver")
        ours, theirs = zip(context.Pipe(duplex=False)[::-1], context.Pipe(duplex=False), strict=True)
        # ours: the writing end of its input, the reading end of its output
        arguments = list(command[1:]) if command[0] == sys.executable else list(command)
        self.process = context.Process(target=run_script, args=(arguments, dict(environment), *theirs))
        self.process.start()
        self.stdin, self.stdout = (os.fdopen(os.dup(end.fileno()), mode) for end, mode in zip(ours, "wr", strict=True))
        for end in (*ours, *theirs):
            end.close()

    @property
    def pid(self) -> int | None:
        return self.process.pid

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self, timeout: float | None = None) -> int | None:
        self.process.join(timeout)
        return self.process.exitcode

    def kill(self) -> None:
        self.process.kill()


def run_script(arguments: list[str], environment: dict[str, str], stdin: Connection, stdout: Connection) -> None:
    os.environ.update(environment)
    sys.stdin, sys.stdout = os.fdopen(os.dup(stdin.fileno())), os.fdopen(os.dup(stdout.fileno()), "w")
    sys.argv, sys.path[:0] = arguments, [str(Path(arguments[0]).parent)]
    runpy.run_path(arguments[0], run_name="__main__")


@pytest.fixture
def speed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The modules of experiments/speed can be imported, from the root of the repository, and are gone afterwards."""
    before = set(sys.modules)
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(SPEED))
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(SPEED)):
            del sys.modules[name]


@pytest.fixture
def forking(speed: None, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    import contest

    # What the optimiser's first step and the digits import takes seconds otherwise, in each process.
    monkeypatch.setattr(jobs, "PRELOADED", [*jobs.PRELOADED, "torch._dynamo", "sklearn.datasets"])
    start_fork_server(jobs.PRELOADED)
    popen = contest.start_process

    def started(command: Sequence[str], environment: Mapping[str, str], errors: IO[str]) -> Any:
        ours = command[0] == sys.executable or Path(command[0]).name == "dann"
        return Forked(command, environment) if ours else popen(command, environment, errors)

    monkeypatch.setattr(contest, "start_process", started)
    return contest


def numbers(content: Any) -> list[float]:
    if isinstance(content, dict):
        content = list(content.values())
    if isinstance(content, list):
        return [number for part in content for number in numbers(part)]
    return [content] if isinstance(content, int | float) else []


def measured(part: str, folder: Path, *options: str) -> tuple[dict[str, Any], str]:
    """The JSON file and the page of a part."""
    import bench

    assert bench.main([part, "--tiny", "--threads", "1", "--out", str(folder), *options]) == 0
    return json.loads((folder / f"{part}.json").read_text()), (folder / f"{part}.md").read_text()


@pytest.mark.parametrize("part", ["growth", "start", "replicas", "jobs"])
def test_a_part_writes_finite_figures_and_a_page(part: str, forking: None, tmp_path: Path) -> None:
    content, page = measured(part, tmp_path)
    found = numbers(content["figures"])
    assert len(found) > 5 and all(math.isfinite(number) for number in found)
    assert content["environment"]["threads"] == 1 and content["environment"]["torch"] in page
    assert page.startswith("# ") and "not measured: " not in page.replace("not measured: no GPU at hand", "")


def test_steps_beside_peers_that_speak_the_protocol_or_cannot(forking: None, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(PEER.format(python=sys.executable))
    python.chmod(0o755)
    content, page = measured("steps", tmp_path / "out", "--peers", str(python))
    task = content["figures"]["tasks"]["tiny digits"]
    assert all(math.isfinite(number) for number in numbers(content["figures"]))
    assert {"dann", "bare update, fp32", "bare update, bf16"} <= set(task["ways"])
    assert task["ways"]["dalib, no workers"]["ms"]["median"] == task["ways"]["dalib, 2 workers"]["ms"]["median"] == 500
    assert task["not measured"] == {"skada": "no such estimator"}
    assert "not measured: no such estimator" in page and "pytorch-adapt 1.0" in page
    assert len([entry for entry in content["figures"]["goals"] if entry["measured"] is not None]) == 4


def test_steps_without_peers_say_so(forking: None, tmp_path: Path) -> None:
    content, page = measured("steps", tmp_path)
    assert set(content["figures"]["tasks"]["tiny digits"]["not measured"]) == {"pytorch-adapt", "dalib", "skada"}
    assert "not measured: a test without them" in page


def test_what_ends_too_early_is_lost_and_says_why(speed: None) -> None:
    from contest import start_contest

    ending = "import sys; print('ready'); sys.stdout.flush(); print(1.5 * int(input())); sys.exit('out of luck')"
    lasting = "import sys; print('ready', flush=True); [print(2, flush=True) for line in sys.stdin]"
    commands = {"ends": [sys.executable, "-c", ending], "fails": [sys.executable, "-c", "import nothing_of_the_name"],
                "lasts": [sys.executable, "-c", lasting]}  # fmt: skip
    with start_contest(commands, 1) as contest:
        assert set(contest.lost) == {"fails"} and "nothing_of_the_name" in contest.lost["fails"]
        times = contest.rounds({"ends": ("ends", "2"), "lasts": ("lasts", "1")}, 2, 0.0)
    assert times == {"lasts": [2.0, 2.0]} and contest.lost["ends"] == "out of luck"


def test_ratios_are_of_rounds_and_goals_are_judged(speed: None) -> None:
    from contest import ratio
    from report import goal, goals, number

    assert ratio([2.0, 9.0, 8.0], [1.0, 3.0, 2.0]) == {"median": 3, "low": 2, "high": 4}
    entries = [goal("a", "≥", 5, 5.1), goal("b", "≤", 1.1, 1.11), goal("c", "≤", 2.5, None, "no GPU")]
    assert [entry["met"] for entry in entries] == [True, False, None]
    lines = "\n".join(goals(entries))
    assert "| a | 5.1 | ≥ 5 | met |" in lines and "| ≤ 1.1 | missed |" in lines and "not measured: no GPU" in lines
    assert [number(value) for value in (1234567.0, 0.1234, None)] == ["1234567", "0.123", "—"]


def test_the_peers_to_install_are_those_of_peers_py(speed: None) -> None:
    from environments import requirements

    assert {"pytorch-adapt", "dalib", "skada", "setuptools<81"} <= set(requirements())


def test_an_unknown_part_is_bad_input() -> None:
    finished = subprocess.run([sys.executable, SPEED / "bench.py", "speed"], capture_output=True, text=True)
    assert finished.returncode == 2
    assert finished.stderr == "bench: speed: no part of that name: choose from " + ", ".join(PARTS) + "\n"


def test_make_bench_runs_the_script_on_parts_and_a_device() -> None:
    command = ["make", "--dry-run", "--assume-old=.venv/installed", "bench", "PARTS=steps start", "DEVICE=cuda"]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # also under make test
    shown = subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True, check=True).stdout
    assert shown == ".venv/bin/python experiments/speed/bench.py steps start --device cuda\n"
