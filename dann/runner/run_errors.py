"""Errors in a run: which stop all runs, and how the others are reported."""

import traceback

from dann.config.use_files import describe, line_of
from dann.errors import BadInput
from dann.files.atomic_files import DISK_FULL, write_whole
from dann.runner.callbacks import Observer
from dann.runner.records import ERROR, unfinished_folder
from dann.training.stacking.grouping import Planned


class TeamFailure(BadInput):
    """An error in one of several processes that train a run together; all of them end.

    Args:
        trace: of the error, from the process in which it was raised.
    """

    def __init__(self, text: str, trace: str) -> None:
        super().__init__(text)
        self.trace = trace


def stops_all(error: Exception) -> bool:
    """Whether an error would occur in the other runs as well: a full disk, or output that nobody reads any more.

    Or whether processes that train a run together can no longer go on.
    """
    return isinstance(error, BrokenPipeError | TeamFailure) or (isinstance(error, OSError) and error.errno in DISK_FULL)


def report_error(error: Exception, planned: Planned, observer: Observer) -> None:
    """Report a run that was not made; the trace of an unexpected error goes into its unfinished folder."""
    if isinstance(error, BadInput):
        observer.missed(planned.run, str(error), None)
    elif isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        observer.missed(planned.run, f"{place}{error.strerror or error}", None)
    elif isinstance(error, MemoryError):
        observer.missed(planned.run, "out of memory: use a smaller batch, smaller examples or fewer --jobs", None)
    else:
        path = unfinished_folder(planned.place) / ERROR
        write_whole(path, "".join(traceback.format_exception(error)).encode())
        observer.missed(planned.run, _describe(error, planned), path)


def name_trace(failure: TeamFailure, planned: Planned) -> TeamFailure:
    """The failure of a run, with the file in its unfinished folder into which the trace is written."""
    path = unfinished_folder(planned.place) / ERROR
    write_whole(path, failure.trace.encode())
    return TeamFailure(f"{planned.run.name}: {failure}: the trace is in {path}", failure.trace)


def _describe(error: Exception, planned: Planned) -> str:
    """An unexpected error on one line, with the place in a file of the user's own where it passed one."""
    for file in planned.config.library.files:
        if line := line_of(error, file):
            return f"{file.path}{line}: {describe(error)}: correct the file"
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), 'no details')}"
