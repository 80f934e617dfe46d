"""Class centroids and the nearest one, against loops in NumPy."""

import numpy as np
import pytest
import torch
from oracles import norm, normal, softmax

from dann.functional.centroids import centroids, nearest_centroid


def extended(feature: np.ndarray) -> list[float]:
    """Liang et al. 2020's code: a feature with a 1 appended, at unit length."""
    longer = [*feature, 1.0]
    return [value / norm(np.array(longer)) for value in longer]


def oracle_centroids(features: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Liang et al. 2020, equation (4): c_k = Σ p_k f̂ / Σ p_k."""
    (n, d), classes = features.shape, probabilities.shape[1]
    result = np.empty((classes, d + 1))
    for k in range(classes):
        for j in range(d + 1):
            total = sum(probabilities[i, k] * extended(features[i])[j] for i in range(n))
            result[k, j] = total / sum(probabilities[i, k] for i in range(n))
    return result


@pytest.mark.parametrize(("n", "d", "classes"), [(6, 3, 4), (9, 5, 2)])
def test_centroids_and_the_nearest_match_their_oracles(n: int, d: int, classes: int) -> None:
    features, probabilities = normal(n, d), softmax(2 * normal(n, classes, seed=1))
    c = centroids(torch.from_numpy(features), torch.from_numpy(probabilities))
    expected = oracle_centroids(features, probabilities)
    np.testing.assert_allclose(c.numpy(), expected, rtol=1e-10)
    nearest = []
    for feature in features:
        cosines = [sum(a * b for a, b in zip(extended(feature), row, strict=True)) / norm(row) for row in expected]
        nearest.append(max(range(classes), key=cosines.__getitem__))
    assert len(set(nearest)) > 1
    assert nearest_centroid(torch.from_numpy(features), c).tolist() == nearest


def test_centroids_of_one_hot_probabilities_are_the_class_means() -> None:
    features = normal(6, 3)
    c = centroids(torch.from_numpy(features), torch.eye(2, dtype=torch.float64)[torch.tensor([0, 1, 0, 0, 1, 0])])
    for k, members in enumerate(([0, 2, 3, 5], [1, 4])):
        np.testing.assert_allclose(c[k].numpy(), np.mean([extended(features[i]) for i in members], axis=0), rtol=1e-12)


def test_a_class_without_examples_is_nobodys_nearest() -> None:
    features = torch.tensor([[5.0, 0.0], [4.0, 3.0]], dtype=torch.float64)
    c = centroids(features, torch.eye(3, dtype=torch.float64)[torch.tensor([0, 2])])
    assert torch.isfinite(c).all()
    assert nearest_centroid(torch.cat([features, -features]), c).tolist() == [0, 2, 2, 0]  # at any angle whatever


def test_scale_of_probabilities_and_of_centroids_does_not_matter_and_that_of_features_does() -> None:
    features, probabilities = torch.from_numpy(normal(7, 3)), torch.from_numpy(softmax(normal(7, 4, seed=1)))
    c = centroids(features, probabilities)
    scales = torch.tensor([0.01, 1.0, 5.0, 100.0], dtype=torch.float64)
    torch.testing.assert_close(centroids(features, probabilities * scales), c, rtol=1e-12, atol=0)
    assert torch.equal(nearest_centroid(features, c * scales[:, None]), nearest_centroid(features, c))
    small, large = centroids(1e-6 * features, probabilities), centroids(1e6 * features, probabilities)
    torch.testing.assert_close(small[:, 3], torch.ones(4, dtype=torch.float64))  # the appended 1 is all there is
    assert (large[:, 3].abs() < 1e-5).all()  # and nothing of it is left
    assert torch.isfinite(centroids(0 * features, probabilities)).all()
