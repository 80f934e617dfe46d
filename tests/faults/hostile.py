"""Hostile input: files that would run code, leave their folder or fill the memory, and names that would do so."""

import contextlib
import json
import os
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import tarfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py  # noqa: F401  # what readers import takes seconds, which are not theirs
import numpy as np
import scipy.io  # noqa: F401
import sklearn.datasets  # noqa: F401
import torch
from hostile_files import BOMBS, CALLS, GIB, PICKLES, Call, tar_of, zip_of
from outcome import Outcome

from dann.config.experiment import read_experiment
from dann.config.naming import printable, slug, spreadsheet_text
from dann.data.input_pipeline import INPUTS, read_inputs
from dann.data.readers.array_files import read_arrays
from dann.data.readers.image_files import decode_image
from dann.data.readers.labelled_csv import read_rows
from dann.data.readers.safe_pickle import read_plain_pickle
from dann.data.readers.svmlight import read_svmlight
from dann.data.storage.archives import unpack
from dann.data.transforms.transform_options import TransformOptions
from dann.errors import BadInput
from dann.networks.weights import read_weights
from dann.runner.records import RECORD, read_record
from dann.training.checkpoint import read_shapes

SECONDS, MEMORY = 5, 4 * GIB  # of the processor for one refusal, and bytes beyond what Python and PyTorch take
Reader = Callable[[Path], Any]
READERS: dict[str, Reader] = {
    "x.npy": read_arrays, "x.npz": read_arrays, "x.pt": read_arrays, "x.mat": read_arrays, "x.svm.gz": read_svmlight,
    "weights.pth": lambda path: read_weights(torch.nn.Linear(2, 2), path), "checkpoint.pt": read_shapes,
    INPUTS: lambda path: read_inputs(path.parent, TransformOptions()), "x.pickle": read_plain_pickle,
    "x.png": lambda path: decode_image(path, 8, "squash"), "x.csv": read_rows, "x.yaml": read_experiment,
    RECORD: lambda path: read_record(path.parent), "x.tar": lambda path: unpack(path, path.with_name("out")),
    "x.zip": lambda path: unpack(path, path.with_name("out")),
}  # fmt: skip
NAMES = ("../{}", "a/../../{}", "/tmp/{}", "..\\{}", "C:\\{}", "a/./../../{}", "{}", "fine.txt", "a\n{}",
         "x" * 300)  # fmt: skip
HOSTILE_PARTS = ("..", "/", "\\", "\0", "\n", "\x1b[2J", "\u202e", "-", "=", "+", "@", "CON", "nul", " ", ".", "a",
                 "é", "\t", "\r", ";", ",", "|", "$", "<script>", "\udc80", "x" * 500, "seed-0",
                 "experiment.yaml")  # fmt: skip


def measure(cases: int, seed: int, folder: Path) -> list[Outcome]:
    """Provoke ``cases`` inputs of each kind, drawn with ``seed``; bombs and special files once each at most."""
    draw = random.Random(seed)
    return [
        _count("files with code", "refused, and nothing ran", cases, lambda place: _pickle(draw, place), folder),
        _count("archives that lead outside", "refused or kept inside", cases, lambda at: _archive(draw, at), folder),
        _count("names of variants, tasks and classes", "one folder inside; no command of a terminal, no formula", cases,
               lambda place: _name(draw), folder),
        _special_files(min(cases, 4 * len(READERS)), draw, folder),
        _bombs(min(cases, len(BOMBS)), draw, folder),
    ]  # fmt: skip


def _count(what: str, right: str, cases: int, provoke: Callable[[Path], bool], folder: Path) -> Outcome:
    wrong = 0
    for number in range(cases):
        place = folder / re.sub(r"\W", "-", what) / str(number)
        place.mkdir(parents=True)
        wrong += not provoke(place)
    return Outcome(what, right, cases, wrong)


def _is_refused(read: Reader, path: Path) -> bool:
    """Whether a reader raises the one exception for bad input, in time."""
    try:
        with _deadline():
            read(path)
    except BadInput:
        return True
    except (Exception, _LateError):
        return False
    return False


class _LateError(BaseException):
    """The end of the time; no reader takes it for an error of a file."""


@contextlib.contextmanager
def _deadline() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise _LateError

    before = [(name, signal.signal(name, stop)) for name in (signal.SIGPROF, signal.SIGALRM)]
    signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of the processor: other processes may share it
    signal.alarm(10 * SECONDS)  # of the clock: one that waits takes no time of the processor
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
        for name, handler in before:
            signal.signal(name, handler)


def _pickle(draw: random.Random, place: Path) -> bool:
    marker, name = (
        place / "code ran",
        draw.choice([name for name in READERS if name not in ("x.csv", "x.tar", "x.zip")]),
    )
    make = PICKLES[draw.choice(list(PICKLES))]
    (place / name).write_bytes(make(Call(draw.choice(CALLS), marker), draw.randrange(6)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says which protocols it does not expect
        return _is_refused(READERS[name], place / name) and not marker.exists()


def _archive(draw: random.Random, place: Path) -> bool:
    """One archive with a member that leads outside, is a link or a device, or is there twice."""
    inside, mark = place / "inside", f"escaped-{draw.randrange(10**9)}"
    inside.mkdir()
    name = draw.choice(NAMES).format(mark)
    kinds = [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
    link = draw.choice(["/etc/passwd", "../../..", "fine.txt", "/", ".."])
    made = (tar_of(name, draw.choice(kinds), draw.choice(["w", "w:gz", "w:bz2", "w:xz"]), link) if draw.random() < 0.6
            else zip_of(name, draw.choice([0o100644, 0o120777, 0o010644, 0o020644])))  # fmt: skip
    (inside / "archive").write_bytes(made)
    with contextlib.suppress(BadInput):
        unpack(inside / "archive", inside / "out")
    outside = [path for path in (place, inside, Path("/tmp"), Path("/"), Path.cwd()) for path in path.glob(f"*{mark}*")]
    strange = [path for path in inside.rglob("*")
               if not (path.is_file() or path.is_dir()) or not path.resolve().is_relative_to(inside)]  # fmt: skip
    return not outside and not strange and {path.name for path in inside.iterdir()} <= {"archive", "out"}


def _name(draw: random.Random) -> bool:
    name = "".join(draw.choice(HOSTILE_PARTS) for _ in range(draw.randrange(1, 12)))
    folder, cells = slug(name), re.split(r"[,;|\t\r\n]", spreadsheet_text(name))
    return (
        bool(re.fullmatch(r"\w[\w.-]*", folder)) and len(folder.encode()) <= 200 and not folder.endswith(".")
        and not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", printable(name))
        and not any(re.match(r"\s*[=+\-@]", cell) for cell in cells)
    )  # fmt: skip


def _special_files(cases: int, draw: random.Random, folder: Path) -> Outcome:
    """A FIFO, a socket, a device and a folder in place of each file."""
    every = [(name, kind) for name in READERS for kind in ("fifo", "socket", "device", "folder")]
    wrong = 0
    for number, (name, kind) in enumerate(draw.sample(every, cases)):
        path = folder / f"special-{number}" / name
        path.parent.mkdir()
        if kind == "socket":
            with socket.socket(socket.AF_UNIX) as bound, contextlib.chdir(path.parent):  # paths of sockets are short
                bound.bind(name)
        else:
            {"fifo": os.mkfifo, "folder": os.mkdir, "device": lambda at: os.symlink("/dev/zero", at)}[kind](path)
        wrong += not _is_refused(READERS[name], path)
    right = f"refused within {SECONDS} s of the processor"
    return Outcome("FIFO, socket, device or folder in place of a file", right, cases, wrong)


def _bombs(cases: int, draw: random.Random, folder: Path) -> Outcome:
    """Files that unpack to gigabytes, or claim them, read by a process with little memory."""
    paths = [folder / name for name in draw.sample(list(BOMBS), cases)]
    for path in paths:
        path.write_bytes(BOMBS[path.name]())
    answer = subprocess.run([sys.executable, __file__, *map(str, paths)], capture_output=True, text=True)
    seconds = [json.loads(line) for line in answer.stdout.splitlines()]
    slowest = max((each for each in seconds if each is not None), default=np.nan)
    detail = f"the slowest took {slowest:.1f} s" + (f"; {answer.stderr[-300:]}" if answer.returncode else "")
    right = f"refused within {SECONDS} s of the processor and {MEMORY // GIB} GiB"
    refused = sum(each is not None for each in seconds)
    return Outcome("bombs: packed zeros, claimed sizes", right, cases, cases - refused, detail)


def main(paths: list[str]) -> None:
    """Read bombs; prints for each the seconds until it was refused, or null."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    for path in map(Path, paths):
        read = READERS[f"x{''.join(path.suffixes).replace('.tar.gz', '.tar')}"]
        began = time.process_time()
        refused = _is_refused(read, path)
        print(json.dumps(time.process_time() - began if refused else None), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
