"""Start-up times: the help, a table of many records, and the first step of a run."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import contest
from contest import PAUSE, Ended, spread, timed
from report import Plan, Result, goal, goals, number, table
from tasks import TASKS

from dann.config.experiment import EXPERIMENT, Experiment, read_experiment, write_experiment
from dann.config.merging import merge
from dann.errors import BadInput
from dann.runner.experiment_records import read_records
from dann.runner.records import RECORD

RECORDED = Path("results/quickstart")
QUICKSTART = Path("experiments/quickstart.yaml")
HELP, TABLE, MOONS, DIGITS = "dann --help", "dann table", "dann run, moons", "dann run, MNIST → MNIST-M"
LIMITS = {HELP: 0.3, TABLE: 1.0}
LONGEST = 300.0  # seconds that a first step may take


def command() -> list[str]:
    """The command `dann` of this Python environment."""
    script = Path(sys.executable).with_name("dann")
    return (
        [str(script)]
        if script.is_file()
        else [sys.executable, "-c", "import sys; from dann.cli.main import main; sys.exit(main())"]
    )


def measure(plan: Plan) -> Result:
    count, records = plan.pick(5, 1), plan.pick(1000, 4)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_records(folder / "records", records)
        asks: dict[str, Callable[[], float | None]] = {
            HELP: lambda: whole(["--help"]),
            TABLE: lambda: whole(["table", str(folder / "records")]),
            MOONS: lambda: first_step(moons(), folder, plan),
        }
        if not plan.tiny:
            asks[DIGITS] = lambda: first_step(TASKS["digits"], folder, plan)
        lost: dict[str, str] = {}
        careful = {label: lambda ask=ask, label=label: record_failure(ask, label, lost) for label, ask in asks.items()}
        if not plan.tiny:
            timed(careful, 1, 0.0)  # warms up: decodes into the cache, reads files
        times = timed(careful, count, plan.pick(PAUSE, 0.0))
    figures = {label: spread(values) for label, values in times.items()}
    entries = [goal(f"{label}{f', {records} records' * (label == TABLE)}, seconds", "≤", limit,
                    figures[label]["median"] if label in figures else None, lost.get(label, ""))
               for label, limit in LIMITS.items()]  # fmt: skip
    content = {"seconds": figures, "goals": entries, "not measured": lost}
    return Result("How long a start takes", content, {"rounds": count, "records": records},
                  page(figures, entries, lost, count, records))  # fmt: skip


def record_failure(ask: Callable[[], float | None], label: str, lost: dict[str, str]) -> float | None:
    try:
        return ask()
    except Ended as error:
        lost[label] = str(error)
        return None


def whole(arguments: list[str]) -> float:
    """Seconds that a `dann` command takes."""
    began = time.perf_counter()
    done = subprocess.run([*command(), *arguments], capture_output=True, text=True)
    took = time.perf_counter() - began
    if done.returncode:
        raise Ended((done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1])
    return took


def moons() -> dict[str, Any]:
    """The configuration of the quickstart's first task."""
    if not QUICKSTART.is_file():
        raise BadInput(f"{QUICKSTART} is not here: run it in a clone of the repository")
    return next(read_experiment(QUICKSTART).runs(["DANN"], [0])).declared


def first_step(base: dict[str, Any], folder: Path, plan: Plan) -> float:
    """Seconds from the start of `dann run` to the first line of the run's log, written after its first step."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        place = Path(name)
        base = merge(base, {"train": {"steps": 10**6, "evaluate_every": 10**6, "log_every": 1}})
        content = {"title": "First step", "seeds": [0], "base": base, "variants": {"DANN": {}}}
        (place / "one.yaml").write_text(json.dumps(content), encoding="utf-8")
        line = [*command(), "run", str(place / "one.yaml"), "--out", str(place / "runs"), "--device", plan.device]
        with tempfile.TemporaryFile("w+") as errors:
            began = time.perf_counter()
            process = contest.start_process(line, os.environ | {"OMP_NUM_THREADS": str(plan.threads)}, errors)
            try:
                while not any(file.stat().st_size for file in place.rglob("metrics.jsonl")):
                    time.sleep(0.002)
                    if process.poll() is not None or time.perf_counter() - began > LONGEST:
                        errors.seek(0)
                        raise Ended((errors.read().strip().splitlines() or ["no step within five minutes"])[-1])
                return time.perf_counter() - began
            finally:
                process.kill()
                process.wait()
                process.stdin.close()
                process.stdout.close()


def write_records(folder: Path, count: int) -> None:
    """Write an experiment of ``count`` runs whose records are copies of a real one with other rows and seeds."""
    if not RECORDED.is_dir():
        raise BadInput(f"{RECORDED} is not here: run it in a clone of the repository")
    records = read_records(read_experiment(RECORDED / EXPERIMENT), RECORDED)
    record = vars(records[RECORDED / "digits-over-photos/dann/seed-0"])
    seeds = min(count, 100)
    variants = {f"lr = 0.00{row + 1}": {"optimizer": {"lr": (row + 1) / 1000}} for row in range(count // seeds)}
    experiment = Experiment(title="Many records", seeds=list(range(seeds)), base=record["declared"], variants=variants)
    for run in experiment.runs():
        rate = {"optimizer": {"lr": run.declared["optimizer"]["lr"]}}
        own = {"task": None, "variant": run.variant, "seed": run.seed, "declared": run.declared}
        place = folder / run.folder
        place.mkdir(parents=True)
        content = record | own | {"config": merge(record["config"], rate)}
        (place / RECORD).write_text(json.dumps(content), encoding="utf-8")
    write_experiment(experiment, folder / EXPERIMENT)


def page(
    figures: dict[str, Any], entries: list[dict[str, Any]], lost: dict[str, str], count: int, records: int
) -> list[str]:
    rows = [
        [label, number(at["median"]), f"{number(at['low'])} – {number(at['high'])}"] for label, at in figures.items()
    ]
    rows += [[label, f"not measured: {why}", ""] for label, why in lost.items()]
    return [
        *goals(entries),
        *table(["command", "s", "lowest – highest"], rows),
        f"Medians of {count} rounds that time each command once, as processes of their own, after one that warms up. "
        f"`{TABLE}` is of one experiment with {records} records. `dann run` is timed until its first step is in the "
        "log: imports, data from the cache, networks and that step.",
        "",
    ]
