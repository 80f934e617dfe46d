"""What each evaluation measures without target labels: scores to select by, and how the adversary is doing."""

import math

import numpy as np
import torch
from numpy.typing import NDArray

from dann.config.schema import Config
from dann.data.domain import Split
from dann.diagnostics.gradients import one_step_ahead
from dann.diagnostics.reverse_validation import reverse_validation
from dann.evaluation.proxy_distance import proxy_distances
from dann.evaluation.validators import Sample, effective_rank, mixval, score_model
from dann.training.evaluate import logits, outputs
from dann.training.trainer import Trainer

DIGITS = 5  # significant ones that are kept


def diagnose(trainer: Trainer, config: Config, step: int) -> dict[str, float]:
    """Scores and diagnostics after ``step`` steps; what is not finite, as after divergence, is left out.

    Source features are of training examples, the target's of its unlabelled training examples: no test example is
    looked at, unlike for the class shares and the discriminator's accuracy, which ``dann.runner.log`` takes from the
    predictions on the test splits. Names begin with what they are of:

    - ``score_``: label-free scores of the model (``dann.evaluation.validators``), larger is better.
    - ``distance_``: the proxy A-distance of the domains (``dann.evaluation.proxy_distance``).
    - ``features_``: the mean norm and the effective rank of either domain's features.
    - ``gradient_``, ``update_``: of the next step (``dann.diagnostics.gradients``).
    """
    options = config.diagnose
    if not options.examples:
        return {}
    sides = {"train": trainer.stream.source, "validation": trainer.splits["source_validation"],
             "target": trainer.stream.target}  # fmt: skip
    splits = {name: split.spread(options.examples) for name, split in sides.items()}
    seen = {name: _seen(trainer, split, int(name == "target")) for name, split in splits.items()}
    found = one_step_ahead(trainer, min(step, config.train.steps - 1), min(step / config.train.steps, 1 - 1e-9))
    if all(np.isfinite(each.features).all() for each in seen.values()):
        scored = score_model(seen["train"], seen["validation"], splits["validation"].y.numpy(), seen["target"])
        if options.mixval:
            scored["mixval"] = _mixval(trainer, splits["target"], seen["target"].logits)
        if options.reverse_steps:
            scored["reverse"] = reverse_validation(trainer, config, options.reverse_steps)
        found |= {f"score_{name}": value for name, value in scored.items()}
        distances = proxy_distances(seen["train"].features, seen["target"].features)
        found |= {f"distance_{name}": value for name, value in distances.items()}
        found |= _of_features("source", seen["train"].features) | _of_features("target", seen["target"].features)
    return {name: float(f"{value:.{DIGITS}g}") for name, value in found.items() if math.isfinite(value)}


def _seen(trainer: Trainer, split: Split, side: int) -> Sample:
    found = outputs(trainer.method, split, trainer.stream.transforms[side], trainer.dtype)
    return Sample(found["features"].numpy(), found["logits"].numpy())


def _of_features(domain: str, features: NDArray[np.float32]) -> dict[str, float]:
    norm = float(np.linalg.norm(features.astype(np.float64), axis=1).mean())
    return {f"features_{domain}_norm": norm, f"features_{domain}_rank": effective_rank(features)}


def _mixval(trainer: Trainer, split: Split, given: NDArray[np.float32]) -> float:
    inputs = trainer.stream.transforms[1](split.x.to(trainer.device)).cpu()

    def predict(mixed: NDArray[np.float32]) -> NDArray[np.float32]:
        x = torch.from_numpy(mixed).to(trainer.device)
        return logits(trainer.method, x, lambda given: given, trainer.dtype).numpy()

    return mixval(predict, inputs.numpy(), given, np.random.default_rng(0))
