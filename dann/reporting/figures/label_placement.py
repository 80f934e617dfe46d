"""Places of labels beside points. Imports no torch."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def find_room(at: Array, taken: Array, size: Array, reach: float) -> Array:
    """The way from a point to its label: of sixteen directions the one that ends farthest from other things.

    Args:
        at: the point, ``(2,)``, in points of 1/72 inch from the lower left corner of the axes.
        taken: places of examples and of labels, ``(N, 2)``.
        size: of the axes, ``(2,)``, whose edge is to be kept from as well.
        reach: length of the way.

    Returns:
        The way, ``(2,)``, in points.
    """
    turns = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    ways = reach * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    ends = at + ways
    room = np.linalg.norm(ends[:, None] - taken[None], axis=2).min(axis=1)
    edge = np.minimum(ends, size - ends).min(axis=1)
    best: Array = ways[int(np.argmax(np.minimum(room, edge)))]
    return best
