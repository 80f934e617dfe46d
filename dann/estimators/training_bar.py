"""Progress bar of a training from Python: in a notebook, or on the terminal."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from html import escape

from rich import progress as rich_progress
from rich.console import Console

Advance = Callable[[int, Mapping[str, float]], None]  # the number of steps done, and the loss terms of the last


@contextmanager
def training_bar(steps: int, shown: bool | None = None) -> Iterator[Advance]:
    """A context in which a bar shows how far a training is, with its losses; it stays in a notebook.

    Args:
        steps: of the training.
        shown: None for a bar in a notebook alone, where output does not mix with that of other programs.
    """
    console = Console()
    if shown is None:
        shown = console.is_jupyter
    if not shown:
        yield lambda done, terms: None
    elif console.is_jupyter:
        yield _notebook_bar(steps)
    else:
        columns = (
            rich_progress.TextColumn("{task.description}", markup=False),
            rich_progress.BarColumn(),
            rich_progress.TaskProgressColumn(),
            rich_progress.TimeRemainingColumn(),
        )
        with rich_progress.Progress(*columns, console=console, transient=True) as bars:
            task = bars.add_task(describe_step(0, steps, {}), total=steps)
            yield lambda done, terms: bars.update(task, completed=done, description=describe_step(done, steps, terms))


def _notebook_bar(steps: int) -> Advance:
    # By IPython alone, which every notebook has: rich's bar needs ipywidgets there.
    from IPython.display import HTML, display

    def draw(done: int, terms: Mapping[str, float]) -> HTML:
        text = escape(describe_step(done, steps, terms))
        return HTML(f'<progress value="{done}" max="{steps}" style="width: 20em"></progress> {text}')

    handle = display(draw(0, {}), display_id=True)
    return lambda done, terms: handle.update(draw(done, terms))


def describe_step(done: int, steps: int, terms: Mapping[str, float]) -> str:
    """The step and the losses in words."""
    losses = [f"{name.replace('_', ' ')} loss {value:.3f}" for name, value in terms.items()]
    return ", ".join([f"step {done} of {steps}", *losses])
