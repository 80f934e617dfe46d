"""Relations between the classes of pretraining and those of the new task."""

import numpy as np
import torch
from oracles import softmax

from dann.functional.relations import direct_relation, reverse_relation


def test_direct_relation_averages_each_class() -> None:
    probabilities = softmax(np.random.default_rng(0).normal(size=(9, 4)))
    labels = np.array([0, 1, 2, 0, 1, 2, 2, 2, 0])
    expected = np.array([probabilities[labels == y].mean(0) for y in range(3)])
    found = direct_relation(torch.from_numpy(probabilities), torch.from_numpy(labels), 3)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def test_reverse_relation_is_bayes_rule_on_a_regression() -> None:
    from sklearn.linear_model import LogisticRegression

    probabilities = softmax(3 * np.random.default_rng(0).normal(size=(60, 4)))
    labels = probabilities[:, :3].argmax(1)
    model = LogisticRegression(max_iter=1000).fit(probabilities, labels)
    expected = np.zeros((3, 4))
    for y in range(3):
        for s in range(4):
            logits = model.coef_[:, s] + model.intercept_
            expected[y, s] = np.exp(logits[y]) / np.exp(logits).sum() * probabilities[:, s].mean()
        expected[y] /= expected[y].sum()
    found = reverse_relation(torch.from_numpy(probabilities), torch.from_numpy(labels), 3).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert (found[:, :3].argmax(1) == [0, 1, 2]).all()  # each class is related most to the one that it is read from


def test_relations_of_classes_without_examples_are_0() -> None:
    probabilities, labels = torch.rand(20, 4).softmax(1), torch.arange(20) % 2 * 2
    for relate in (direct_relation, reverse_relation):
        found = relate(probabilities, labels, 3)
        torch.testing.assert_close(found.sum(1), torch.tensor([1.0, 0.0, 1.0]))
