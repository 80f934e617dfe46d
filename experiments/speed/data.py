"""Cost of data: waits within training steps, first and second start, and memory, compared with a DataLoader.

    python experiments/speed/data.py [DIR]  # about ten minutes on two cores; DANN_DATA must hold MNIST, MNIST-M, PACS

Writes data.json and data.md to DIR, by default results/speed. Both ways feed the same DANN update on the same
processor, in alternating rounds, so that the numbers of one call are comparable. The other way is the usual one:
torchvision's ImageFolder, or a Dataset of images in memory, transformed one by one in 2 workers for each domain.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import datasets, transforms

from dann.config.schema import resolve
from dann.data.loading.stream import Batch, Stream
from dann.data.storage.folders import find_dataset_folder
from dann.runner.finishing import describe_environment
from dann.training.building import build_trainer
from dann.training.pair_loading import load_pair
from dann.training.trainer import Trainer, update

RESULTS = Path(__file__).parent.parent.parent / "results" / "speed"
CPU = torch.device("cpu")
WORKERS = 2
LOADER = f"DataLoader, {WORKERS} workers a domain"
ROUNDS = 5
OPTIMIZER = {"name": "sgd", "lr": 0.01, "momentum": 0.9}
PACS: dict[str, Any] = {
    "data": {
        "source": {"name": "pacs", "domain": "photo", "size": 128},
        "target": {"name": "pacs", "domain": "art_painting", "size": 128},
        "batch_size": 32,
        "transductive": True,
        "transform": {"crop": 128, "scale": [0.3, 1.0], "flip": 0.5, "normalise": "imagenet"},
    },
    "network": {"name": "torchvision", "model": "resnet18", "weights": "none"},
    "optimizer": OPTIMIZER,
    "train": {"steps": 1},
    "method": {"name": "dann"},
}
DIGITS: dict[str, Any] = {
    "data": {"source": {"name": "mnist"}, "target": {"name": "mnist_m"}, "batch_size": 64},
    "network": {"name": "mnist"},
    "optimizer": OPTIMIZER,
    "train": {"steps": 1},
    "method": {"name": "dann"},
}
PLAIN = PACS | {"data": {key: value for key, value in PACS["data"].items() if key != "transform"}}
SMALL = DIGITS | {"data": {"source": {"name": "digits"}, "target": {"name": "digits_m"}}}


# The other way: one image at a time, in worker processes


class Images(Dataset[tuple[Tensor, int]]):
    """Images in memory, each transformed on access, as in torchvision's MNIST."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x, self.y = x.permute(0, 2, 3, 1).contiguous().numpy(), y.tolist()
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.5] * 3)])

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return self.transform(transforms.functional.to_pil_image(self.x[row])), self.y[row]


def pacs_folders() -> list[Dataset[Any]]:
    """PACS as torchvision's ImageFolder reads it, with the same augmentation."""
    steps = [
        transforms.Resize((128, 128)),
        transforms.RandomResizedCrop(128, scale=(0.3, 1.0)),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
    root = find_dataset_folder("pacs")
    assert root is not None, "DANN_DATA holds no PACS"
    return [datasets.ImageFolder(str(root / name), transforms.Compose(steps)) for name in ("photo", "art_painting")]


def endless(dataset: Dataset[Any], batch_size: int) -> Iterator[list[Tensor]]:
    loader = DataLoader(dataset, batch_size, shuffle=True, drop_last=True, num_workers=WORKERS, persistent_workers=True)
    while True:
        yield from loader


def loader_batches(domains: list[Dataset[Any]], batch_size: int) -> Iterator[Batch]:
    for (source_x, source_y), (target_x, _) in zip(*(endless(part, batch_size) for part in domains), strict=True):
        yield Batch(source_x, source_y, target_x, torch.zeros_like(source_y))


# The wait in a step


def stream_batches(stream: Stream) -> Iterator[Batch]:
    step = 0
    while True:
        yield stream[step]
        step += 1


def waits(trainer: Trainer, ways: dict[str, Iterator[Batch]], steps: int) -> dict[str, Any]:
    """Milliseconds of waiting for a batch and of the update on it, for each way, in interleaved rounds."""
    wait: dict[str, list[float]] = {name: [] for name in ways}
    work: dict[str, list[float]] = {name: [] for name in ways}
    trainer.method.train()
    for number in range(ROUNDS + 1):
        for name, batches in ways.items():
            for _ in range(steps):
                began = time.perf_counter()
                batch = next(batches)
                came = time.perf_counter()
                update(trainer.method, batch, 0.5, "all", trainer.optimizer, trainer.dtype)
                if number:  # the first round warms up
                    wait[name].append(1000 * (came - began))
                    work[name].append(1000 * (time.perf_counter() - came))
    return {name: summary(wait[name], work[name]) for name in ways}


def digits_waits() -> dict[str, Any]:
    config = resolve(DIGITS, "bench")
    pair = load_pair(config.data)
    trainer = build_trainer(config, pair, 0, CPU)
    in_memory: list[Dataset[Any]] = [Images(part.x, part.y) for part in (pair.train, pair.unlabelled)]
    ways = {"dann": stream_batches(trainer.stream), LOADER: loader_batches(in_memory, config.data.batch_size)}
    return waits(trainer, ways, 100)


def pacs_waits() -> dict[str, Any]:
    config = resolve(PACS, "bench")
    trainer = build_trainer(config, load_pair(config.data), 0, CPU)
    with environ("DANN_MEMORY", "0"):
        streamed = build_trainer(config, load_pair(config.data), 0, CPU)
    ways = {
        "dann, from its cache": stream_batches(trainer.stream),
        "dann, over the memory budget": stream_batches(streamed.stream),
        LOADER: loader_batches(pacs_folders(), config.data.batch_size),
    }
    return waits(trainer, ways, 8)


def summary(wait: list[float], work: list[float]) -> dict[str, float]:
    """Medians, and the share of the total time spent waiting: a median would hide a loader that stalls occasionally."""
    steps = [a + b for a, b in zip(wait, work, strict=True)]
    return {
        "wait_ms": round(statistics.median(wait), 3),
        "update_ms": round(statistics.median(work), 3),
        "step_ms": round(statistics.median(steps), 3),
        "step_ms_mean": round(statistics.fmean(steps), 3),
        "wait_share": round(sum(wait) / sum(steps), 4),
        "steps": len(steps),
    }


# Starts


def seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return round(time.perf_counter() - began, 3)


def starts() -> dict[str, float]:
    """Seconds until PACS photo and art painting are ready to train on, without and with the cache."""
    config = resolve(PLAIN, "bench")

    def ready() -> None:
        build_trainer(config, load_pair(config.data), 0, CPU).stream[0]

    with tempfile.TemporaryDirectory() as folder, environ("DANN_CACHE", folder):
        first, second = seconds(ready), seconds(ready)
    folders = pacs_folders()
    epoch = seconds(lambda: [sum(1 for _ in DataLoader(part, 32, num_workers=WORKERS)) for part in folders])
    return {"first": first, "second": second, "ImageFolder: epoch": epoch}


@contextmanager
def environ(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


# Memory


def memory() -> dict[str, float]:
    """Peak MiB that an epoch of PACS adds to a process, and the size of its images as uint8; runs in a new process."""
    config, small = resolve(PLAIN, "bench"), resolve(SMALL, "bench")
    build_trainer(small, load_pair(small.data), 0, CPU).stream[0]  # what is imported on the way is not the data's
    config.network.build((3, 128, 128), 7)
    before = highest()
    pair = load_pair(config.data)
    stream = build_trainer(config, pair, 0, CPU).stream
    for step in range(len(pair.train) // 32 + 1):
        stream[step]
    images = (len(pair.train) + len(pair.validation) + len(pair.unlabelled)) * 3 * 128 * 128 / 2**20
    added = highest() - before
    return {"uint8_MiB": round(images, 1), "added_MiB": round(added, 1), "ratio": round(added / images, 3)}


def highest() -> float:
    """Peak memory of this process in MiB, mapped files included."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


# The report


def report(figures: dict[str, Any]) -> str:
    lines = [
        "# What data costs",
        "",
        "`make bench PARTS=data` makes this page: the same DANN update, fed in either way.",
        "",
        "| task | way | wait for data, ms | update, ms | step, ms (mean) | waiting |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for task, ways in figures["waits"].items():
        for name, at in ways.items():
            lines.append(
                f"| {task} | {name} | {at['wait_ms']:.2f} | {at['update_ms']:.1f} | {at['step_ms_mean']:.1f} | "
                f"{100 * at['wait_share']:.1f} % |"
            )
    start, held, made = figures["starts"], figures["memory"], figures["environment"]
    lines += [
        "",
        "Waits and updates are medians over "
        f"{ROUNDS} interleaved rounds; *waiting* is the share of all time. A loader whose workers run ahead shows its "
        "cost in a slower update, not in the wait, where they share the processors: the mean step counts both.",
        "",
        "| PACS, photo and art painting, 128 px: 3718 images, ready to train on | |",
        "| --- | ---: |",
        f"| first start, decodes into the cache | {start['first']:.1f} s |",
        f"| second start | {start['second']:.2f} s |",
        f"| ImageFolder: decoding, {WORKERS} workers, every epoch anew | {start['ImageFolder: epoch']:.1f} s |",
        f"| memory that loading, setting up and an epoch add at most | {held['added_MiB']:.0f} MiB, "
        f"{held['ratio']:.2f} × the uint8 size |",
        "",
        f"{made['device']}, {made['threads']} threads, {made['precision']}, torch {made['torch']}, torchvision "
        f"{made['torchvision']}, commit {made['commit']}.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    if sys.argv[1:] == ["memory"]:
        print(json.dumps(memory()))
        return
    results = Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS
    apart = subprocess.run([sys.executable, __file__, "memory"], check=True, capture_output=True)
    figures: dict[str, Any] = {
        "starts": starts(),
        "memory": json.loads(apart.stdout),
        "waits": {"MNIST → MNIST-M, 64 + 64": digits_waits(), "PACS 128 px, ResNet-18, 32 + 32": pacs_waits()},
        "environment": describe_environment(CPU, torch.float32),
    }
    results.mkdir(parents=True, exist_ok=True)
    (results / "data.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (results / "data.md").write_text(report(figures), encoding="utf-8")
    print(report(figures))


if __name__ == "__main__":
    main()
