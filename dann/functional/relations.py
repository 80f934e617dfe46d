"""Relations p(s | y) between the classes s of pretraining and y of the new task (You et al. 2020, Co-Tuning)."""

import torch
from torch import Tensor
from torch.nn import functional as F


def direct_relation(probabilities: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """p(s | y) as the mean prediction over the examples of each class y, shape ``(K, S)``.

    Args:
        probabilities: of the S classes of pretraining, shape ``(N, S)``.
        labels: class indices, shape ``(N,)``. A class without examples has a row of zeros.
        num_classes: K.
    """
    members = F.one_hot(labels, num_classes).to(probabilities.dtype)
    return members.T @ probabilities / members.sum(0).clamp_min(1)[:, None]


def reverse_relation(probabilities: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """p(s | y) ∝ p(y | s) p(s), shape ``(K, S)``, with p(y | s) from a logistic regression of labels on predictions.

    p(s) is the mean prediction; p(y | s) is the regression's output for the one-hot prediction of s. The regression has
    scikit-learn's default penalty, C = 1, because no examples are held out to choose another.

    Args:
        probabilities: of the S classes of pretraining, shape ``(N, S)``.
        labels: class indices, shape ``(N,)``. A class without examples has a row of zeros.
        num_classes: K.
    """
    from sklearn.linear_model import LogisticRegression  # takes a second to import

    model = LogisticRegression(max_iter=1000).fit(probabilities.double().cpu().numpy(), labels.cpu().numpy())
    certain = torch.eye(probabilities.shape[1], dtype=torch.float64)
    of_classes = torch.from_numpy(model.predict_proba(certain.numpy())).T  # p(y | s), shape (K, S)
    joint = of_classes * probabilities.double().cpu().mean(0)
    relation = torch.zeros(num_classes, joint.shape[1], dtype=torch.float64)
    relation[torch.from_numpy(model.classes_)] = joint / joint.sum(1, keepdim=True)
    return relation.to(probabilities)
