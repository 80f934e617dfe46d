"""What a network with two inputs does on their plane, filed with its run for the figure of that name."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dann.data.domain import UNLABELLED, Split
from dann.data.pair import Pair
from dann.files.atomic_files import write_whole
from dann.methods.method import Method
from dann.runner.records import PLANE
from dann.training.evaluate import evaluate
from dann.training.outputs import compute_outputs, inference
from dann.training.trainer import Trainer

SHOWN = 500  # training examples of each domain
COLUMNS, ROWS = 200, 160  # points of the grid
MARGIN = 0.12  # of the grid beyond the examples, as a share of their range
MOST_CLASSES = 10  # as many as the figure has colours
LARGEST = 1e6  # the magnitude at which features are cut: predictions may be finite where these are not

Array = NDArray[np.float32]


def save_plane(pair: Pair, trainer: Trainer, folder: Path) -> None:
    """File examples, predictions on a grid, principal components of the features, and the lines of the hidden units.

    All in the coordinates of the network's inputs, in which both domains lie on one plane whatever their transforms,
    and of training examples, the target's without labels. Nothing is filed for inputs of another shape than ``(2,)``,
    for more than ten classes, without a source, and for values that are not finite.
    """
    shapes = {pair.input_shape, trainer.evaluated.network.input_shape}
    if shapes != {(2,)} or not 0 < len(pair.classes) <= MOST_CLASSES or pair.absent is not None:
        return
    plane = describe_plane(trainer, pair.train.spread(SHOWN), pair.unlabelled.spread(SHOWN))
    if all(np.isfinite(values).all() for values in plane.values()):
        content = io.BytesIO()
        np.savez_compressed(content, allow_pickle=False, **plane)
        write_whole(folder / PLANE, content.getvalue())


def describe_plane(trainer: Trainer, source: Split, target: Split) -> dict[str, NDArray[Any]]:
    """The arrays of the file, by the names of ``dann.reporting.figures.filed_plane.Plane``."""
    method = trainer.evaluated
    inputs = [_inputs(trainer, source, "source_validation"), _inputs(trainer, target, "target_test")]
    of_source, of_target = (_features(method, side) for side in inputs)
    x, y = _axes(torch.cat(inputs))
    grid = torch.cartesian_prod(y, x).flip(1)
    # In float32 whatever the run's number format: in bf16 a boundary is a staircase.
    scores = evaluate(method, _unlabelled(grid), nn.Identity())
    as_target = scores.as_target
    domain = as_target.numpy() if as_target is not None else _distinguish(of_source, of_target, _features(method, grid))
    return {
        "source": inputs[0].numpy(),
        "label": source.y.numpy(),
        "target": inputs[1].numpy(),
        "x": x.numpy(),
        "y": y.numpy(),
        "probabilities": _round(scores.predictions.T.numpy()).reshape(-1, ROWS, COLUMNS),
        "as_target": _round(domain).reshape(ROWS, COLUMNS),
        "discriminator": np.array(method.adversarial),
        "units": hidden_units(method),
        **_components(of_source, of_target),
    }


def _round(probabilities: NDArray[Any]) -> NDArray[np.float16]:
    """Probabilities to a thousandth, which halves the size of the file."""
    rounded: NDArray[np.float16] = probabilities.round(3).astype(np.float16)
    return rounded


def _inputs(trainer: Trainer, split: Split, name: str) -> Tensor:
    """The inputs of the network for the examples of a split, as in evaluation of the split ``name``, ``(N, 2)``."""
    inputs: Tensor = trainer.transform(name)(split.x.to(trainer.device))
    return inputs.float().cpu()


def _unlabelled(inputs: Tensor) -> Split:
    return Split.of(inputs, torch.full((len(inputs),), UNLABELLED))


def _features(method: Method, inputs: Tensor) -> Array:
    features = compute_outputs(method, _unlabelled(inputs), nn.Identity())["features"]
    cut: Array = features.nan_to_num(0.0, LARGEST, -LARGEST).clamp(-LARGEST, LARGEST).numpy()
    return cut


def _axes(inputs: Tensor) -> tuple[Tensor, Tensor]:
    """The coordinates of the grid's columns and rows, which reach beyond all inputs."""
    low, high = inputs.amin(dim=0), inputs.amax(dim=0)
    margin = MARGIN * (high - low).clamp(min=1e-6)
    (left, bottom), (right, top) = (low - margin).tolist(), (high + margin).tolist()
    return torch.linspace(left, right, COLUMNS), torch.linspace(bottom, top, ROWS)


def _distinguish(source: Array, target: Array, others: Array) -> Array:
    """The probability of "this is a target example" of other features, by a logistic regression on both domains'.

    It stands in for the discriminator of a method that has none, as the domain regressor without adversarial updates
    does for the standard network of Ganin et al. 2016, Figure 2; theirs is trained along with the network.
    """
    from sklearn.linear_model import LogisticRegression  # takes a second to import
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    regression = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
    both = np.concatenate([source, target]).astype(np.float64)
    regression.fit(both, np.repeat([0, 1], [len(source), len(target)]))
    as_target: Array = regression.predict_proba(others.astype(np.float64))[:, 1]
    return as_target


def hidden_units(method: Method) -> Array:
    """Weights and bias (w₁, w₂, b) of each hidden unit, shape ``(H, 3)``; a sigmoid is ½ on its line w·x + b = 0.

    A BatchNorm between layer and activation is included. No rows if the features are not one such layer.
    """
    every = method.network.features.modules()
    layers = [each for each in every if not isinstance(each, nn.Sequential | nn.Dropout)]
    kinds = [type(layer) for layer in layers if not isinstance(layer, nn.BatchNorm1d)]
    if kinds not in ([nn.Linear, nn.Sigmoid], [nn.Linear, nn.ReLU]):
        return np.empty((0, 3), np.float32)
    like = next(method.parameters())
    with inference(method, like.device, torch.float32):
        corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]).to(like)
        bias, *ends = nn.Sequential(*layers[:-1])(corners).float().cpu()
    units: Array = torch.stack([*(end - bias for end in ends), bias], dim=1).numpy()
    return units


def _components(source: Array, target: Array) -> dict[str, Array]:
    """The first two principal components of both domains' features together, and the shares of variance they have."""
    both = np.concatenate([source, target]).astype(np.float64)
    left, spread, _ = np.linalg.svd(both - both.mean(axis=0), full_matrices=False)
    kept = min(2, len(spread))
    plane, shares = np.zeros((len(both), 2), np.float32), np.zeros(2, np.float32)
    plane[:, :kept] = left[:, :kept] * spread[:kept]
    shares[:kept] = spread[:kept] ** 2 / max(float((spread**2).sum()), 1e-12)
    return {"source_plane": plane[: len(source)], "target_plane": plane[len(source) :], "shares": shares}
