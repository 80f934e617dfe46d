"""The weights with the best score on held-out source examples, accuracy or R²: early stopping."""

from copy import deepcopy

import torch

from dann.data.domain import Split
from dann.data.number_labels import LabelScale
from dann.evaluation.regression_metrics import r_squared
from dann.methods.method import Method
from dann.training.outputs import ToInputs, compute_outputs


class BestWeights:
    """A copy of a method with its weights and buffers as they were at the best look so far, the last of those that tie.

    Looks are taken every ``every`` steps, and at the initial weights; no target label has a part in them. Training goes
    on to its last step where early stopping would end it, as in the code of Ganin et al. 2016 (GRAAL-Research,
    domain_adversarial_neural_network, ``DANN.fit``), which also goes back to the best pass over the source.

    Args:
        method: that is trained.
        every: steps between looks.
        validation: labelled examples whose accuracy, or R² of numbers, decides.
        transform: of their raw values.
        scale: by which numbers are standardised; None for classes.
    """

    def __init__(
        self,
        method: Method,
        every: int,
        validation: Split,
        transform: ToInputs,
        dtype: torch.dtype = torch.float32,
        scale: LabelScale | None = None,
    ) -> None:
        self.method, self.every = deepcopy(method).requires_grad_(False), every
        self.validation, self.transform, self.dtype, self.scale = validation, transform, dtype, scale
        self.score: float | None = None  # of the copy, where it is known
        self.step = 0  # at which its weights were those of the method

    def update(self, method: Method, steps: int) -> None:
        """Look at ``method`` after ``steps`` steps, if a look is due."""
        if steps % self.every:
            return
        if self.score is None:  # at the first look of a run, begun or resumed
            self.score = self._measure(self.method)
        score = self._measure(method)
        if score >= self.score:
            self.method.load_state_dict(method.state_dict())
            self.score, self.step = score, steps

    def _measure(self, method: Method) -> float:
        logits, y = compute_outputs(method, self.validation, self.transform, self.dtype)["logits"], self.validation.y
        if self.scale is None:
            return float((logits.argmax(dim=1) == y).double().mean())
        return r_squared(y.numpy(), self.scale.restore(logits).squeeze(1).numpy())
