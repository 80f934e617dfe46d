"""A trained network with its input pipeline: the model of one run."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dann.config.schema import Config
from dann.data.datasets.own_series import CHANNELS_FIRST
from dann.data.datasets.text_tokens import to_token_ids
from dann.data.domain import UNLABELLED, Split
from dann.data.input_pipeline import InputPipeline
from dann.data.number_labels import LabelScale
from dann.data.readers.example_arrays import ArrayFormat, to_examples
from dann.errors import BadInput
from dann.inference.test_time import Adaptation, predict_adapted
from dann.methods.method import Method
from dann.training.outputs import compute_logits, compute_outputs


@dataclass(frozen=True)
class Model:
    """A trained network with its input pipeline; predicts raw examples of its target domain.

    Args:
        classes: the K names; none where numbers are predicted.
        method: the state after the last step, in evaluation mode.
        inputs: maps raw examples to the network's inputs, as in the run's evaluations.
        dtype: of the network's computations, as in the run: float32 or bfloat16.
        config: the resolved configuration of the run.
        scale: of the labels, where they are numbers; None for classes.
    """

    classes: tuple[str, ...]
    method: Method
    inputs: InputPipeline
    dtype: torch.dtype
    config: Config
    scale: LabelScale | None = None

    @property
    def reads_texts(self) -> bool:
        """Whether the run was trained on texts, which ``predict`` takes as strings."""
        return self.tokenizer is not None or self.inputs.preprocessor.vocabulary is not None

    @property
    def tokenizer(self) -> str | None:
        """The tokenizer of a run on texts, where they had one."""
        name: str | None = self.config.data.target.options().get("tokenizer")
        return name

    @property
    def input_type(self) -> torch.dtype:
        """Of raw examples: uint8 of images, float32 of images of a stated range (0 to 255), vectors and series."""
        ranged = ArrayFormat.of_options(self.config.data.target.options()).range is not None
        return torch.uint8 if self.inputs.images and not ranged else torch.float32

    def predict(self, inputs: Any, where: str = "inputs", adapt: Adaptation | None = None) -> NDArray[np.float32]:
        """The probabilities of the classes, shape ``(N, K)``, or the numbers in the unit of the labels, ``(N,)``.

        Args:
            inputs: N raw examples of the run's shape, an array or a tensor: images, vectors or series as the option
                ``arrays`` of the target takes them, in the ``layout`` and ``range`` of its configuration; of ``series``
                windows ``(N, C, T)``; of texts N strings, or the numbers that the run's vocabulary or tokenizer
                makes of them.
            where: the place of the inputs, for messages.
            adapt: ``adabn`` or ``tent`` adapt a copy of the network to these inputs, all at once, without the source
                (``dann.inference.test_time``).

        Raises:
            BadInput: the inputs have another shape or type, or values are missing; with ``adapt``, the network has no
                BatchNorm, or there is one input; with ``tent``, numbers are predicted.
        """
        return self.predict_read(self.read(inputs, where), where, adapt)

    def predict_read(self, x: Tensor, where: str, adapt: Adaptation | None = None) -> NDArray[np.float32]:
        """The same of inputs as ``read`` returns them."""
        if adapt == "tent" and self.scale is not None:
            raise BadInput("adapt: tent lowers the entropy of classes, but this run predicts numbers: choose adabn")
        if adapt is None:
            logits = compute_logits(self.method, x, self.inputs, self.dtype)
        else:
            logits = predict_adapted(self.method, x, self.inputs, self.dtype, adapt, where)
        predicted = logits.softmax(dim=1) if self.scale is None else self.scale.restore(logits).squeeze(1)
        if not predicted.isfinite().all():
            raise BadInput(f"{where}: the network's outputs are not finite: give values like those of training")
        predictions: NDArray[np.float32] = predicted.numpy()
        return predictions

    def features(self, inputs: Any, where: str = "inputs") -> NDArray[np.float32]:
        """The features on which the classifier works, shape ``(N, D)``; arguments and errors as of ``predict``."""
        x = self.read(inputs, where)
        examples = Split.of(x, torch.full((len(x),), UNLABELLED))
        features: NDArray[np.float32] = compute_outputs(self.method, examples, self.inputs, self.dtype)[
            "features"
        ].numpy()
        return features

    def read(self, inputs: Any, where: str = "inputs") -> Tensor:
        """Inputs as the network's pipeline takes them; arguments and errors as of ``predict``."""
        inputs = self._number_texts(inputs, where)
        target = self.config.data.target
        form = CHANNELS_FIRST if target.name == "series" else ArrayFormat.of_options(target.options())
        return self.inputs.check(to_examples(inputs, where, form), where)

    def _number_texts(self, inputs: Any, where: str) -> Any:
        """Inputs with numbers in place of strings, as training had them."""
        if isinstance(inputs, str):
            raise BadInput(f"{where}: a single text: give a list of texts")
        listed = isinstance(inputs, list | tuple) or getattr(inputs, "ndim", 0) == 1  # not the columns of a data frame
        if not (listed and isinstance(next(iter(inputs), None), str) and all(isinstance(each, str) for each in inputs)):
            return inputs
        texts, vocabulary = [str(text) for text in inputs], self.inputs.preprocessor.vocabulary
        if self.tokenizer is not None:
            return to_token_ids(texts, self.tokenizer, *self.inputs.raw_shape)
        if vocabulary is None:
            raise BadInput(f"{where}: texts, but the run was trained on examples of shape {self.inputs.raw_shape}: "
                           "give numbers")  # fmt: skip
        return vocabulary(texts)
