import numpy as np
import pytest
import torch

from dann.functional import neighbours
from dann.functional.neighbours import nearest_others, neighbour_agreement, neighbours_agree, reciprocal_affinity


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


@pytest.mark.parametrize("chunk", [1, 70, 2**24])
def test_the_nearest_others_by_cosine(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "CHUNK", chunk)
    features, rows = np.random.default_rng(0).normal(size=(30, 4)), [4, 29, 0, 4]
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    expected = [[j for j in np.argsort(-(unit @ unit[i])) if j != i][:3] for i in rows]
    assert nearest_others(torch.tensor(rows), torch.from_numpy(unit), 3).tolist() == expected
    assert nearest_others(torch.tensor(rows), torch.from_numpy(unit), 99).shape == (4, 29)


def test_an_example_equal_to_another_is_not_its_own_neighbour() -> None:
    assert nearest_others(torch.tensor([0, 2]), torch.ones(3, 1), 2).sort(1).values.tolist() == [[1, 2], [0, 1]]


def test_affinity_is_one_of_reciprocal_neighbours() -> None:
    expanded = torch.tensor([[[1, 2], [0, 5]], [[7, 3], [4, 4]]])
    affinity = reciprocal_affinity(torch.tensor([5, 3]), expanded, 0.1, torch.float64)
    assert affinity.tolist() == [[0.1, 1.0], [1.0, 0.1]]


def test_agreement_is_the_weighted_sum_of_products() -> None:
    random = np.random.default_rng(0)
    p, s, a = random.dirichlet(np.ones(4), 3), random.dirichlet(np.ones(4), (3, 2)), random.random((3, 2))
    expected = np.mean([sum(a[i, k] * s[i, k] @ p[i] for k in range(2)) for i in range(3)])
    given = [torch.from_numpy(each).requires_grad_() for each in (p, s, a)]
    assert neighbour_agreement(*given).item() == pytest.approx(expected, rel=1e-12)
    assert torch.autograd.gradcheck(neighbour_agreement, given)
