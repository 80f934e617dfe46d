"""A separate process, in which cases of bad input run one by one: time, memory and written files are watched."""

import contextlib
import io
import itertools
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest.mock import patch

SLOW = 5.0  # seconds of processor time that a case may take
HUNG = 60.0  # seconds after which the process is killed, on a machine that is busy with other work as well
MEMORY = 8 * 2**30  # bytes that the process may take for itself beside what it has when it begins
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass(frozen=True)
class Case:
    """One command, and the files that are laid over the template in its working folder.

    Args:
        outputs: where it may write.
        draws: whether ``dann run`` draws the figures, which takes ten times as long as small runs do.
        command: in place of ``dann``; takes the arguments and returns the exit status.
    """

    arguments: list[str]
    files: dict[str, bytes] = field(default_factory=dict)
    outputs: tuple[str, ...] = ("runs",)
    draws: bool = True
    command: Callable[[list[str]], int] | None = None


@dataclass(frozen=True)
class Verdict:
    """The result of a case; ``fault`` is empty if it is as expected."""

    status: int | None
    fault: str
    seconds: float
    complaint: str = ""


class Sandbox:
    """Runs cases in a forked process, which is replaced after a case that hung or was killed.

    Args:
        folder: its own; cases run in ``folder/case/work``.
        template: a folder whose content every case finds in its working folder.
    """

    def __init__(self, folder: Path, template: Path | None = None) -> None:
        self.folder, self.template = folder.resolve(), template
        self.process: Any = None
        self.pipe: Connection | None = None

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, case: Case) -> Verdict:
        """The verdict on one case."""
        if self.process is None:
            self._start()
        assert self.pipe is not None
        try:
            self.pipe.send(case)
            if not self.pipe.poll(HUNG):
                self._stop()
                return Verdict(None, f"hung: killed after {HUNG:.0f} s", HUNG)
            verdict: Verdict = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            status = self.process.exitcode
            self._stop()
            return Verdict(None, f"the process died ({status})", 0.0)
        return verdict

    def _start(self) -> None:
        context = multiprocessing.get_context("fork")  # what is imported already need not be again
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, self.pipe, self.folder, self.template), daemon=True)
        self.process.start()
        theirs.close()

    def _stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()
            assert self.pipe is not None
            self.pipe.close()
        self.process = self.pipe = None


def _serve(pipe: Connection, other: Connection, folder: Path, template: Path | None) -> None:
    other.close()  # the parent's end, so that this process ends with a parent that is killed
    os.setpgid(0, 0)
    memory = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    watch = _Watch()
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            _answer(pipe, watch, folder, template)


def _answer(pipe: Connection, watch: "_Watch", folder: Path, template: Path | None) -> None:
    """Run the next case and send its verdict."""
    case: Case = pipe.recv()
    work = folder / "case" / "work"
    shutil.rmtree(folder / "case", ignore_errors=True)
    work.mkdir(parents=True)
    if template is not None:
        shutil.copytree(template, work, dirs_exist_ok=True)
    for name, content in case.files.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_bytes(content)
    os.chdir(work)
    places = {"HOME": "home", "DANN_CACHE": "cache", "DANN_DATA": "no", "TMPDIR": "cache"}
    os.environ |= {name: str(folder / place) for name, place in places.items()}
    tempfile.tempdir = None  # so that TMPDIR is read
    (folder / "cache").mkdir(exist_ok=True)
    named = [
        work / word for before, word in itertools.pairwise(case.arguments) if before == "--out" and "\0" not in word
    ]
    with watch.allowing([*named, *(work / name for name in case.outputs), folder / "cache"]):
        verdict = _judge(case)
    outside = [*watch.outside]
    pipe.send(Verdict(verdict.status, verdict.fault or (f"wrote {outside[0]}" if outside else ""), verdict.seconds,
                      verdict.complaint))  # fmt: skip


class _Watch:
    """Notices writing outside some folders; an audit hook sees what Python opens, makes, moves and removes."""

    def __init__(self) -> None:
        self.allowed, self.outside = list[Path](), list[str]()
        self.active = False
        sys.addaudithook(self._notice)

    @contextlib.contextmanager
    def allowing(self, places: list[Path]) -> Iterator[None]:
        self.allowed, self.outside, self.active = [Path("/dev"), Path("/proc"), *places], [], True
        try:
            yield
        finally:
            self.active = False

    def _notice(self, event: str, arguments: tuple[Any, ...]) -> None:
        # Within a folder that is being removed, names are relative to it; its removal was an event of its own.
        if not self.active or (event in ("os.remove", "os.rmdir") and arguments[1] != -1):
            return
        if (
            (event == "open" and isinstance(arguments[0], str | bytes) and arguments[2] & WRITES)
            or event in ("os.remove", "os.rmdir", "shutil.rmtree")
            or (
                event == "os.mkdir" and not os.path.isdir(arguments[0])  # parents that are there already
            )
        ):
            self._check(arguments[0])
        elif event in ("os.rename", "os.link", "os.symlink"):
            self._check(arguments[1])

    def _check(self, place: Any) -> None:
        path = Path(os.path.abspath(os.fsdecode(place)))
        named = any(path.is_relative_to(each) or path.name.startswith(f"{each.name}.") for each in self.allowed)
        if not named and "__pycache__" not in path.parts:
            self.outside.append(str(path))


def _judge(case: Case) -> Verdict:
    """Run the command and judge its status, what it prints and how long it takes."""
    from dann.cli.main import main

    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace")
    began, fault, status = time.process_time(), "", None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            with nullcontext() if case.draws else patch("dann.reporting.figures.draw.draw_all", return_value=[]):
                status = (case.command or main)(case.arguments)
        except SystemExit as stop:  # --help and --version
            status, fault = 0, "" if stop.code == 0 else f"exit status {stop.code}"
        except BaseException as error:
            fault = f"{type(error).__name__} at {_place(error)}: {str(error)[:120]}"
        seconds = time.process_time() - began
        err.flush()
    said = err.buffer.getvalue().decode("utf-8", "replace")
    complaints = [line for line in said.splitlines() if line.startswith("dann: ")]
    if not fault and "Traceback" in said:
        fault = "a traceback on stderr"
    if not fault and status == 2 and (len(complaints) != 1 or not said.endswith(complaints[0] + "\n")):
        fault = f"not one line: {said[-200:]!r}"
    if not fault and seconds > SLOW:
        fault = f"took {seconds:.1f} s"
    return Verdict(status, fault, seconds, complaints[-1] if complaints else "")


def _place(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/dann/" in frame.filename]
    last = frames[-1] if frames else traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename.rpartition('/dann/')[2]}:{last.lineno}"
