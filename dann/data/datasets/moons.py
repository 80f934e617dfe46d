"""Inter-twinning moons of the paper's Figure 2."""

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from dann.data.domain import Domain, Split

Points = Annotated[int, Field(ge=1, le=10_000_000)]
CLASSES = ("upper moon", "lower moon")


def moons(*, points: Points = 150) -> Domain:
    """Two inter-twinning moons in the plane, centred and doubled, noise 0.05 (Ganin et al. 2016, section 5.1.1).

    Made by scikit-learn's ``make_moons`` with fixed seeds: 300 + 300 vectors, shape ``(N, 2)``, values from about −3.2
    to 3.3. Licence: none needed, they are made here.

    Args:
        points: examples of each moon in each split; 150 in the paper, 75 in its authors' code.
    """
    return _moons("moons", points, degrees=0.0, first_seed=0)


def moons_rotated(*, points: Points = 150, degrees: float = 35.0) -> Domain:
    """The same moons drawn anew and turned counter-clockwise about their centre, by 35° in the paper.

    All else is as in ``moons`` (Ganin et al. 2016): shape ``(N, 2)``, values, and that no licence is needed.

    Args:
        points: examples of each moon in each split.
        degrees: angle of the turn.
    """
    return _moons("moons_rotated", points, degrees, first_seed=2)


def _moons(name: str, points: int, degrees: float, first_seed: int) -> Domain:
    train, test = (_draw(points, degrees, first_seed + part) for part in (0, 1))
    return Domain(name, train, test, CLASSES, "scikit-learn's make_moons")


def _draw(points: int, degrees: float, seed: int) -> Split:
    """Draw ``2 · points`` examples, centred by the fixed centre of the noiseless moons, (0.5, 0.25)."""
    from sklearn.datasets import make_moons  # takes a second to import

    x, y = make_moons((points, points), noise=0.05, random_state=seed)
    centred = 2.0 * (torch.from_numpy(x) - torch.tensor([0.5, 0.25], dtype=torch.float64))
    return Split.of((centred @ _rotation(degrees)).float(), torch.from_numpy(y))


def _rotation(degrees: float) -> Tensor:
    """The matrix that turns row vectors counter-clockwise."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return torch.tensor([[cosine, sine], [-sine, cosine]], dtype=torch.float64)
