"""Series of the user's own: recordings of sensors, cut into windows or brought to one length."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dann.data.domain import Domain, Split
from dann.data.readers.example_arrays import ArrayFormat, to_examples
from dann.data.readers.label_arrays import index_labels
from dann.data.readers.label_spellings import LabelReading, Unlabelled
from dann.data.readers.recording_csv import read_recording_csv
from dann.data.readers.recordings import Recording, RecordingFile, read_recording_arrays
from dann.data.readers.windows import Cut, cut_windows, fit_length
from dann.errors import BadInput
from dann.files.user_paths import resolve_user_path

SeriesLayout = Literal["ncl", "nlc"]
Steps = Annotated[int, Field(ge=1, le=1_000_000)]
CHANNELS_FIRST = ArrayFormat(layout="ncl")


def series(
    *,
    path: str,
    test: str | None = None,
    window: Steps | None = None,
    stride: Steps | None = None,
    length: Steps | None = None,
    channels: Annotated[list[str | int], Field(min_length=1)] | None = None,
    layout: SeriesLayout | None = None,
    unlabelled: Unlabelled = None,
) -> Domain:
    """Your own series of sensors: whole series, or long recordings cut into windows; float32, ``(N, C, T)``.

    A CSV file has a line for each step and a column for each channel; its first line names them. The columns ``label``,
    ``series`` (the recording that a step belongs to) and ``split`` (``train`` or ``test``) are optional; ``time``,
    ``timestamp`` and ``step`` are left out. A .npz, .npy, .pt, .pth or .mat file holds ``x``: N series ``(N, C, T)`` or
    ``(N, T, C)``, one recording ``(T, C)``, or with ``lengths`` N series one after the other; ``y``, a label for each
    series or each step; ``x_test``, ``y_test`` and ``lengths_test`` likewise; and ``classes``. NaN is a missing value.

    Channels are normalised by their own domain with ``data.transform: {normalise: domain}``. Where windows overlap,
    examples that are held out of them for validation or test share steps with training: name another recording as
    ``test``.

    Args:
        path: the file, from the working directory, else from the data folder.
        test: a second file, for the test split.
        window: steps of a window, into which every series is cut; its label is that of most of its steps, of several
            the first.
        stride: steps from one window to the next; by default ``window``, so that none overlap.
        length: steps of a whole series; shorter ones repeat their last step, longer ones lose their end.
        channels: names of columns, or numbers from 0 in arrays: the channels to take, in this order, so that two
            domains have the same.
        layout: ``ncl`` or ``nlc`` of N series, where the shape does not decide it: C channels, L steps in time.
        unlabelled: labels that mean there is none, as for ``csv``.

    Raises:
        BadInput: a file is missing or damaged, or the options do not fit it.
    """
    if window is None and stride is not None:
        raise BadInput("series: stride is of windows: set window, or leave stride out")
    if window is not None and length is not None:
        raise BadInput("series: window and length exclude each other: leave one out")
    file = resolve_user_path(path)
    first = _read(file, layout)
    files = {part: (first, recordings) for part, recordings in first.parts.items()}
    if test is not None:
        files["test"] = _read_test(file, test, first, layout)
    cuts: dict[str, Cut] = {}
    for part, (source, recordings) in files.items():
        chosen = _choose(recordings, source, channels)
        cuts[part] = fit_length(chosen, length) if window is None else cut_windows(chosen, window, stride or window)
    splits, reading = _to_splits(file, cuts, first.classes, unlabelled)
    notes = [f"{file.name}, {part}: {cut.note}" for part, cut in cuts.items()]
    if window is not None and (stride or window) < window and "test" not in cuts:
        notes.append(f"{file.name}: windows overlap, so held-out ones share steps with training: name a test file")
    return Domain(file.stem, splits[0], splits[1] if len(splits) > 1 else None, reading.classes, f"series in {path}",
                  label_notes=reading.notes, notes=tuple(notes))  # fmt: skip


def cut_series(file: Path, options: Mapping[str, Any], steps: int) -> NDArray[Any]:
    """The series of a file of a user's, without their labels, as a domain with these options has them, ``(N, C, T)``.

    Args:
        options: those of ``series``.
        steps: T, to which whole series are brought.
    """
    source = _read(file, options["layout"])
    unlabelled = [Recording(each.place, each.values, None) for part in source.parts.values() for each in part]
    chosen, window = _choose(unlabelled, source, options["channels"]), options["window"]
    cut = fit_length(chosen, steps) if window is None else cut_windows(chosen, window, options["stride"] or window)
    return cut.x


def _read(file: Path, layout: SeriesLayout | None) -> RecordingFile:
    text = file.suffix.lower() in (".csv", ".tsv", ".txt")
    return read_recording_csv(file) if text else read_recording_arrays(file, layout)


def _read_test(
    file: Path, test: str, first: RecordingFile, layout: SeriesLayout | None
) -> tuple[RecordingFile, list[Recording]]:
    """The recordings of a second file, all of which are the test split."""
    other = resolve_user_path(test)
    if other.samefile(file):
        raise BadInput(f"{file} is named for training and for test: name two files, or leave `test` out")
    if "test" in first.parts:
        raise BadInput(f"{file} holds a test split: leave `test` out")
    second = _read(other, layout)
    if "test" in second.parts:
        raise BadInput(f"{other} holds a test split of its own: take it out, for the whole file is one")
    return second, second.parts["train"]


def _choose(recordings: list[Recording], source: RecordingFile, channels: list[str | int] | None) -> list[Recording]:
    """The recordings with the chosen channels, in their order."""
    counts = {each.values.shape[1] for each in recordings}
    if counts != {len(source.channels)}:
        raise BadInput(
            f"{recordings[0].place}: {max(counts)} channels, training {len(source.channels)}: make them alike"
        )
    if channels is None:
        return recordings
    places = []
    for name in channels:
        if str(name) not in source.channels:
            known = ", ".join(source.channels[:12])
            raise BadInput(f"{recordings[0].place}: channels: there is no {name!r} among {known}: correct the list")
        places.append(source.channels.index(str(name)))
    return [Recording(each.place, each.values[:, places], each.labels) for each in recordings]


def _to_splits(
    file: Path, cuts: dict[str, Cut], classes: Sequence[str] | None, unlabelled: Unlabelled
) -> tuple[list[Split], LabelReading]:
    labels = [
        (f"{file}: {part}", np.full(len(cut.x), np.nan) if cut.y is None else cut.y) for part, cut in cuts.items()
    ]
    indices, reading = index_labels(labels, classes, unlabelled)
    examples = [to_examples(cut.x, f"{file}: {part}", CHANNELS_FIRST) for part, cut in cuts.items()]
    if len({x.shape[1:] for x in examples}) > 1:
        train, test = (tuple(x.shape[1:]) for x in examples)
        raise BadInput(
            f"{file}: series of shape {train} in training, {test} in the test split: set channels, length or window"
        )
    return [Split.of(x, y) for x, y in zip(examples, indices, strict=True)], reading
