"""Human activity recognition with smartphones: thirty people as domains."""

import contextlib
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from dann.data.datasets.adatime_files import read_adatime
from dann.data.domain import Domain, Split
from dann.data.storage.archives import unpack
from dann.data.storage.download import Remote, download
from dann.data.storage.folders import data_folder, find_dataset_folder
from dann.errors import BadInput

INNER = "UCI HAR Dataset"
ARCHIVE = Remote(
    "https://archive.ics.uci.edu/static/public/240/human+activity+recognition+using+smartphones.zip",
    "sha256:c00b803081a5c797cd5e4b83700a9810b38d53d9d84e01917e090e1fdbc81031",
)
OTHERWISE = (
    f'put the folder "{INNER}" of the archive, or AdaTime\'s files, into uci_har/ there, or set '
    "DANN_DATA to a folder that has them"
)
PARTS = {"train": 7352, "test": 2947}
SIGNALS = tuple(f"{kind}_{axis}" for kind in ("body_acc", "body_gyro", "total_acc") for axis in "xyz")
STEPS = 128
CLASSES = ("walking", "walking upstairs", "walking downstairs", "sitting", "standing", "laying")
# AdaTime's ten pairs of source and target.
SCENARIOS = ((2, 11), (6, 23), (7, 13), (9, 18), (12, 16), (18, 27), (20, 5), (24, 8), (28, 27), (30, 20))


def uci_har(*, domain: Annotated[int, Field(ge=1, le=30)]) -> Domain:
    """UCI HAR: six activities of one of 30 people, the signals of a phone at the waist (Anguita et al. 2013).

    Source: UCI data set 240, doi 10.24432/C54S4K; licence: CC BY 4.0 as UCI states it, no commercial use as the
    archive's README does.
    10 299 windows of all people (281 to 409 each), float32, ``(N, 9, 128)``: 2.56 s at 50 Hz, half overlapping, of
    body acceleration x, y, z (in g, without gravity), angular velocity x, y, z (rad/s), and total acceleration
    x, y, z (in g), not normalised.
    Reads the raw "Inertial Signals" in ``uci_har/UCI HAR Dataset/``, else AdaTime's own files in ``uci_har/``
    (``train_2.pt`` and ``test_2.pt`` for person 2, there or in ``HAR/``, or ``adatime_train.npz`` and
    ``adatime_test.npz`` with the arrays x, y and person), else downloads the raw signals.
    The training and test windows are AdaTime's: 70 % and 30 % of each person's, drawn with the shares of the
    activities, seed 1; windows overlap, so those of one test neighbour those of training. AdaTime then normalises each
    channel by the mean and standard deviation of the split itself, the test split by its own; this is left to the
    experiment's transforms. Its ten pairs of source and target are 2→11, 6→23, 7→13, 9→18, 12→16, 18→27, 20→5, 24→8,
    28→27 and 30→20 (``SCENARIOS``).
    Anguita et al., A Public Domain Dataset for Human Activity Recognition Using Smartphones, ESANN 2013.
    Ragab et al., AdaTime, ACM Transactions on Knowledge Discovery from Data 17 (2023).

    Args:
        domain: the person.
    """
    place = find_dataset_folder("uci_har") or data_folder() / "uci_har"
    folder = place / INNER
    if not folder.is_dir():
        if (found := read_adatime(place, domain, (len(SIGNALS), STEPS), len(CLASSES))) is not None:
            (train, test), kind = found
            return Domain(f"uci_har/{domain}", train, test, CLASSES, kind)
        _fetch(folder)
    train, test = _split(folder, domain)
    return Domain(f"uci_har/{domain}", train, test, CLASSES, "UCI's raw signals, split as in AdaTime")


def _split(folder: Path, domain: int) -> list[Split]:
    """The training and the test windows of a person, from the raw signals."""
    from sklearn.model_selection import train_test_split  # takes a second to import

    x, y = _read_windows(folder, domain)
    try:
        train, test = train_test_split(np.arange(len(y)), test_size=0.3, stratify=y, random_state=1)
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise BadInput(f"{folder}: the activities of person {domain} cannot be split ({reason}): restore it") from error
    return [Split.of(torch.from_numpy(x[part]), torch.from_numpy(y[part])) for part in (train, test)]


def _fetch(folder: Path) -> None:
    """Download the archive, which holds an archive, and unpack it to ``folder``."""
    [archive] = download("uci_har", [ARCHIVE], folder.parent, OTHERWISE)
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        unpack(archive, Path(place) / "outer")
        unpack(Path(place) / "outer" / f"{INNER}.zip", Path(place) / "inner")
        try:
            (Path(place) / "inner" / INNER).rename(folder)
        except OSError:
            if not folder.is_dir():  # another process may have been faster
                raise
    archive.unlink(missing_ok=True)


def _read_windows(folder: Path, person: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Read the windows of one person, shape ``(N, 9, 128)``, and their labels: first those of UCI's training part."""
    x, y = [], []
    for part, count in PARTS.items():
        people = _read_integers(folder / part / f"subject_{part}.txt", count, 30)
        labels = _read_integers(folder / part / f"y_{part}.txt", count, len(CLASSES))
        rows = np.flatnonzero(people == person)
        if len(rows):
            files = [folder / part / "Inertial Signals" / f"{signal}_{part}.txt" for signal in SIGNALS]
            x.append(np.stack([_read_signal(file, count, rows) for file in files], axis=1))
            y.append(labels[rows] - 1)
    if not x:
        raise BadInput(f"{folder}: no windows of person {person}: restore it")
    return np.concatenate(x), np.concatenate(y)


def _read_lines(path: Path, count: int) -> list[bytes]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}): restore it") from error
    if len(lines) != count:
        raise BadInput(f"{path}: {len(lines)} lines instead of {count}: restore it")
    return lines


def _read_integers(path: Path, count: int, largest: int) -> NDArray[np.int64]:
    lines = [line.strip() for line in _read_lines(path, count)]
    for number, line in enumerate(lines, 1):
        if not line.isdigit() or not 1 <= int(line) <= largest:
            raise BadInput(f"{path}, line {number}: {_shorten(line)} is not one of 1 to {largest}: restore it")
    return np.array([int(line) for line in lines])


def _read_signal(path: Path, count: int, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Read one channel of the windows ``rows``, shape ``(len(rows), 128)``."""
    lines = _read_lines(path, count)
    values = np.full((len(rows), STEPS), np.nan)
    for place, row in enumerate(rows):
        numbers = lines[row].split()
        with contextlib.suppress(ValueError):
            values[place] = numbers if len(numbers) == STEPS else np.nan
    wrong = ~np.isfinite(values).all(axis=1)
    if wrong.any():
        row = rows[int(wrong.argmax())]
        raise BadInput(f"{path}, line {row + 1}: {_shorten(lines[row])} is not {STEPS} finite numbers: restore it")
    return values.astype(np.float32)


def _shorten(line: bytes) -> str:
    text = line.decode("ascii", "replace").strip()
    return repr(text if len(text) <= 40 else f"{text[:40]}…")
