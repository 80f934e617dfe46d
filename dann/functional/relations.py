"""How the classes of one task relate to those of another (You et al. 2020, Co-Tuning)."""

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn import functional as F


def direct_relation(probabilities: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """p(s | y): the mean prediction of the examples of each class y, shape ``(K, S)``.

    Args:
        probabilities: of the S other classes, shape ``(N, S)``.
        labels: class indices, shape ``(N,)``; the row of a class without an example is 0.
        num_classes: K.
    """
    members = F.one_hot(labels, num_classes).to(probabilities.dtype)
    return members.T @ probabilities / members.sum(0).clamp_min(1)[:, None]


def reverse_relation(probabilities: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """p(s | y) ∝ p(y | s) p(s), shape ``(K, S)``: p(y | s) by logistic regression of labels on predictions.

    p(s) is the mean prediction; p(y | s) is what the regression gives for the prediction that is certain of s. The
    regression has scikit-learn's default penalty, C = 1; nothing is set apart to choose another by.

    Args:
        probabilities: of the S other classes, shape ``(N, S)``.
        labels: class indices, shape ``(N,)``; the row of a class without an example is 0.
        num_classes: K.
    """
    model = LogisticRegression(max_iter=1000).fit(probabilities.double().cpu().numpy(), labels.cpu().numpy())
    certain = torch.eye(probabilities.shape[1], dtype=torch.float64)
    of_classes = torch.from_numpy(model.predict_proba(certain.numpy())).T  # p(y | s), shape (K, S)
    joint = of_classes * probabilities.double().cpu().mean(0)
    relation = torch.zeros(num_classes, joint.shape[1], dtype=torch.float64)
    relation[torch.from_numpy(model.classes_)] = joint / joint.sum(1, keepdim=True)
    return relation.to(probabilities)
