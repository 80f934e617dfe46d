"""A linear support vector machine on the labelled examples, the shallow baseline of Ganin et al. 2016, Table 1."""

import math
from typing import Annotated, Any

import numpy as np
import scipy.sparse
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from dann.data.loading.full_pass import FullPass
from dann.data.loading.stream import Batch
from dann.functional.predictions import label_loss
from dann.methods.method import Method
from dann.networks.network import Network, Outputs

SPARSE = 0.1  # the largest share of values other than 0 that makes a sparse matrix faster


class LinearSvm(Method):
    """Linear SVM: scikit-learn's ``LinearSVC``, fitted once, before the first step.

    Its loss is the squared hinge, solved in the primal. No step changes any weight: rates, batches and the number of
    steps have no effect, and ``train: {steps: 1}`` is enough. Its features are the inputs themselves, and the layers of
    the network are not used; only if the network has a pretrained backbone, they are that network's features before
    training. Several classes are one against the rest. The scores of the machine take the place of logits, minus and
    plus half of the score for two classes: probabilities, calibration errors and the logged label loss are those of a
    softmax of uncalibrated scores. Unlabelled target examples are never read.

    Ganin et al. 2016, section 5.1.3, choose C among 10 values from 1e-5 to 1 on a logarithmic scale.

    Args:
        c: the inverse weight of the penalty.
    """

    milestones = (0.0,)

    def __init__(self, network: Network, *, c: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0) -> None:
        super().__init__(network)
        self.c = c
        width = math.prod(network.input_shape) if network.backbone is None else network.feature_dim
        self.machine = nn.Linear(width, network.num_classes)
        nn.init.zeros_(self.machine.weight)
        nn.init.zeros_(self.machine.bias)

    def outputs(self, x: Tensor) -> Outputs:
        features = x.flatten(1) if self.network.backbone is None else self.network.features(x)
        return {"features": features, "logits": self.machine(features)}

    def phase_parameters(self, phase: str) -> list[nn.Parameter]:
        return []

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        with torch.no_grad():
            return {"label": label_loss(self.predict(batch.source_x), batch.source_y, batch.source_weight)}

    def refresh(self, full_pass: FullPass, progress: float, evaluated: Method) -> None:
        read = [(self.outputs(x)["features"].float().cpu(), y.cpu()) for x, y in full_pass.source()]
        features, labels = torch.cat([x for x, _ in read]).numpy(), torch.cat([y for _, y in read]).numpy()
        weight, bias = _fit(features, labels, self.network.num_classes, self.c)
        self.machine.weight.copy_(torch.from_numpy(weight))
        self.machine.bias.copy_(torch.from_numpy(bias))


def _fit(x: NDArray[np.float32], y: NDArray[np.int64], classes: int, c: float) -> tuple[Any, Any]:
    """The weights ``(K, D)`` and biases ``(K,)`` of the machine; classes without examples are never predicted."""
    from sklearn.svm import LinearSVC  # here: it takes a second to import

    is_sparse = np.count_nonzero(x) < SPARSE * x.size
    inputs = scipy.sparse.csr_matrix(x, dtype=np.float64) if is_sparse else x.astype(np.float64)
    machine = LinearSVC(C=c, dual=False).fit(inputs, y)
    weight, bias = machine.coef_, machine.intercept_
    if len(machine.classes_) == 2:
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    all_weights, all_biases = np.zeros((classes, x.shape[1])), np.full(classes, np.finfo(np.float32).min / 2)
    all_weights[machine.classes_], all_biases[machine.classes_] = weight, bias
    return all_weights, all_biases
