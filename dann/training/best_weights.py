"""The weights with the best accuracy on held-out source examples: early stopping."""

from copy import deepcopy

import torch

from dann.data.domain import Split
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
        validation: labelled examples whose accuracy decides.
        transform: of their raw values.
    """

    def __init__(
        self, method: Method, every: int, validation: Split, transform: ToInputs, dtype: torch.dtype = torch.float32
    ) -> None:
        self.method, self.every = deepcopy(method).requires_grad_(False), every
        self.validation, self.transform, self.dtype = validation, transform, dtype
        self.accuracy: float | None = None  # of the copy, where it is known
        self.step = 0  # at which its weights were those of the method

    def update(self, method: Method, steps: int) -> None:
        """Look at ``method`` after ``steps`` steps, if a look is due."""
        if steps % self.every:
            return
        if self.accuracy is None:  # at the first look of a run, begun or resumed
            self.accuracy = self._measure(self.method)
        accuracy = self._measure(method)
        if accuracy >= self.accuracy:
            self.method.load_state_dict(method.state_dict())
            self.accuracy, self.step = accuracy, steps

    def _measure(self, method: Method) -> float:
        logits = compute_outputs(method, self.validation, self.transform, self.dtype)["logits"]
        return float((logits.argmax(dim=1) == self.validation.y).double().mean())
