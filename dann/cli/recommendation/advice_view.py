"""The report of ``dann recommend`` on the terminal."""

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dann.config.naming import printable
from dann.reporting.advice import Advice, Listing, Part


def show_advice(advice: Advice, console: Console | None = None) -> None:
    """Print all parts."""
    console = console or Console(highlight=False)
    console.print(Text(printable(advice.title), style="bold underline"))
    for part in advice.parts:
        _show_part(part, console)


def _show_part(part: Part, console: Console) -> None:
    console.print()
    console.print(Text(part.title, style="bold"))
    for statement in part.statements:
        page = f" ({statement.page})" if statement.page else ""
        console.print(Padding(Text(printable(f"{statement.text}{page}")), (0, 0, 0, 2)))
    if part.listing is not None and part.listing.lines:
        console.print(_table(part.listing))
    for limit in part.limits:
        console.print(Padding(Text(printable(limit), style="italic dim"), (0, 0, 0, 2)))


def _table(listing: Listing) -> Table:
    shown = Table()
    for place, head in enumerate(listing.heads):
        shown.add_column(Text(head), justify="left" if place == 0 else "right", overflow="fold")
    for line in listing.lines:
        shown.add_row(*(Text(printable(cell)) for cell in line))
    return shown
