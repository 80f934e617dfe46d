"""``dann list`` and ``dann describe``: what an experiment file may name."""

import argparse
from typing import TYPE_CHECKING

from dann.errors import BadInput

if TYPE_CHECKING:
    from dann.config.plug_ins import Library


def list_(options: argparse.Namespace) -> int:
    from rich.console import Console

    from dann.cli.catalogue_view import print_all, print_kind

    console, library = Console(highlight=False), _library(options)
    if options.kind is None:
        print_all(console, library)
    else:
        print_kind(console, options.kind, library)
    return 0


def _library(options: argparse.Namespace) -> "Library":
    from dann.config.plug_ins import Library
    from dann.config.use_files import read_use_files

    return Library(read_use_files(options.use, f"dann {options.command}"))


def describe(options: argparse.Namespace) -> int:
    if options.name is None:
        return list_(options)
    from rich.console import Console

    from dann.cli.catalogue_view import print_entry
    from dann.cli.kinds import entries
    from dann.options import look_up

    kind: str = options.kind
    entry = look_up(entries(kind, _library(options)), options.name, kind, "dann describe")
    if entry.error:
        raise BadInput(entry.error)
    print_entry(Console(highlight=False), kind, entry)
    return 0
