"""Terminal output of ``dann list`` and ``dann describe``."""

import textwrap
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dann.cli.kinds import KINDS, Entry, Option, entries
from dann.config.plug_ins import Library

HEADINGS = {
    "method": "methods",
    "network": "networks",
    "dataset": "data sets",
    "optimiser": "optimisers",
    "schedule": "learning-rate schedules",
    "transform": "transforms",
    "rule": "rules",
    "metric": "metrics",
}
LABELS = 10  # width of the labels below a description


def print_all(console: Console, library: Library) -> None:
    """Every entry of every kind on one line, cut to the width of the terminal."""
    catalogue = {kind: entries(kind, library) for kind in KINDS}
    console.print(" · ".join(f"{len(catalogue[kind])} {HEADINGS[kind]}" for kind in KINDS), style="bold")
    for kind, known in catalogue.items():
        console.print()
        _print_heading(console, kind, len(known))
        for entry, name in _pad_names(known):
            room = max(20, console.width - len(name))
            _print(console, name + textwrap.shorten(entry.doc.summary, room, placeholder=" …"))


def print_kind(console: Console, kind: str, library: Library) -> None:
    """The entries of one kind with their summaries in full."""
    known = entries(kind, library)
    _print_heading(console, kind, len(known))
    for entry, name in _pad_names(known):
        _print(console, _wrap(entry.doc.summary, console.width, name))


def _print_heading(console: Console, kind: str, count: int) -> None:
    title, hint = f"{count} {HEADINGS[kind]}", f"dann describe {kind} NAME"
    gap = " " * max(2, console.width - len(title) - len(hint))
    console.print(Text.assemble((title, "bold"), gap, (hint, "dim")))


def _pad_names(known: dict[str, Entry]) -> Iterator[tuple[Entry, str]]:
    """The entries, each with its name padded to one width."""
    width = max(map(len, known))
    return ((entry, f"  {name:{width}}  ") for name, entry in known.items())


def print_entry(console: Console, kind: str, entry: Entry) -> None:
    """The whole description of one entry: text, options, and where it comes from."""
    console.print(Text.assemble((entry.name, "bold"), f", {HEADINGS[kind].removesuffix('s')}"))
    for paragraph in (entry.doc.summary, *entry.doc.text):
        console.print()
        _print(console, _wrap(paragraph, min(console.width, 100)))
    if entry.options:
        console.print()
        console.print(_options_table(entry.options))
    console.print()
    facts = {"Use": entry.usage, **entry.facts, "Source": "; ".join(entry.doc.papers), "Module": entry.module}
    for label, text in facts.items():
        if text:
            _print(console, _wrap(text, console.width, f"{label:{LABELS}}"))


def _options_table(options: tuple[Option, ...]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("option", no_wrap=True)
    table.add_column("type", max_width=26)
    table.add_column("default", max_width=16, overflow="fold")
    table.add_column("meaning", ratio=1)
    for option in options:
        table.add_row(*map(Text, (option.name, option.type, option.default, option.meaning)))
    return table


def _wrap(text: str, width: int, first: str = "") -> str:
    return textwrap.fill(text, max(width, 40), initial_indent=first, subsequent_indent=" " * len(first))


def _print(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
