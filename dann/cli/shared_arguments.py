"""Arguments that several commands have. Imports nothing that takes time."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dann.cli.argument_values import read_count
from dann.evaluation.rules import RULES

FORMATS = ("md", "latex", "json")
Command = Callable[[str, str], argparse.ArgumentParser]


def add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--selection", choices=RULES, default="last", help="the rule that selects the reported step (default: last)"
    )


def add_use(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--use", type=Path, action="append", default=[], metavar="FILE",
        help="execute this file with parts of your own, such as the copy in a run's folder; may be repeated",
    )  # fmt: skip


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="cpu, cuda, … (default: a GPU if there is one)")


def add_jobs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--jobs",
        type=read_count,
        metavar="N",
        help="processes, one thread each (default: one per core, or one on a GPU)",
    )


def set_completer(action: argparse.Action, completer: str) -> None:
    """Give an argument its completer, a function of ``dann.cli.completion``, which is imported when it is called."""

    def complete(**arguments: Any) -> list[str]:
        from dann.cli import completion

        names: list[str] = getattr(completion, completer)(**arguments)
        return names

    action.completer = complete  # type: ignore[attr-defined]
