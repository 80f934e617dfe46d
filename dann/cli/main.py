# PYTHON_ARGCOMPLETE_OK
"""The entry point: parses the command line, runs one command and turns errors into one line each."""

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from dann.cli.arguments import parser
from dann.cli.commands import (
    catalogue,
    data_sets,
    experiments,
    models,
    ranking,
    recommendation,
    results,
    verify,
    watching,
)
from dann.cli.standard_streams import lasting_streams
from dann.cli.stop_handler import handle_stop_signals
from dann.config.naming import printable
from dann.errors import BadInput, Stopped
from dann.files.atomic_files import DISK_FULL

REMEDIES = {  # of errors of the operating system
    errno.EACCES: "change its permissions, or name another place (--out for runs, DANN_CACHE for the cache)",
    errno.EROFS: "name a place that can be written (--out for results, DANN_CACHE for the cache)",
    errno.ENOENT: "it was moved or deleted meanwhile: put it back and run the same command to continue",
    errno.ESTALE: "it was moved or deleted meanwhile: put it back and run the same command to continue",
    errno.EIO: "the disk may be failing: try again, or from a copy on another",
}

COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": experiments.run,
    "init": experiments.init,
    "recommend": recommendation.recommend,
    "rank": ranking.rank,
    "status": watching.status,
    "board": watching.board,
    "table": results.table,
    "report": results.report,
    "plot": results.plot,
    "verify": verify.verify,
    "predict": models.predict,
    "export": models.export,
    "list": catalogue.list_,
    "describe": catalogue.describe,
    "data": data_sets.data,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status.

    0, 1 if something was left out, 2 for bad input, 128 and its number if a signal stopped it: 130 for Ctrl-C.
    """
    with handle_stop_signals() as handler:
        try:
            try:
                return _run(arguments)
            except KeyboardInterrupt:
                handler.ignore()  # the rest takes no time
                raise
        except KeyboardInterrupt as stop:  # a second signal may come before it is ignored
            number = stop.number if isinstance(stop, Stopped) else signal.SIGINT
            return _complain(_stop_message(sys.argv[1:] if arguments is None else arguments), 128 + number)


def _run(arguments: Sequence[str] | None) -> int:
    """Run one command and turn errors into one line each."""
    try:
        with lasting_streams():
            whole = parser()
            if "_ARGCOMPLETE" in os.environ:  # the shell asks for completions
                from dann.cli.completion import complete  # imports argcomplete, which no other start waits for

                complete(whole)
            options = whole.parse_args(arguments)
            return COMMANDS[options.command](options)
    except BadInput as error:
        return _complain(str(error), 2)
    except OSError as error:
        return _complain(_os_message(error), 2)
    except MemoryError as error:
        return _complain(f"out of memory ({error or 'no details'}): use a smaller batch or smaller examples", 2)


def _stop_message(arguments: Sequence[str]) -> str:
    """What the user can do after a signal to stop; the command line may not have been parsed yet."""
    command = next(iter(arguments), "")
    out = any(each.startswith("--ou") for each in arguments)  # also --ou and --out=…, not --only
    if command == "run" or (command == "verify" and out):
        return "stopped; the same command continues from the last checkpoint"
    if command == "verify":
        return "stopped; nothing is kept: the same command begins anew, with --out FOLDER it can be continued"
    return "stopped; the same command begins anew"


def _os_message(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    if error.errno in DISK_FULL:
        return f"{place}the disk is full: free some space and run the same command to continue"
    remedy = REMEDIES.get(error.errno or 0)
    return f"{place}{error.strerror or error}" + (f": {remedy}" if remedy else "")


def _complain(message: str, status: int) -> int:
    with suppress(OSError):  # nobody reads it: the status says the same
        print(f"dann: {printable(message)}", file=sys.stderr, flush=True)
    return status
