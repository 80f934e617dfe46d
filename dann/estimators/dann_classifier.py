"""The estimator of DANN, with its hyper-parameters as arguments."""

import inspect
from typing import Any, Literal

import numpy as np
from torch import nn

from dann.data.readers.example_layout import Layout
from dann.estimators.adaptation_classifier import AdaptationClassifier
from dann.estimators.adaptation_estimator import Section
from dann.methods.dann import Dann


class DANNClassifier(AdaptationClassifier):
    """A classifier that is trained by DANN (Ganin et al. 2016), whose hyper-parameters are arguments.

    ``dann.methods.dann.Dann`` explains them from ``weight`` to ``loss_weight``, and ``AdaptationClassifier`` all others
    and what the estimator does.
    """

    def __init__(
        self,
        network: str | Section | nn.Module = "mlp",
        *,
        weight: float = 1.0,
        schedule: Literal["ramp", "constant", "adaptive"] = "ramp",
        horizon: float = 1.0,
        layer: str = "features",
        discriminator: list[int] | None = None,
        discriminator_dropout: float = 0.0,
        together: bool = True,
        loss_weight: float = 1.0,
        optimizer: str | Section = "adam",
        steps: int = 1000,
        batch_size: int = 64,
        precision: Literal["fp32", "bf16", "auto"] = "fp32",
        data: Section | None = None,
        train: Section | None = None,
        finetune: Section | None = None,
        self_training: Section | None = None,
        image_size: int = 256,
        layout: Layout | None = None,
        range: tuple[float, float] | None = None,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
    ) -> None:
        self.network, self.optimizer = network, optimizer
        self.weight, self.schedule, self.horizon, self.layer = weight, schedule, horizon, layer
        self.discriminator, self.discriminator_dropout = discriminator, discriminator_dropout
        self.together, self.loss_weight = together, loss_weight
        self.steps, self.batch_size, self.precision = steps, batch_size, precision
        self.data, self.train, self.finetune, self.self_training = data, train, finetune, self_training
        self.image_size, self.layout, self.range = image_size, layout, range
        self.random_state, self.device = random_state, device

    def _declare_method(self) -> str | Section:
        options = inspect.signature(Dann).parameters.values()
        own: dict[str, Any] = {
            each.name: getattr(self, each.name) for each in options if each.kind is each.KEYWORD_ONLY
        }
        return {"name": "dann", **own}
