"""The exceptions for errors that the user can correct, and for signals to stop."""

import signal

STOPPING = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


class BadInput(Exception):
    """One line with the place, the cause and the remedy; the command line prints it and exits with status 2."""


class Stopped(KeyboardInterrupt):
    """A signal to stop: SIGINT as by Ctrl-C, SIGTERM or SIGHUP; the exit status is 128 and its number."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def raise_if_stopped(error: BaseException) -> None:
    """Raise the interruption during which ``error`` arose, if any: libraries turn one into errors of other types.

    Where an error of any type counts as bad input, this comes first.
    """
    earlier: BaseException | None = error
    while earlier is not None:
        if isinstance(earlier, KeyboardInterrupt):
            raise earlier
        earlier = earlier.__cause__ or earlier.__context__
