"""Bad input as the exception that scikit-learn's callers expect."""

from collections.abc import Iterator
from contextlib import contextmanager

from dann.errors import BadInput


@contextmanager
def as_value_error() -> Iterator[None]:
    """A context in which bad input is a ValueError, with the same message."""
    try:
        yield
    except BadInput as error:
        raise ValueError(str(error)) from error
