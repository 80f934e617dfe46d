"""What runs filed of the plane of their inputs, read for its figure. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dann.errors import BadInput

Array = NDArray[np.float64]
Letters = list[tuple[bool, int]]  # whether the example is of the target, and its number there
MOST_CLASSES = 10  # that a run files


@dataclass(frozen=True)
class Plane:
    """What ``dann.runner.plane`` filed of one run.

    Args:
        source: inputs of source training examples, ``(N, 2)``; ``label``: their classes.
        target: inputs of target training examples, ``(M, 2)``.
        x: of the grid's columns; ``y``: of its rows.
        probabilities: of each class on the grid, ``(K, rows, columns)``; ``as_target``: of the target domain.
        discriminator: whether that is by the run's own discriminator.
        units: weights and bias of each hidden unit, ``(H, 3)``; none if there is not one hidden layer.
        source_plane: principal components of the features, ``(N, 2)``; ``target_plane``: ``(M, 2)``.
        shares: of the features' variance in these two.
    """

    source: Array
    label: Array
    target: Array
    x: Array
    y: Array
    probabilities: Array
    as_target: Array
    discriminator: Array
    units: Array
    source_plane: Array
    target_plane: Array
    shares: Array


def read_plane(path: Path) -> Plane:
    """The content of a file that ``dann.runner.plane`` wrote.

    Raises:
        BadInput: it is damaged.
    """
    try:
        with np.load(path) as stored:
            seen = Plane(**{each.name: stored[each.name].astype(np.float64) for each in fields(Plane)})
        sizes = len(seen.y), len(seen.x)
        fit = (
            seen.source.shape == seen.source_plane.shape == (len(seen.label), 2)
            and seen.target.shape == seen.target_plane.shape == (len(seen.target), 2)
            and seen.probabilities.shape[1:] == seen.as_target.shape == sizes
            and len(seen.probabilities) <= MOST_CLASSES and seen.units.shape[1:] == (3,)
            and min(len(seen.source), len(seen.target), *sizes) > 1
        )  # fmt: skip
        if not fit or not all(np.isfinite(getattr(seen, each.name)).all() for each in fields(Plane)):
            raise ValueError("other shapes or values than are written")
    except Exception as error:  # of damaged archives NumPy raises a dozen types
        raise BadInput(f"{path}: damaged: remove it to draw the figures without it") from error
    return seen


def choose_letters(seen: Plane, points: Sequence[Sequence[float]]) -> Letters:
    """The examples that have letters, A first: those next to ``points``, or four that are far from the other domain."""
    count = len(seen.source)
    both = np.concatenate([seen.source, seen.target])
    if points:
        chosen = [int(np.argmin(np.linalg.norm(both - point, axis=1))) for point in np.array(points)]
    else:
        (b, c), (a, d) = _farthest(seen.source, seen.target), _farthest(seen.target, seen.source)
        chosen = [a + count, b, c, d + count]
    return [(True, each - count) if each >= count else (False, each) for each in chosen]


def _farthest(own: Array, others: Array) -> tuple[int, int]:
    """The example farthest from all others, and one that is far from them and from the first."""
    distance = np.linalg.norm(own[:, None] - others[None], axis=2).min(axis=1)
    first = int(np.argmax(distance))
    return first, int(np.argmax(np.minimum(distance, np.linalg.norm(own - own[first], axis=1))))


def rate_domain(seen: Plane) -> str:
    """Which classifier of domains is drawn, and how many of the drawn examples it gets right."""
    rights = [
        _as_target(seen, inputs) == is_target for inputs, is_target in ((seen.source, False), (seen.target, True))
    ]
    name = "discriminator" if seen.discriminator else "logistic regression on the features"
    return f"{name}, {100 * np.mean([right.mean() for right in rights]):.0f} % right"


def _as_target(seen: Plane, inputs: Array) -> NDArray[np.bool_]:
    """Whether each example is classified as one of the target, by the point of the grid next to it."""
    columns = np.abs(seen.x - inputs[:, :1]).argmin(axis=1)
    rows = np.abs(seen.y - inputs[:, 1:]).argmin(axis=1)
    is_target: NDArray[np.bool_] = seen.as_target[rows, columns] > 0.5
    return is_target
