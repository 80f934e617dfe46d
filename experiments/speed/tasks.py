"""Benchmark tasks, as configurations of dann and as files for the peers."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dann.config.schema import Config, resolve
from dann.training.pair_loading import load_pair

ENDLESS = 10**6  # steps; more than any benchmark times
AMAZON, FEATURES = {"name": "amazon_reviews"}, {"name": "office_caltech10_features", "kind": "efficientnet_lite0"}
PHOTOS = {"name": "pacs", "size": 128}


def task(
    source: dict[str, Any], target: dict[str, Any], network: dict[str, Any], batch_size: int = 64, **data: Any
) -> dict[str, Any]:
    """A configuration of DANN, trained by SGD with momentum in all tasks."""
    return {
        "data": {"source": source, "target": target, "batch_size": batch_size, **data},
        "network": network,
        "optimizer": {"name": "sgd", "lr": 0.01, "momentum": 0.9},
        "train": {"steps": ENDLESS, "evaluate_every": ENDLESS, "log_every": 50},
        "method": {"name": "dann"},
    }


MLP, MNIST = {"name": "mlp", "hidden": 50}, {"name": "mnist"}
RESNET = {"name": "torchvision", "model": "resnet18", "weights": "none"}
TASKS: dict[str, dict[str, Any]] = {
    "digits": task({"name": "mnist"}, {"name": "mnist_m"}, MNIST),
    "amazon": task(AMAZON | {"domain": "books"}, AMAZON | {"domain": "kitchen"}, MLP),
    "features": task(FEATURES | {"domain": "amazon"}, FEATURES | {"domain": "webcam"}, MLP, 32),
    "photos": task(PHOTOS | {"domain": "photo"}, PHOTOS | {"domain": "art_painting"}, RESNET, 32, transductive=True),
    "small digits": task({"name": "digits", "size": 20}, {"name": "digits_m", "size": 20}, MNIST),
    "tiny digits": task({"name": "digits", "size": 16}, {"name": "digits_m", "size": 16}, MNIST, 8),
    "moons": task({"name": "moons"}, {"name": "moons_rotated"}, {"name": "mlp", "hidden": 15}),
}
NETWORKS = {"digits": "mnist", "tiny digits": "mnist", "amazon": "mlp", "features": "features", "photos": "resnet18"}
SHOWN = {
    "digits": "MNIST → MNIST-M, its network, 64 + 64",
    "tiny digits": "digits of scikit-learn, 8 + 8",
    "amazon": "Amazon reviews, MLP 5000-50-2, 64 + 64",
    "features": "Office-Caltech features, MLP 1280-50-10, 32 + 32",
    "photos": "PACS 128 px, ResNet-18, 32 + 32",
}


def config_of(text: str) -> Config:
    """The configuration of a task, by its name or as JSON."""
    return resolve(TASKS[text] if text in TASKS else json.loads(text), "bench")


def write_for_peers(name: str, folder: Path, workers: Sequence[int | None], threads: int) -> dict[int | None, Path]:
    """Write a task for peers.py, one file for each number of loader workers; None leaves the number to the peers."""
    config = config_of(name)
    pair, optimizer = load_pair(config.data), config.optimizer.options()
    source, images = pair.train.x.numpy(), len(pair.input_shape) == 3
    settings: dict[str, Any] = {
        "network": NETWORKS[name],
        "batch_size": config.data.batch_size,
        "lr": optimizer["lr"],
        "momentum": optimizer["momentum"],
        "classes": len(pair.classes),
        "mean": (source.mean(axis=(0, 2, 3)) / 255).tolist() if images else [],
        "threads": threads,
    }
    arrays = {"source_x": source, "source_y": pair.train.y.numpy(), "target_x": pair.unlabelled.x.numpy()}
    files = {count: folder / f"{name.replace(' ', '_')}-{count}.npz" for count in workers}
    for count, file in files.items():
        own = settings if count is None else settings | {"workers": count}
        np.savez(file, **arrays, settings=json.dumps(own))
    return files
