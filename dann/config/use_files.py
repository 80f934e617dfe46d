"""Files of Python that an experiment names under ``use``: read as text, and executed to find the parts listed in them.

Reading one runs nothing. Only commands that the user gives the file to execute it: ``dann run`` and the other commands
that take an experiment file, and ``--use``.
"""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from dann.errors import BadInput, raise_if_stopped
from dann.files.input_limits import check_regular

BYTES = 1_000_000  # of a file


@dataclass(frozen=True)
class UseFile:
    """One file, with its content when it was read, which is what is executed: in worker processes too."""

    path: Path
    content: bytes

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def checksum(self) -> str:
        """16 hexadecimal digits."""
        return hashlib.sha256(self.content).hexdigest()[:16]

    @property
    def place(self) -> str:
        """For messages."""
        return str(self.path)

    def __str__(self) -> str:
        """Name and checksum: what a run records of it, and is compared by."""
        return f"{self.name} {self.checksum}"


def read_use_files(paths: Sequence[str | Path], where: str) -> tuple[UseFile, ...]:
    """The files, of different names, as a run's folder has their copies side by side.

    Args:
        where: what names them, for messages.

    Raises:
        BadInput: one cannot be read, or two share a name.
    """
    files: dict[str, UseFile] = {}
    for path in map(Path, paths):
        if path.name in files:
            raise BadInput(f"{where}: use names two files {path.name}: rename one")
        files[path.name] = _read(path, where)
    return tuple(files.values())


def _read(path: Path, where: str) -> UseFile:
    if path.suffix != ".py":
        raise BadInput(f"{where}: use: {path} is no .py file: name a file of Python")
    check_regular(path)
    try:
        with path.open("rb") as file:
            content = file.read(BYTES + 1)
    except OSError as error:
        raise BadInput(f"{where}: use: {path} cannot be read ({error.strerror}): check the path") from error
    if len(content) > BYTES:
        raise BadInput(f"{where}: use: {path} has more than {BYTES:,} bytes: check the path")
    return UseFile(path, content)


@cache  # executed once in a process, so that the same content gives the same classes
def execute(file: UseFile) -> ModuleType:
    """The module of a file, executed.

    Raises:
        BadInput: it is not valid Python or raises an error; names the line.
    """
    module = ModuleType(f"dann_use_{file.path.stem}_{file.checksum}")
    module.__file__ = str(file.path)
    sys.modules[module.__name__] = module  # where dataclasses and annotations written as text look names up
    try:
        exec(compile(file.content, str(file.path), "exec", dont_inherit=True), module.__dict__)
    except (Exception, SystemExit) as error:
        raise_if_stopped(error)
        del sys.modules[module.__name__]
        raise BadInput(f"{file.path}{line_of(error, file)}: {describe(error)}: correct the file") from error
    return module


def describe(error: BaseException) -> str:
    """An error on one line, by its type and text."""
    text = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
    return f"{type(error).__name__}{f' ({text})' if text else ''}"


def line_of(error: BaseException, file: UseFile) -> str:
    """The last line of ``file`` that an error passed, as ", line 3"; empty if there is none."""
    if isinstance(error, SyntaxError) and error.filename == str(file.path):
        return f", line {error.lineno}"
    number, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file.path):
            number = trace.tb_lineno
        trace = trace.tb_next
    return "" if number is None else f", line {number}"
