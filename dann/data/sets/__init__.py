"""Domains by the name an experiment file gives them: each takes ``(*, options)`` and returns a ``Domain``."""

from collections.abc import Callable

from dann.data.domain import Domain
from dann.data.sets import digits, mnist, moons

DOMAINS: dict[str, Callable[..., Domain]] = {
    "digits": digits.digits,
    "digits_m": digits.digits_m,
    "mnist": mnist.mnist,
    "mnist_m": mnist.mnist_m,
    "moons": moons.moons,
    "moons_rotated": moons.moons_rotated,
}
