import numpy as np
import pytest
import torch

from dann.functional import neighbours
from dann.functional.neighbours import neighbours_agree


@pytest.mark.parametrize("chunk", [1, 70, 2**24])
def test_all_of_the_nearest_by_euclidean_distance_agree(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "CHUNK", chunk)
    random = np.random.default_rng(0)
    known, known_labels = random.normal(size=(30, 4)), random.integers(2, size=30)
    features, labels = random.normal(size=(50, 4)), random.integers(2, size=50)
    distances = np.linalg.norm(features[:, None] - known[None], axis=2)
    nearest = distances.argsort(axis=1)[:, :3]
    expected = (known_labels[nearest] == labels[:, None]).all(axis=1)
    assert 0 < expected.sum() < 50
    given = (torch.from_numpy(each) for each in (features, labels, known, known_labels))
    assert neighbours_agree(*given, k=3).tolist() == expected.tolist()
