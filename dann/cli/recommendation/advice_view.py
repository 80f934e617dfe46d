"""The report of ``dann recommend`` on the terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dann.config.naming import printable
from dann.reporting.advice import Advice, Listing, Part


def show_advice(advice: Advice, console: Console | None = None) -> None:
    """Print all parts."""
    console = console or Console(highlight=False)
    console.print(Text(printable(advice.title), style="bold underline"))
    console.print(Text(printable(advice.summary)))
    for part in advice.parts:
        _show_part(part, console)


def _show_part(part: Part, console: Console) -> None:
    console.print()
    console.print(Text(part.title, style="bold"))
    for statement in part.statements:
        page = f" ({statement.page})" if statement.page else ""
        console.print(_item(f"{statement.text}{page}", "•", ""))
    if part.listing is not None and part.listing.lines:
        console.print(_table(part.listing))
    for limit in part.limits:
        console.print(_item(limit, "", "italic dim"))


def _item(text: str, mark: str, style: str) -> Table:
    """A paragraph with a hanging mark."""
    item = Table.grid(padding=(0, 1))
    item.add_column(width=1)
    item.add_column()
    item.add_row(mark, Text(printable(text), style=style))
    return item


def _table(listing: Listing) -> Table:
    shown = Table()
    for place, head in enumerate(listing.heads):
        shown.add_column(Text(head), justify="left" if place == 0 else "right", overflow="fold")
    for line in listing.lines:
        shown.add_row(*(Text(printable(cell)) for cell in line))
    return shown
