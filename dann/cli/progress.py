"""Progress of the runs of an experiment on the terminal, and one line about their data."""

import math
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from rich import progress as rich_progress
from rich.console import Console, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Column
from rich.text import Text

from dann.cli.shape_text import describe_axes, describe_shape
from dann.config.experiment_run import Run
from dann.config.naming import printable
from dann.evaluation.rules import Evaluation
from dann.reporting.table import show_score
from dann.runner.records import Record, has_source, source_score

SHOWN, WIDTH = 8, 24  # largest number of bars, and their width


class Progress:
    """Progress of runs: a bar for each run under way, and a line for each finished one.

    Args:
        runs: their number.
        console: by default standard output.
    """

    def __init__(self, runs: int, console: Console | None = None) -> None:
        self.bars = _Bars(runs, console or Console())
        self.tasks: dict[str, rich_progress.TaskID] = {}
        self.printed: set[str] = set()
        # Why runs have no result, by their names: refused input, unexpected errors, numbers that are not finite.
        self.refused, self.broken, self.failed = dict[str, str](), dict[str, str](), dict[str, str]()

    def __enter__(self) -> "Progress":
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def expect(self, runs: int) -> None:
        """Add to the number of runs."""
        self.bars.runs += runs

    def noted(self, text: str) -> None:
        self._print(text)

    def loaded(self, data: dict[str, Any]) -> None:
        line = data_line(data)
        if line not in self.printed:  # each worker process loads the data and reports them
            self.printed.add(line)
            for part in line.split("\n"):
                self._print(part)

    def started(self, run: Run, done: int, steps: int) -> None:
        if (before := self.tasks.pop(run.name, None)) is not None:  # its process was killed
            self.bars.remove_task(before)
        self.tasks[run.name] = self.bars.begin(run.name, done, steps)

    def advanced(self, run: Run, done: int, terms: dict[str, float]) -> None:
        losses = ", ".join(f"{name} loss {value:.3f}" for name, value in terms.items())
        self.bars.update(self.tasks[run.name], completed=done, losses=losses)

    def warned(self, run: Run, step: int, text: str) -> None:
        self._print(f"{run.name}, step {step}: {text}")

    def missed(self, run: Run, reason: str, trace: Path | None) -> None:
        self.bars.end(self.tasks.pop(run.name, None))
        if trace is None:
            self.refused[run.name] = reason.removeprefix(f"{run.name}: ")
        else:
            self.broken[run.name] = f"{reason} (trace in {trace})"
        self._print(
            f"[{self.bars.ended}/{self.bars.runs}] {run.name}: not made: {reason.removeprefix(f'{run.name}: ')}"
        )

    def waiting(self, owner: str) -> None:
        self._print(f"waiting for the runs that another process makes: {owner}")

    def finished(self, run: Run, record: Record, new: bool) -> None:
        self.bars.end(self.tasks.pop(run.name, None))
        time = f"{record.seconds:.0f} s" if new else "already there"
        number = f"[{self.bars.ended}/{self.bars.runs}]"
        if record.failed is not None:
            self.failed[run.name] = f"failed at {record.failed}"
            self._print(f"{number} {run.name}: failed at {record.failed}, {time}")
            return
        last = record.evaluations[-1]
        of_target, of_source = _scores_in_words(record)
        target = "no target test labels" if "target_test" not in last else f"target {of_target}"
        source = f"source {of_source}" if has_source(record) else "no source"
        self._print(f"{number} {run.name}: {target}, {source}, {time}")

    def _print(self, line: str) -> None:
        self.bars.console.print(printable(line), highlight=False, markup=False, soft_wrap=True)


def _scores_in_words(record: Record) -> tuple[str, str]:
    """The last score on target, empty where it has none, and on source: accuracy, or RMSE and R² of a regression."""
    last = record.evaluations[-1]
    if not record.of_numbers:
        return f"{100 * last.get('target_test', math.nan):.1f} %", f"{100 * source_score(last):.1f} %"
    split = "source_test" if "source_test" in last else "source_validation"
    first, second = (_of_split(last, each) for each in ("target_test", split))
    return first, second


def _of_split(last: Evaluation, split: str) -> str:
    error, score = last.get(f"{split}_rmse", math.nan), last.get(split, math.nan)
    return f"RMSE {show_score(error, 'rmse')} (R² {show_score(score, 'r2')})"


class _Bars(rich_progress.Progress):
    """A bar for each of the first runs under way, and one for all runs unless a single run is under way."""

    def __init__(self, runs: int, console: Console) -> None:
        columns = (
            rich_progress.TextColumn("{task.description}", markup=False),
            rich_progress.BarColumn(WIDTH),
            rich_progress.TaskProgressColumn(),
            rich_progress.TimeRemainingColumn(elapsed_when_finished=True),
            rich_progress.TextColumn("{task.fields[losses]}", table_column=Column(ratio=1, no_wrap=True)),
        )  # on a narrow terminal the losses shrink first, then the bar
        self.runs, self.ended = runs, 0
        self.since: float | None = None
        self.skipped = 0.0  # work that was done before, in runs, which the estimate of the speed leaves out
        super().__init__(*columns, console=console, transient=True, expand=True)  # begins to draw

    def begin(self, name: str, done: int, steps: int) -> rich_progress.TaskID:
        self.since = self.since or self.get_time()
        self.skipped += done / steps
        return self.add_task(name, total=steps, completed=done, name=printable(name), losses="")

    def end(self, task: rich_progress.TaskID | None) -> None:
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

    def _all(self, tasks: list[rich_progress.Task]) -> list[RenderableType]:
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
    """One line about a pair's data: domains, sizes, labels and protocol; below it a line for each note."""
    source, target = data["source"], data["target"]
    skipped = len(source.get("skipped", [])) + len(target.get("skipped", []))
    tested = "target test examples" if "target_test" in data["class_counts"] else "target test examples without labels"
    labelled = f"{data['trained_on']} labelled ({_labels(data)})" if data["trained_on"] else "no source examples"
    line = (
        f"{source['name']} → {target['name']}: {labelled}, "
        f"{target['train']} unlabelled, {target['test']} {tested}; {data['protocol']}{_shape(data)}"
        + (f"; {skipped} unreadable files skipped" if skipped else "")
    )
    lines = [line, *_label_lines(data), *(f"  note: {note}" for note in data.get("notes", []))]
    return "\n".join(map(printable, lines))


def _labels(data: Mapping[str, Any]) -> str:
    """The examples of each class and the imbalance ratio, or the range of numbers."""
    if "labels" in data:
        numbers = data["labels"]
        return (f"numbers from {numbers['least']:.4g} to {numbers['largest']:.4g}, mean {numbers['mean']:.4g}, "
                f"standard deviation {numbers['deviation']:.4g}")  # fmt: skip
    tallied = data["class_counts"]["train"]
    ratio = f"imbalance ratio {data['imbalance']:.2f}" if data["imbalance"] else "a class is empty"
    counts = f"{min(tallied)} to {max(tallied)}" if len(tallied) > 12 else ", ".join(map(str, tallied))
    return f"{counts} a class, {ratio}"


def _label_lines(data: Mapping[str, Any]) -> list[str]:
    """The counts of each split, and how labels were read; records of earlier versions have neither."""
    words = [
        f"{name.replace('_', ' ')} {count['examples']} examples, {count['labelled']} labelled, "
        f"{count['dropped']} dropped"
        for name, count in data.get("splits", {}).items()
        if count["examples"]
    ]
    shots = data.get("target_labelled_examples", 0)
    joined = f"; {shots} labelled target examples join the labelled side" if shots else ""
    return [f"  {'; '.join(words)}{joined}"] * bool(words) + [f"  {note}" for note in data.get("label_notes", [])]


def _shape(data: Mapping[str, Any]) -> str:
    """The form and shape of an example, which records of earlier versions lack."""
    return f"; {describe_shape(data['shape'])} ({describe_axes(data['shape'])})" if "shape" in data else ""
