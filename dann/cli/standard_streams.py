"""Standard output and error that survive a closed pipe or terminal."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

GONE = {errno.EPIPE, errno.EIO}  # the errors of a pipe without a reader and of a terminal that was closed


@contextmanager
def lasting_streams() -> Iterator[None]:
    """Discard output once the reader of standard output or error has closed it, as in ``dann run … | head -2``.

    Raises:
        OSError: what was printed could not be written, as to a full disk.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _lasting(sys.stdout, sys.__stdout__), _lasting(sys.stderr, sys.__stderr__)
    try:
        yield
    finally:
        after = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = before
        for stream in after:
            _finish(stream)


def _lasting(stream: TextIO, genuine: TextIO | None) -> TextIO:
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)  # without a buffer under PYTHONUNBUFFERED
    if stream is not genuine or not isinstance(raw, io.FileIO):  # another program's or a test's
        return stream
    stream.flush()
    lasting = io.BufferedWriter(_Lasting(raw))
    return io.TextIOWrapper(lasting, stream.encoding, stream.errors, line_buffering=stream.isatty(), write_through=True)


def _finish(stream: TextIO) -> None:
    try:
        stream.flush()
    except OSError:
        if isinstance(raw := getattr(getattr(stream, "buffer", None), "raw", None), _Lasting):
            raw.discard()  # or Python would try again at its end
            stream.flush()
        raise


class _Lasting(io.RawIOBase):
    """The raw file of a standard stream; output after its reader has closed it is discarded."""

    def __init__(self, raw: io.FileIO) -> None:
        self.raw = raw

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.raw.fileno()

    def isatty(self) -> bool:
        return self.raw.isatty()

    def write(self, content: Any) -> int | None:
        try:
            return self.raw.write(content)
        except OSError as error:
            if error.errno not in GONE:
                error.filename = f"standard {'error' if self.raw.fileno() == 2 else 'output'}"
                raise
            self.discard()
            return len(content)

    def discard(self) -> None:
        """Redirect the stream, for child processes too, to the null device."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
