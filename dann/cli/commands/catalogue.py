"""``dann list`` and ``dann describe``: what an experiment file may name."""

import argparse


def list_(options: argparse.Namespace) -> int:
    from rich.console import Console

    from dann.cli.catalogue_view import print_all, print_kind

    console = Console(highlight=False)
    if options.kind is None:
        print_all(console)
    else:
        print_kind(console, options.kind)
    return 0


def describe(options: argparse.Namespace) -> int:
    if options.name is None:
        return list_(options)
    from rich.console import Console

    from dann.cli.catalogue_view import print_entry
    from dann.cli.kinds import entries
    from dann.options import look_up

    kind: str = options.kind
    entry = look_up(entries(kind), options.name, kind, "dann describe")
    print_entry(Console(highlight=False), kind, entry)
    return 0
