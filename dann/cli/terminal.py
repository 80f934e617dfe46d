"""Terminal output of ``dann run`` and ``dann predict``."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from rich import progress
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Column
from rich.table import Table as RichTable
from rich.text import Text

from dann.config.experiment import Experiment, Run
from dann.reporting.table import Table
from dann.reporting.tables import make_tables
from dann.runner.records import Record, read_checked_records, source_accuracy

SHOWN, WIDTH = 8, 24  # largest number of bars, and their width
NAMES = 28  # largest width of the names of rows; longer names are wrapped
ROWS, CLASSES = 20, 6  # predictions shown; with more classes than CLASSES only the predicted one is


class Progress:
    """Progress of runs: a bar for each run under way, and a line for each finished one.

    Args:
        runs: their number.
        console: by default standard output.
    """

    def __init__(self, runs: int, console: Console | None = None) -> None:
        self.bars = _Bars(runs, console or Console())
        self.tasks: dict[str, progress.TaskID] = {}
        self.printed: set[str] = set()

    def __enter__(self) -> "Progress":
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def loaded(self, data: dict[str, Any]) -> None:
        line = data_line(data)
        if line not in self.printed:  # each worker process loads the data and reports them
            self.printed.add(line)
            self._print(line)

    def started(self, run: Run, done: int, steps: int) -> None:
        self.tasks[run.name] = self.bars.begin(run.name, done, steps)

    def advanced(self, run: Run, done: int, terms: dict[str, float]) -> None:
        losses = ", ".join(f"{name} loss {value:.3f}" for name, value in terms.items())
        self.bars.update(self.tasks[run.name], completed=done, losses=losses)

    def warned(self, run: Run, step: int, text: str) -> None:
        self._print(f"{run.name}, step {step}: {text}")

    def finished(self, run: Run, record: Record, new: bool) -> None:
        self.bars.end(self.tasks.pop(run.name, None))
        last = record.evaluations[-1]
        time = f"{record.seconds:.0f} s" if new else "already there"
        self._print(
            f"[{self.bars.ended}/{self.bars.runs}] {run.name}: target {100 * last['target_test']:.1f} %, "
            f"source {100 * source_accuracy(last):.1f} %, {time}"
        )

    def _print(self, line: str) -> None:
        self.bars.console.print(line, highlight=False, markup=False, soft_wrap=True)


class _Bars(progress.Progress):
    """A bar for each of the first runs under way, and one for all runs unless a single run is under way."""

    def __init__(self, runs: int, console: Console) -> None:
        columns = (
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(WIDTH),
            progress.TaskProgressColumn(),
            progress.TimeRemainingColumn(elapsed_when_finished=True),
            progress.TextColumn("{task.fields[losses]}", table_column=Column(ratio=1, no_wrap=True)),
        )  # on a narrow terminal the losses shrink first, then the bar
        self.runs, self.ended = runs, 0
        self.since: float | None = None
        self.skipped = 0.0  # work that was done before, in runs, which the estimate of the speed leaves out
        super().__init__(*columns, console=console, transient=True, expand=True)  # begins to draw

    def begin(self, name: str, done: int, steps: int) -> progress.TaskID:
        self.since = self.since or self.get_time()
        self.skipped += done / steps
        return self.add_task(name, total=steps, completed=done, name=name, losses="")

    def end(self, task: progress.TaskID | None) -> None:
        """Count a run as finished; a run without a task was finished before."""
        if task is None:
            self.skipped += 1
        else:
            self.remove_task(task)
        self.ended += 1

    def get_renderables(self) -> Iterator[RenderableType]:
        tasks = self.tasks  # a copy, because another thread draws
        number = f"[{self.ended + 1}/{self.runs}] " if len(tasks) == 1 else ""  # several: on the line of all runs
        for task in tasks:
            task.description = number + str(task.fields["name"])
        table = self.make_tasks_table(tasks[:SHOWN])
        if len(tasks) > SHOWN:
            table.add_row(f"and {len(tasks) - SHOWN} more")
        if len(tasks) != 1:
            table.add_row(*self._all(tasks))
        yield table

    def _all(self, tasks: list[progress.Task]) -> list[RenderableType]:
        """The cells of the line for all runs; runs have equal weight, whatever their steps."""
        done = self.ended + sum(task.percentage for task in tasks) / 100
        made, left = done - self.skipped, "-:--:--"
        if self.since is not None and made > 1e-9:  # less is a rounding error
            left = str(timedelta(seconds=int((self.get_time() - self.since) * (self.runs - done) / made)))
        loading = not tasks and not self.ended
        return [
            "loading" if loading else f"{self.ended} of {self.runs} runs",
            ProgressBar(self.runs, done, width=WIDTH, pulse=loading),
            Text(f"{done / self.runs:4.0%}", "progress.percentage"),
            Text(left, "progress.remaining"),
        ]


def data_line(data: Mapping[str, Any]) -> str:
    """One line about a pair's data: domains, sizes, protocol and class imbalance."""
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
    """Print the experiment's tables from the records in ``folder``, in parts where the terminal is too narrow."""
    console = Console()
    for table in make_tables(experiment, read_checked_records(experiment, folder)):
        title = escape(table.title)
        for places in _parts(table, console.width):
            console.print(_part(table, places, title))
            title = ""
        console.print(escape(" ".join(table.notes)), style="italic", highlight=False)


def _parts(table: Table, width: int) -> list[list[int]]:
    """The places of the columns of each part, those that fit beside the names of the rows on a terminal."""
    room = width - _names_width(table) - 4
    parts: list[list[int]] = [[]]
    left = room
    for place in range(len(table.columns)):
        needed = _width(table, place) + 3
        if needed > left and parts[-1]:
            parts.append([])
            left = room
        parts[-1].append(place)
        left -= needed
    return parts


def _names_width(table: Table) -> int:
    return max([min(NAMES, max(map(len, table.rows), default=0)), *map(len, table.corner.split())])


def _width(table: Table, place: int) -> int:
    """The width of a column, whose heading and alarms may take two lines; other cells are whole."""
    column, texts = table.columns[place], [cells[place].text for cells in table.rows.values()]
    longest = max((min(len(text), NAMES) if column.kind == "alarms" else len(text) for text in texts), default=0)
    return max([longest, (len(column.title) + 1) // 2, *map(len, column.title.split())])


def _part(table: Table, places: list[int], title: str) -> RichTable:
    shown = RichTable(title=title or None)
    shown.add_column(escape(table.corner), width=_names_width(table))
    for place in places:
        column = table.columns[place]
        justify: Literal["left", "right"] = "left" if column.is_text else "right"
        shown.add_column(escape(column.title), justify=justify, width=_width(table, place))
    for name, cells in table.rows.items():
        shown.add_row(escape(name), *(escape(cells[place].text) for place in places))
    return shown


def show_predictions(names: Sequence[str], classes: Sequence[str], probabilities: Sequence[Sequence[float]]) -> None:
    """Print the first predictions as a table.

    Args:
        names: of the N inputs.
        classes: the K names.
        probabilities: shape ``(N, K)``.
    """
    every = classes if len(classes) <= CLASSES else ()
    shown = RichTable("input", "class")
    for column in ("probability", *every):
        shown.add_column(escape(column), justify="right")
    for name, row in list(zip(names, probabilities, strict=True))[:ROWS]:
        values = [max(row), *row[: len(every)]]
        shown.add_row(escape(name), escape(classes[row.index(max(row))]), *(f"{value:.3f}" for value in values))
    hidden = len(names) - ROWS
    if hidden > 0:
        shown.caption = f"and {hidden} more; --out FILE.csv writes all"
    Console().print(shown)
