"""The state of each run of an experiment, from its files and their times alone. Imports no torch.

Nothing is locked, written or signalled, so other processes, on this host or others, may be making the runs.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from dann.config.experiment import Experiment
from dann.config.experiment_run import Run
from dann.files.input_limits import check_regular
from dann.runner.experiment_records import read_records
from dann.runner.locks import Owner, find_owner
from dann.runner.record_schema import load_line
from dann.runner.records import CONFIGURATION, ERROR, METRICS, Record, unfinished_folder
from dann.runner.search_choice import planned_runs

State = Literal["running", "error", "failed", "interrupted", "queued", "finished", "not begun"]
STATES: tuple[State, ...] = get_args(State)  # in the order in which they are shown
MARKS = (b'"evaluation": true', b'"alarm": ')  # of the lines of metrics.jsonl that are read beside the last


@dataclass(frozen=True)
class RunStatus:
    """The state of one run.

    Args:
        state: ``running``: a process has its lock, and it is begun; ``queued``: a process has its lock and begins it
            later; ``interrupted``: begun, and no process has its lock; ``error``: the same, after an unexpected error;
            ``failed``: recorded, as its numbers stopped being finite; ``finished``: recorded with a result.
        step: number of steps done, as far as they are logged.
        steps: of the whole run; None for one that is not begun.
        seconds: wall time of the whole run by what is done of it, its share if trained with others; None if unknown.
        owner: the process that has its lock.
        logged: the time of the last sign of a run that is under way or interrupted, in seconds since the epoch.
        alarms: as in the record.
        by_clock: ``seconds`` is from the times of its files, as it has not been evaluated yet.
        reason: why the run failed, or the error.
    """

    run: Run
    state: State
    step: int = 0
    steps: int | None = None
    seconds: float | None = None
    owner: Owner | None = None
    logged: float | None = None
    alarms: list[dict[str, Any]] = field(default_factory=list)
    by_clock: bool = False
    reason: str = ""

    @property
    def share(self) -> float:
        """The share of its steps that is done, in [0, 1]."""
        return self.step / self.steps if self.steps else 0.0


def find_statuses(experiment: Experiment, folder: Path) -> list[RunStatus]:
    """The state of every run that an experiment asks for, as far as they are known, in the order of its rows.

    Raises:
        BadInput: a record, a configuration or a log cannot be read.
    """
    records = read_records(experiment, folder)
    return list_statuses(planned_runs(experiment, records.values()), records, folder)


def list_statuses(runs: Iterable[Run], records: Mapping[Path, Record], folder: Path) -> list[RunStatus]:
    """The same of some runs, of which ``records`` are there, by the folder of the run."""
    statuses = []
    for run in runs:
        place = folder / run.folder
        statuses.append(_recorded(run, records[place]) if place in records else _unrecorded(run, place))
    return list(_divide_clock(statuses))


def _recorded(run: Run, record: Record) -> RunStatus:
    steps = record.config.get("train", {}).get("steps")
    if record.failed is not None:
        last = max([int(each["step"]) for each in (*record.evaluations, *record.alarms)], default=0)
        return RunStatus(run, "failed", last, steps, alarms=record.alarms, reason=record.failed)
    return RunStatus(run, "finished", steps or 0, steps, record.seconds, alarms=record.alarms)


def _unrecorded(run: Run, place: Path) -> RunStatus:
    folder, owner = unfinished_folder(place), find_owner(place)
    if not (folder / CONFIGURATION).is_file():
        reason = _last_line(folder / ERROR)
        waiting: State = "queued" if owner is not None else "error" if reason else "not begun"
        return RunStatus(run, waiting, owner=owner, reason=reason if owner is None else "")
    begun = _begun(run, folder)
    if owner is not None:
        return replace(begun, owner=owner)
    reason = _last_line(folder / ERROR)
    return replace(begun, state="error" if reason else "interrupted", reason=reason)


def _begun(run: Run, folder: Path) -> RunStatus:
    """A run by its configuration and its log; ``running`` unless the caller knows better."""
    configuration, log = folder / CONFIGURATION, folder / METRICS
    try:
        steps = load_line(_content(configuration)).get("train", {}).get("steps")
        entries = list(_read_entries(_content(log)))
        began, logged = configuration.stat().st_mtime, log.stat().st_mtime
    except (OSError, ValueError, RecursionError):  # completed meanwhile, just begun, or damaged, which dann run reports
        return RunStatus(run, "running")
    step = entries[-1]["step"] if entries else 0
    evaluated = next((entry for entry in reversed(entries) if "seconds" in entry), None)
    seconds = None
    if steps and evaluated is not None and evaluated["step"]:
        seconds = evaluated["seconds"] * steps / evaluated["step"]
    elif steps and step:  # resumed before its first evaluation it is thought too fast
        seconds = (logged - began) * steps / step
    alarms = [entry for entry in entries if "alarm" in entry]
    return RunStatus(run, "running", step, steps, seconds, None, logged, alarms, by_clock=evaluated is None)


def _content(path: Path) -> bytes:
    check_regular(path)
    return path.read_bytes()


def _read_entries(content: bytes) -> Iterator[dict[str, Any]]:
    """The evaluations and alarms of a log and its last entry; without a line that is being written."""
    lines = content[: content.rfind(b"\n") + 1].splitlines()
    for number, line in enumerate(lines, 1):
        if number == len(lines) or any(mark in line for mark in MARKS):
            entry = json.loads(line)
            if not isinstance(entry, dict) or not isinstance(entry.get("step"), int):
                raise ValueError("not a log of this version")
            yield entry


def _last_line(path: Path) -> str:
    """The last line of a trace, which names the error; empty where there is none."""
    if not path.is_file():
        return ""
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "no details"


def _divide_clock(statuses: list[RunStatus]) -> Iterator[RunStatus]:
    """Divide the time of the clock among the runs that one process trains together."""
    together = Counter(each.owner for each in statuses if each.state == "running")
    for each in statuses:
        if each.by_clock and each.seconds is not None and each.owner is not None:
            yield replace(each, seconds=each.seconds / together[each.owner])
        else:
            yield each
