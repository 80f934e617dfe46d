# PYTHON_ARGCOMPLETE_OK
"""The entry point: parses the command line, runs one command and turns errors into one line each."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence

from dann.cli.arguments import parser
from dann.cli.commands import catalogue, data_sets, experiments, models, results, verify
from dann.config.naming import printable
from dann.errors import BadInput
from dann.files import DISK_FULL

COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": experiments.run,
    "init": experiments.init,
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
    """Run one command; returns the exit status: 0, 1 if inputs were left out, 2 for bad input, 130 if stopped."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # stops as Ctrl-C does, and worker processes with it
    try:
        whole = parser()
        if "_ARGCOMPLETE" in os.environ:  # the shell asks for completions
            from dann.cli.completion import complete  # imports argcomplete, which no other start waits for

            complete(whole)
        options = whole.parse_args(arguments)
        return COMMANDS[options.command](options)
    except BadInput as error:
        return _complain(str(error), 2)
    except BrokenPipeError:  # the reader of our output has gone, as in `dann table … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _complain(_os_message(error), 2)
    except MemoryError as error:
        return _complain(f"out of memory ({error or 'no details'}): use a smaller batch or smaller examples", 2)
    except KeyboardInterrupt:
        return _complain("stopped; the same command continues from the last checkpoint", 130)


def _os_message(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    if error.errno in DISK_FULL:
        return f"{place}the disk is full: free some space and run the same command to continue"
    return f"{place}{error.strerror or error}"


def _complain(message: str, status: int) -> int:
    print(f"dann: {printable(message)}", file=sys.stderr)
    return status
