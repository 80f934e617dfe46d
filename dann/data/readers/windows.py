"""Windows of recordings, and series of unequal length brought to one."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dann.data.readers.recordings import Recording
from dann.errors import BadInput
from dann.files.input_limits import check_size

WIDEST = 8  # bytes of a value


class Cut(NamedTuple):
    """Series of one length.

    Attributes:
        x: shape ``(N, C, T)``.
        y: the label of each as written, shape ``(N,)``; None where the recordings have none.
        note: how many there are, and what was left out or changed.
    """

    x: NDArray[Any]
    y: NDArray[Any] | None
    note: str


def cut_windows(recordings: Sequence[Recording], window: int, stride: int) -> Cut:
    """Cut recordings into windows; none reaches over the end of a recording.

    The label of a window is the one that most of its steps have; of several, the one that occurs first.

    Args:
        window: steps of a window.
        stride: steps from the start of a window to that of the next.

    Raises:
        BadInput: no recording is as long as a window.
    """
    places = [(each, start) for each in recordings for start in range(0, len(each.values) - window + 1, stride)]
    if not places:
        longest = max(len(each.values) for each in recordings)
        raise BadInput(f"{recordings[0].place}: no recording is as long as a window ({longest} steps): shorten window")
    check_size(recordings[0].place, len(places) * window * recordings[0].values.shape[1] * WIDEST)
    x = np.stack([each.values[start : start + window].T for each, start in places])
    y = None
    if recordings[0].labels is not None:
        y = np.array([majority(_labels(each)[start : start + window]) for each, start in places])
    steps = sum(len(each.values) for each in recordings)
    used = sum(_covered(len(each.values), window, stride) for each in recordings)
    rest = f", {steps - used} steps at the ends left out" if steps > used else ""
    count = f"{len(recordings)} recording{'s' * (len(recordings) > 1)}"
    return Cut(x, y, f"{len(places)} windows of {window} steps, one every {stride}, from {count}{rest}")


def fit_length(recordings: Sequence[Recording], length: int | None) -> Cut:
    """Bring whole series to one length: a shorter one repeats its last step, a longer one loses its end.

    Args:
        length: steps of a series; None where all have the same.

    Raises:
        BadInput: they have not, or the steps of a series have several labels.
    """
    lengths = [len(each.values) for each in recordings]
    if length is None and len(set(lengths)) > 1:
        found = f"series of {min(lengths)} to {max(lengths)} steps"
        raise BadInput(f"{recordings[0].place}: {found}: set length, to pad shorter and cut longer ones, or window")
    steps = lengths[0] if length is None else length
    check_size(recordings[0].place, len(recordings) * steps * recordings[0].values.shape[1] * WIDEST)
    for each in recordings:
        if each.labels is not None and len(np.unique(each.labels)) > 1:
            names = ", ".join(str(label) for label in np.unique(each.labels)[:3])
            raise BadInput(f"{each.place}: its steps have several labels ({names}): set window, to cut it into windows")
    x = np.stack([_fit(each.values, steps).T for each in recordings])
    y = None if recordings[0].labels is None else np.array([_labels(each)[0] for each in recordings])
    shorter, longer = sum(n < steps for n in lengths), sum(n > steps for n in lengths)
    changes = [f"{shorter} padded by their last step"] * (shorter > 0) + [f"{longer} cut at the end"] * (longer > 0)
    return Cut(x, y, ", ".join([f"{len(recordings)} series of {steps} steps", *changes]))


def majority(labels: NDArray[Any]) -> Any:
    """The label that occurs most often; of several, the one that occurs first. NaN is one label."""
    names, first, counts = np.unique(labels, return_index=True, return_counts=True)
    most = counts == counts.max()
    return names[most][first[most].argmin()]


def _labels(recording: Recording) -> NDArray[Any]:
    assert recording.labels is not None
    return recording.labels


def _covered(steps: int, window: int, stride: int) -> int:
    """The steps of a recording from the first to the last that a window holds."""
    return 0 if steps < window else (steps - window) // stride * stride + window


def _fit(values: NDArray[Any], steps: int) -> NDArray[Any]:
    missing = steps - len(values)
    return values[:steps] if missing <= 0 else np.concatenate([values, np.repeat(values[-1:], missing, axis=0)])
