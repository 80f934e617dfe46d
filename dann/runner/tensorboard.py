"""TensorBoard events of a run, and the layout of its charts."""

import json
import re
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.tensorboard.writer import SummaryWriter

from dann.config.merging import flatten
from dann.config.naming import printable
from dann.data.pair import Pair
from dann.data.visible_bands import select_visible_bands
from dann.evaluation.rules import Evaluation
from dann.runner.chart_names import name_evaluation, name_losses
from dann.runner.generated_images import Pictures

# Tags are regular expressions that match a prefix: without the $ more lines would be drawn.
LAYOUT = {
    "adversary": {
        "domain loss and chance, ln 2": ["Multiline", ["loss/domain$", "loss/ln 2$"]],
        "λ and gradient ratio": ["Multiline", ["schedule/lambda$", "gradient/ratio$"]],
        "gradients at the features": ["Multiline", ["gradient/label$", "gradient/transfer$"]],
        "discriminator accuracy": ["Multiline", ["discriminator/source$", "discriminator/target$"]],
        "proxy A-distance": ["Multiline", ["distance/svm$", "distance/mlp$"]],
    },
    "accuracy": {
        # The source's test split; where it has none, as in transductive protocols, its validation split.
        "accuracy, source and target": [
            "Multiline",
            ["accuracy/source_test$", "accuracy/source_validation$", "accuracy/target_test$"],
        ],
        "macro-F1, source and target": [
            "Multiline",
            ["accuracy/source_test_macro_f1$", "accuracy/target_test_macro_f1$"],
        ],
    },
    "features": {
        "effective rank": ["Multiline", ["features/source_rank$", "features/target_rank$"]],
        "mean norm": ["Multiline", ["features/source_norm$", "features/target_norm$"]],
        "movement of the weights in a step": ["Multiline", ["update/.*"]],
    },
}
REGRESSION = {  # the charts of a run whose labels are numbers, in place of those of accuracies
    name: ["Multiline", [f"regression/{split}{end}$" for split in ("source_test", "source_validation", "target_test")]]
    for name, end in (("RMSE, source and target", "_rmse"), ("R², source and target", "_r2"))
}
FINAL = ".final"  # ends the name of the events that are written once a run is trained
MOST_CLASSES = 20  # classes whose shares are shown


class Board:
    """The TensorBoard events of one run.

    Args:
        folder: of the run.
        prior: the share of each class among the labelled training examples, by its name; empty of a regression.
        start: the number of steps done before; later events of an interrupted run are hidden.
    """

    def __init__(self, folder: Path, prior: Mapping[str, float], start: int = 0) -> None:
        if start == 0:
            for stale in folder.glob("events.*"):  # left by a run that was interrupted before its first checkpoint
                stale.unlink()
        _date_back(folder)
        self.folder = folder
        self.prior = {printable(name): share for name, share in list(prior.items())[:MOST_CLASSES]}
        self.writer = SummaryWriter(str(folder), purge_step=start + 1 if start else None)
        if start == 0:
            tags = {name: [f"{group}/{re.escape(name)}$" for group in ("share", "prior")] for name in self.prior}
            shares = {name: ["Multiline", pair] for name, pair in tags.items()}
            layout = LAYOUT | {"class shares, target's predictions and source's prior": shares}
            if not prior:
                layout = {name: charts for name, charts in LAYOUT.items() if name != "accuracy"}
                layout["regression"] = REGRESSION
            self.writer.add_custom_scalars(layout)

    def log(
        self, step: int, learning_rate: float, coefficients: Mapping[str, float], terms: Mapping[str, float]
    ) -> None:
        """Log losses and schedules after ``step`` steps."""
        for name, value in name_losses(learning_rate, coefficients, terms).items():
            self.writer.add_scalar(name, value, step)

    def log_evaluation(self, values: Evaluation, shares: Sequence[float]) -> None:
        """Log metrics and diagnostics after ``values["step"]`` steps, and the shares of the predicted classes."""
        step = int(values["step"])
        for name, value in name_evaluation(values, of_numbers=not self.prior).items():
            self.writer.add_scalar(name, value, step)
        for (name, prior), share in zip(self.prior.items(), shares, strict=False):
            self.writer.add_scalar(f"share/{name}", share, step)
            self.writer.add_scalar(f"prior/{name}", prior, step)
        self.writer.flush()

    def add_images(self, pair: Pair) -> None:
        """Add the first 64 training images of each domain, if examples are images."""
        if len(pair.input_shape) == 3:
            for name, split in (("source", pair.train), ("target", pair.unlabelled)):
                if not len(split):  # a source that is absent
                    continue
                x = select_visible_bands(split.take(torch.arange(min(64, len(split)))).x)
                self.writer.add_images(f"images/{name}", x.round().to(torch.uint8))

    def add_pictures(self, pictures: Pictures, step: int) -> None:
        """Add what a generator makes after ``step`` steps: a column for each class, a row of images below another."""
        rows, columns, *shape = pictures.images.shape
        grid = pictures.images.permute(2, 0, 3, 1, 4).reshape(shape[0], rows * shape[1], columns * shape[2])
        self.writer.add_image("images/generated", grid, step)

    def add_hyperparameters(self, config: Mapping[str, Any], values: Evaluation) -> None:
        """Add the resolved configuration and the last evaluation to the hyper-parameters tab."""
        options = {
            key: value if isinstance(value, (bool, int, float)) else printable(_text(value))
            for key, value in flatten(config).items()
        }
        metrics = {f"last/{name}": value for name, value in values.items() if name != "step"}
        for stale in self.folder.glob(f"events.*{FINAL}"):  # left by an interruption after this point
            stale.unlink()
        before = set(self.folder.glob("events.*"))
        self.writer.add_hparams(options, metrics, run_name=".", global_step=int(values["step"]))
        for new in set(self.folder.glob("events.*")) - before:
            new.rename(new.with_name(new.name + FINAL))

    def add_embeddings(self, features: Tensor, labels: list[list[str]], images: Tensor, step: int) -> None:
        """Add features of both domains to the projector, with domain and class, and with the images, if any."""
        shutil.rmtree(self.folder / f"{step:05d}", ignore_errors=True)  # left by an interruption at this point
        rows = [[printable(cell) for cell in row] for row in labels]  # a tab or line break would shift the table
        thumbnails = select_visible_bands(images).float() / 255 if images.ndim == 4 else None
        self.writer.add_embedding(
            features.float(), rows, thumbnails, step, tag="features", metadata_header=["domain", "class"]
        )

    def close(self) -> None:
        self.writer.close()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@contextmanager
def quiet_writers() -> Iterator[None]:
    """Suppress the trace of a write error in TensorBoard's thread; the next event or flush raises it."""
    before = threading.excepthook
    threading.excepthook = lambda error: None if isinstance(error.exc_value, OSError) else before(error)
    try:
        yield
    finally:
        threading.excepthook = before


def _date_back(folder: Path) -> None:
    """Rename the events of an interrupted run so that TensorBoard reads them before those that follow.

    It reads files in the order of their names, which hold the second of their making: the same second if the run goes
    on at once, a later one if the clock was set back.
    """
    now = int(time.time())
    written = sorted(folder.glob("events.out.tfevents.[0-9]*"))
    for age, path in zip(range(len(written), 0, -1), written, strict=True):
        parts = path.name.split(".")
        parts[3] = f"{min(int(parts[3]), now - age):010d}"
        path.rename(path.with_name(".".join(parts)))
