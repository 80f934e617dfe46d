"""Measurements at each evaluation: label-free scores for model selection, and diagnostics of the adversary."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dann.config.schema import Config
from dann.data.domain import Split
from dann.diagnostics.gradients import measure_next_step
from dann.diagnostics.reverse_validation import reverse_validation
from dann.evaluation.proxy_distance import lowest_distance, proxy_distances
from dann.evaluation.regression_validators import score_regression
from dann.evaluation.rules import OWN, SCORE
from dann.evaluation.validators import Sample, effective_rank, mixval, score_model, score_target
from dann.training.best_weights import BestWeights
from dann.training.outputs import compute_logits, compute_outputs
from dann.training.trainer import Trainer

DIGITS = 5  # significant digits


def measure(trainer: Trainer, config: Config, step: int, hidden_labels: Tensor) -> dict[str, float]:
    """What an evaluation after ``step`` steps has beside the scores on the splits: ``diagnose``, and facts of training.

    Args:
        hidden_labels: of the target's training examples, for the purity of self-training, an oracle.
    """
    measured = diagnose(trainer, config, step)
    if isinstance(trainer.average, BestWeights):
        measured["best_step"] = trainer.average.step
    if trainer.self_training is not None:
        measured |= trainer.self_training.measure(hidden_labels)
    return measured


def diagnose(trainer: Trainer, config: Config, step: int) -> dict[str, float]:
    """Scores and diagnostics after ``step`` steps; values that are not finite, as after divergence, are left out.

    Features are those of training examples, of the target unlabelled ones: no test example is used. (The class shares
    and the discriminator's accuracy do use the predictions on the test splits; see ``dann.runner.history``.) The first
    word of a name is its group:

    - ``score_``: label-free scores of the model (``dann.evaluation.validators``), larger is better; ``score_own.`` of
      validators of the user's own.
    - ``distance_``: the proxy A-distance of the domains (``dann.evaluation.proxy_distance``); ``distance_lowest`` only
      if ``diagnose.distance_c`` is set, and on all training examples.
    - ``features_``: the mean norm and the effective rank of either domain's features.
    - ``gradient_``, ``update_``: of the next step (``dann.diagnostics.gradients``).
    """
    measured = _of_features_and_next_step(trainer, config, step) if config.diagnose.examples else {}
    if config.diagnose.reverse_steps and all(map(_is_finite, trainer.evaluated.parameters())):
        measured["score_reverse"] = reverse_validation(trainer, config, config.diagnose.reverse_steps)
    if config.diagnose.distance_c is not None:
        source = _forward(trainer, trainer.stream.source, 0).features
        target = _forward(trainer, trainer.stream.target, 1).features
        if np.isfinite(source).all() and np.isfinite(target).all():
            measured["distance_lowest"] = lowest_distance(source, target, config.diagnose.distance_c)
    return {name: float(f"{value:.{DIGITS}g}") for name, value in measured.items() if math.isfinite(value)}


def _is_finite(values: torch.Tensor) -> bool:
    return bool(values.isfinite().all())


def _of_features_and_next_step(trainer: Trainer, config: Config, step: int) -> dict[str, float]:
    """What is measured on the features of ``diagnose.examples`` examples of each split, and of the next step."""
    options = config.diagnose
    measured = measure_next_step(trainer, min(step, config.train.steps - 1), min(step / config.train.steps, 1 - 1e-9))
    splits = {"target": trainer.stream.target.spread(options.examples)}
    if "source_validation" in trainer.splits:  # otherwise the source is absent
        sides = {"train": trainer.stream.source, "validation": trainer.splits["source_validation"]}
        splits |= {name: split.spread(options.examples) for name, split in sides.items()}
    seen = {name: _forward(trainer, split, int(name == "target")) for name, split in splits.items()}
    if not all(np.isfinite(each.features).all() for each in seen.values()):
        return measured
    if has_source := "train" in seen:
        y = trainer.stream.learned(splits["validation"].y).numpy()
        score = score_model if trainer.stream.scale is None else score_regression
        scored = score(seen["train"], seen["validation"], y, seen["target"])
    else:
        scored = score_target(seen["target"])
    if options.mixval:
        scored["mixval"] = _mixval(trainer, splits["target"], seen["target"].logits)
    for own in options.validators or ():
        scored[f"{OWN}{own.name}"] = own.build(seen["train"], seen["validation"], y, seen["target"])
    measured |= {f"{SCORE}{name}": value for name, value in scored.items()}
    if has_source:
        distances = proxy_distances(seen["train"].features, seen["target"].features)
        measured |= {f"distance_{name}": value for name, value in distances.items()}
        measured |= _of_features("source", seen["train"].features)
    return measured | _of_features("target", seen["target"].features)


def _forward(trainer: Trainer, split: Split, side: int) -> Sample:
    outputs = compute_outputs(trainer.evaluated, split, trainer.stream.transforms[side], trainer.dtype)
    return Sample(outputs["features"].numpy(), outputs["logits"].numpy())


def _of_features(domain: str, features: NDArray[np.float32]) -> dict[str, float]:
    norm = float(np.linalg.norm(features.astype(np.float64), axis=1).mean())
    return {f"features_{domain}_norm": norm, f"features_{domain}_rank": effective_rank(features)}


def _mixval(trainer: Trainer, split: Split, unmixed: NDArray[np.float32]) -> float:
    inputs = trainer.stream.transforms[1](split.x.to(trainer.device)).cpu()

    def predict(mixed: NDArray[np.float32]) -> NDArray[np.float32]:
        x = torch.from_numpy(mixed).to(trainer.device)
        return compute_logits(trainer.evaluated, x, lambda inputs: inputs, trainer.dtype).numpy()

    return mixval(predict, inputs.numpy(), unmixed, np.random.default_rng(0))
