"""Domains by the name an experiment file gives them: each takes ``(*, options)`` and returns a ``Domain``."""

from collections.abc import Callable

from dann.data.digits import digits, digits_m
from dann.data.domain import Domain, Split
from dann.data.mnist import mnist, mnist_m
from dann.data.moons import moons, moons_rotated
from dann.data.pair import Pair
from dann.data.stream import Batch, Stream, derive
from dann.data.transforms import Normalise

DOMAINS: dict[str, Callable[..., Domain]] = {
    "digits": digits,
    "digits_m": digits_m,
    "mnist": mnist,
    "mnist_m": mnist_m,
    "moons": moons,
    "moons_rotated": moons_rotated,
}

__all__ = ["DOMAINS", "Batch", "Domain", "Normalise", "Pair", "Split", "Stream", "derive"]
