"""Several trained models whose predictions are averaged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dann.config.schema import Config
from dann.data.input_pipeline import InputPipeline
from dann.errors import BadInput
from dann.inference.model import Model
from dann.inference.test_time import Adaptation


@dataclass(frozen=True)
class Ensemble:
    """Several models whose predictions are averaged, such as the seeds of a variant (Lakshminarayanan et al. 2017).

    Args:
        models: for the same classes and shape of raw examples; files are decoded as for the first model. Models of
            texts may have vocabularies and tokenizers of their own.

    Raises:
        BadInput: classes or shapes of examples differ, or there is no model.
    """

    models: Sequence[Model]

    def __post_init__(self) -> None:
        if not self.models:
            raise BadInput("an ensemble needs at least one run: name one")
        first, *others = self.models
        for model in others:
            if model.classes != first.classes:
                classes = f"{first.classes} and {model.classes}"
                raise BadInput(f"an ensemble needs runs of the same classes, not {classes}: drop one")
            if model.reads_texts and first.reads_texts:
                continue
            if model.inputs.raw_shape != first.inputs.raw_shape:
                shapes = f"{model.inputs.raw_shape} and {first.inputs.raw_shape}"
                raise BadInput(f"an ensemble needs runs of examples of one shape, not {shapes}: drop one")

    @property
    def classes(self) -> tuple[str, ...]:
        return self.models[0].classes

    @property
    def inputs(self) -> InputPipeline:
        return self.models[0].inputs

    @property
    def config(self) -> Config:
        return self.models[0].config

    @property
    def reads_texts(self) -> bool:
        return self.models[0].reads_texts

    def predict(self, inputs: Any, where: str = "inputs", adapt: Adaptation | None = None) -> NDArray[np.float32]:
        """The mean of the models' predictions; arguments and shapes as of ``Model.predict``."""
        return self.predict_read(self.read(inputs, where), where, adapt)

    def read(self, inputs: Any, where: str = "inputs") -> list[Tensor]:
        """Inputs as the pipeline of each model takes them."""
        return [model.read(inputs, where) for model in self.models]

    def predict_read(self, x: Sequence[Tensor], where: str, adapt: Adaptation | None = None) -> NDArray[np.float32]:
        """The mean of the models' predictions of inputs as ``read`` returns them."""
        every = [model.predict_read(read, where, adapt) for model, read in zip(self.models, x, strict=True)]
        predictions: NDArray[np.float32] = np.mean(every, axis=0)
        return predictions
