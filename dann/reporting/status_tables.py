"""The tables of ``dann status``: how far experiments are, and the runs that are not as planned. Imports no torch."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from dann.reporting.alarm_column import alarm_words, count_alarms
from dann.reporting.negative_transfer import NEGATIVE
from dann.reporting.table import Cell, Column, Columns, Table
from dann.runner.locks import STALE
from dann.runner.run_status import STATES, RunStatus
from dann.runner.time_left import MISSING, TimeLeft, estimate_time_left

LISTED = 20  # runs of an experiment in its table on the terminal
MINUTE, HOUR, DAY = 60, 3600, 86400  # seconds
NOTES = {
    "running": f"Running: a process has the run's lock and renewed it in the last {STALE:.0f} seconds; for as long a "
    "run whose process was killed is shown so.",
    "queued": "Queued: a process has its lock and makes another run first, or loads data.",
    "interrupted": "Interrupted: the same dann run goes on with it.",
    "error": "Error: the same dann run tries again; the trace is in error.txt in the folder of the run.",
    "failed": "Failed: its numbers stopped being finite; dann run with --redo failed makes it again.",
}
END = (
    "The end is estimated by the time that runs have taken so far, if the processes at work now make all missing runs."
)


def overview_table(experiments: Mapping[str, Sequence[RunStatus]], now: float) -> Table:
    """How far each experiment is, with what its states mean.

    Args:
        experiments: the runs of each, by the name of its row.
        now: the time in seconds since the epoch.
    """
    counts = {name: Counter(each.state for each in runs) for name, runs in experiments.items()}
    columns: Columns = {Column("finished", "finished", "runs"): {
        name: Cell(f"{counts[name]['finished']} of {len(runs)}", {"runs": counts[name]["finished"], "of": len(runs)})
        for name, runs in experiments.items()}}  # fmt: skip
    shown = [state for state in STATES if state != "finished" and any(each[state] for each in counts.values())]
    for state in shown:
        columns[Column(state, state, "runs")] = {name: Cell(str(each[state]), each[state])
                                                 for name, each in counts.items()}  # fmt: skip
    alarms = {name: count_alarms([each.alarms for each in runs if each.state != "not begun"])
              for name, runs in experiments.items()}  # fmt: skip
    if any(alarms.values()):
        columns[Column("alarms", "alarms", "alarms")] = {
            name: Cell("; ".join(map(alarm_words, facts)) or "none", facts) for name, facts in alarms.items()
        }
    left = {name: estimate_time_left(runs) for name, runs in experiments.items()}
    columns[Column("end", "end", "state")] = {name: _end_cell(left[name], runs, now)
                                              for name, runs in experiments.items()}  # fmt: skip
    notes = [NOTES[state] for state in shown if state in NOTES]
    notes += [END] if any(each.wait is not None for each in left.values()) else []
    return Table.of_columns("Experiments", experiments, columns, notes, "experiment")


def runs_table(title: str, statuses: Sequence[RunStatus], now: float, most: int | None = LISTED) -> Table | None:
    """The runs of an experiment that are under way, interrupted or without a result; None if there are none.

    Args:
        most: runs that are listed, the first of each state first; None: all.
    """
    open_ = [each for each in statuses if each.state not in ("finished", "not begun", "queued")]
    open_.sort(key=lambda each: STATES.index(each.state))
    runs = {each.run.name: each for each in open_[:most]}
    if not runs:
        return None
    columns: Columns = {
        Column("state", "state", "state"): {name: Cell(each.state, each.state) for name, each in runs.items()},
        Column("step", "step", "step"): {name: _step_cell(each) for name, each in runs.items()},
        Column("alarms", "alarms", "alarms"): {name: _alarm_cell(each) for name, each in runs.items()},
        Column("reason", "reason", "state"): {name: Cell(each.reason, each.reason) if each.reason else Cell()
                                              for name, each in runs.items()},
        Column("logged", "logged", "step"): {name: _age_cell(each, now) for name, each in runs.items()},
        Column("process", "process", "state"): {name: _owner_cell(each) for name, each in runs.items()},
    }  # fmt: skip
    filled = {column: cells for column, cells in columns.items() if any(cell != Cell() for cell in cells.values())}
    more = len(open_) - len(runs)
    notes = [f"And {more} more; --format json lists all."] if more else []
    return Table.of_columns(title, runs, filled, notes, "run")


def format_duration(seconds: float) -> str:
    """A time span in its two largest units, rounded down, but for seconds."""
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"


def _end_cell(left: TimeLeft, statuses: Sequence[RunStatus], now: float) -> Cell:
    if not any(each.state in MISSING for each in statuses):
        return Cell("over", {"work": 0.0, "wait": 0.0})
    facts = asdict(left)
    if left.wait is not None:
        end, format_ = datetime.fromtimestamp(now + left.wait), "%H:%M"
        if end.date() != datetime.fromtimestamp(now).date():
            format_ = "%d %b %H:%M"
        return Cell(f"{end.strftime(format_)}, in {format_duration(left.wait)}", facts)
    at_work = any(each.owner is not None for each in statuses)
    if left.work is None:
        return Cell("not known yet" if at_work else "no process", facts)
    return Cell(f"no process; {format_duration(left.work)} of computing left", facts)


def _step_cell(status: RunStatus) -> Cell:
    if status.steps is None:
        return Cell()
    return Cell(f"{status.step} of {status.steps}", {"step": status.step, "of": status.steps})


def _age_cell(status: RunStatus, now: float) -> Cell:
    """How long ago a run that has no record logged something."""
    if status.logged is None:
        return Cell()
    age = max(0.0, now - status.logged)
    return Cell(f"{format_duration(age)} ago", round(age, 1))


def _owner_cell(status: RunStatus) -> Cell:
    return Cell() if status.owner is None else Cell(str(status.owner), status.owner._asdict())


def _alarm_cell(status: RunStatus) -> Cell:
    alarms = [alarm for alarm in status.alarms if alarm["alarm"] != NEGATIVE]
    names = ", ".join(f"{alarm['alarm']} (step {alarm['step']})" for alarm in alarms)
    return Cell(names, alarms) if alarms else Cell()
