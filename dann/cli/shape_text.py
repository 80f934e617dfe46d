"""The form and shape of an example in words."""

from collections.abc import Sequence

FORMS = {3: "images", 2: "series", 1: "vectors"}
AXES = {3: "channels × rows × columns", 2: "channels × steps", 1: "features"}  # the order in which examples are stored


def describe_shape(shape: Sequence[int]) -> str:
    """The form and the shape of a raw example."""
    return f"{FORMS[len(shape)]} {' × '.join(map(str, shape))}"


def describe_axes(shape: Sequence[int]) -> str:
    """What the axes of a raw example are."""
    return AXES[len(shape)]
