"""Domains by the name an experiment file gives them: each takes ``(*, options)`` and returns a ``Domain``."""

from collections.abc import Callable

from dann.data import digits, mnist, moons
from dann.data.domain import Domain, Split
from dann.data.pair import Pair
from dann.data.stream import Batch, Stream, derive
from dann.data.transforms import Normalise

DOMAINS: dict[str, Callable[..., Domain]] = {
    "digits": digits.digits,
    "digits_m": digits.digits_m,
    "mnist": mnist.mnist,
    "mnist_m": mnist.mnist_m,
    "moons": moons.moons,
    "moons_rotated": moons.moons_rotated,
}

__all__ = ["DOMAINS", "Batch", "Domain", "Normalise", "Pair", "Split", "Stream", "derive"]
