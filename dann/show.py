"""What ``dann run`` shows on the terminal."""

import math
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rich import progress
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from dann.experiment import Experiment, Run
from dann.records import Record, source_accuracy
from dann.tables import checked_records, make_table


class Progress:
    """A bar over the steps of the current run, and a line for each finished one.

    Args:
        runs: how many there are.
    """

    def __init__(self, runs: int) -> None:
        self.console = Console()
        self.runs, self.before = runs, 0
        self.diverged: set[str] = set()
        columns = (
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            progress.TaskProgressColumn(),
            progress.TimeRemainingColumn(elapsed_when_finished=True),
            progress.TextColumn("{task.fields[losses]}"),
        )
        self.bar = progress.Progress(*columns, console=self.console, transient=True)
        self.task = self.bar.add_task("loading", total=None, losses="")

    def __enter__(self) -> "Progress":
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def loaded(self, data: dict[str, Any]) -> None:
        self._say(data_line(data))

    def started(self, run: Run, done: int, steps: int) -> None:
        name = f"[{self.before + 1}/{self.runs}] {run.name}"
        self.bar.reset(self.task, description=name, total=steps, completed=done, losses="")

    def advanced(self, run: Run, done: int, terms: dict[str, float]) -> None:
        losses = ", ".join(f"{name} loss {value:.3f}" for name, value in terms.items())
        self.bar.update(self.task, completed=done, losses=losses)
        if run.name not in self.diverged and not all(map(math.isfinite, terms.values())):
            self.diverged.add(run.name)
            self._say(f"{run.name}: the loss is not finite at step {done}; a lower learning rate may help")

    def finished(self, run: Run, record: Record, new: bool) -> None:
        self.before += 1
        last = record.evaluations[-1]
        time = f"{record.seconds:.0f} s" if new else "already there"
        self._say(
            f"[{self.before}/{self.runs}] {run.name}: target {100 * last['target_test']:.1f} %, "
            f"source {100 * source_accuracy(last):.1f} %, {time}"
        )

    def _say(self, line: str) -> None:
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)


def data_line(data: Mapping[str, Any]) -> str:
    """What is said of a pair's data: its domains, sizes, protocol and class imbalance."""
    source, target, tallied = data["source"], data["target"], data["class_counts"]["train"]
    ratio = f"imbalance ratio {data['imbalance']:.2f}" if data["imbalance"] else "a class is empty"
    spread = (
        f"{min(tallied)} to {max(tallied)} a class" if len(tallied) > 12 else f"{', '.join(map(str, tallied))} a class"
    )
    skipped = len(source.get("skipped", [])) + len(target.get("skipped", []))
    return (
        f"{source['name']} → {target['name']}: {data['trained_on']} labelled ({spread}, {ratio}), "
        f"{target['train']} unlabelled, {target['test']} target test examples; {data['protocol']}"
        + (f"; {skipped} unreadable files skipped" if skipped else "")
    )


def show_table(experiment: Experiment, folder: Path) -> None:
    """Print the experiment's table from the records in ``folder``."""
    table = make_table(experiment, checked_records(experiment, folder))
    shown = RichTable("", title=escape(experiment.title), caption=escape(" ".join(table.notes)))
    for column in table.columns:
        shown.add_column(escape(column), justify="right")
    for name, cells in table.rows.items():
        shown.add_row(escape(name), *(cell.text() for cell in cells))
    Console().print(shown)
