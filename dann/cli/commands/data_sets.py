"""``dann data``: the data sets there are, what is in them, and what a network sees of them."""

import argparse
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dann.config.naming import printable, printable_lines
from dann.errors import BadInput

if TYPE_CHECKING:
    from dann.cli.gallery import Panel
    from dann.data.domain import Domain


def data(options: argparse.Namespace) -> int:
    files = [word for word in options.names if word.endswith((".yaml", ".yml"))]
    if options.set and (files or options.action == "list"):
        raise BadInput("--set is for data sets: an experiment file and the list take no options: leave it out")
    if options.action == "list":
        _print_data_sets()
        return 0
    if not options.names:
        raise BadInput(f"dann data {options.action}: no data set is named: choose from dann data list")

    from dann.cli.gallery import draw, select_panel

    panels: list[Panel] = []
    for word in options.names:
        shown = _experiment(Path(word)) if word in files else map(select_panel, _domains(word, options.set))
        panels += [panel for panel in shown if panel is not None]
    if options.action == "show" and panels:
        print(f"figure: {draw(panels, ' '.join(Path(word).stem for word in options.names), options.out)}")
    return 0


def _print_data_sets() -> None:
    from dann.cli.domain_summary import summarise_data_sets

    for entry in summarise_data_sets():
        domains = f" [{_abbreviate(entry.domains)}]" if entry.domains else ""
        print(f"{entry.name:26} {entry.state:10} {entry.summary}{domains}")


def _experiment(file: Path) -> "list[Panel | None]":
    """Describe the data of an experiment file and return what its networks see of them."""
    from dann.cli.domain_summary import first_batch, load_pairs
    from dann.cli.progress import data_line

    panels: list[Panel | None] = []
    for name, config, pair in load_pairs(file):
        print(printable(name), textwrap.indent(printable_lines(data_line(pair.describe())), "  "), sep="\n")
        panels += first_batch(config, pair)
    return panels


def _domains(word: str, sets: list[str]) -> "Iterator[Domain]":
    """Describe the domains that a word names, one by one."""
    from dann.cli.domain_summary import load_domains, summarise_domain

    for domain in load_domains(word, sets):
        for line in (domain.name, *(f"  {name:8} {text}" for name, text in summarise_domain(domain).items())):
            print(printable_lines(line))
        yield domain


def _abbreviate(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (f", … {names[-1]}" if len(names) > 6 else "")
