"""Results of a finished run: its record, its features, and their projector in TensorBoard."""

import io
import math
import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import dann
from dann.data.domain import Split
from dann.data.input_pipeline import save_inputs
from dann.data.labels import count_classes, imbalance_ratio
from dann.data.pair import Pair
from dann.evaluation.metrics import reliability
from dann.files.atomic_files import write_whole
from dann.runner.active_run import ActiveRun
from dann.runner.generated_images import save_pictures
from dann.runner.log import RunLog
from dann.runner.plane import save_plane
from dann.runner.records import FEATURES, Record, write_record
from dann.runner.run_folder import read_checksums
from dann.training import checkpoint
from dann.training.device import describe_device, describe_processor, precision_name
from dann.training.evaluate import Scores, reported_scores
from dann.training.outputs import compute_outputs
from dann.training.trainer import Trainer

SHOWN = 250  # examples of each domain in the projector and in the features file
LARGEST = 1e3  # the magnitude at which features are cut; float16, in which they are saved, ends at 65504
COMPONENTS = 50  # principal components that are saved, the usual start of t-SNE (van der Maaten and Hinton 2008)


def finish(active: ActiveRun, pair: Pair, execution: dict[str, Any]) -> Record:
    """Write the record, features and input pipeline of a run into its folder, and close its log.

    A run that failed has no result: its record has what was evaluated before, and there are no other files.

    Args:
        execution: facts for the record that this process does not know: the commit when the command began.
    """
    config, trainer, run_log = active.planned.config, active.trainer, active.run_log
    record = _make_record(active, pair, execution)
    if active.failed is None:
        _save_features(pair, trainer, run_log, active.folder, config.train.steps)
        save_plane(pair, trainer, active.folder)
        save_pictures(trainer, active.folder)
        run_log.board.add_hyperparameters(record.config, record.evaluations[-1])
        save_inputs(pair, trainer.inputs.raw, trainer.initial_backbone, active.folder)
    run_log.close("finished" if active.failed is None else "failed")
    write_record(record, active.folder)
    checkpoint.forget_previous(active.folder)
    return record


def _make_record(active: ActiveRun, pair: Pair, execution: dict[str, Any]) -> Record:
    (run, config, _), trainer, run_log = active.planned, active.trainer, active.run_log
    scores = reported_scores(active.scores) if active.failed is None else {}
    return Record(
        task=run.task,
        variant=run.variant,
        seed=run.seed,
        setting=run.setting,
        checksums=read_checksums(active.folder),
        fingerprint=config.fingerprint(),
        declared=run.declared,
        config=config.model_dump(mode="json"),
        classes=list(pair.classes),
        data=_describe_data(pair, trainer),
        evaluations=run_log.evaluations(),
        losses=run_log.losses(),
        shares=run_log.shares(),
        alarms=run_log.alarms(),
        reliability={split: _reliability(each) for split, each in scores.items() if not each.of_numbers},
        confusion={split: each.confusion.tolist() for split, each in scores.items() if each.confusion is not None},
        environment=describe_environment(trainer.device, trainer.dtype)
        | execution
        | {"replicas": len(active.together)},
        seconds=round(run_log.seconds(), 2),
        failed=active.failed,
    )


def _describe_data(pair: Pair, trainer: Trainer) -> dict[str, Any]:
    """The data as the record has them, with the images that were generated for this run, if any were."""
    described, source = pair.describe(), trainer.inputs.splits.get("train", pair.train)  # absent without a source
    if (made := len(source) - len(pair.train)) == 0:
        return described
    counts = count_classes(source, len(pair.classes))
    return described | {
        "trained_on": len(source),
        "class_counts": {**described["class_counts"], "train": counts},
        "imbalance": imbalance_ratio(counts),
        "synthetic": {"examples": made, "imbalance_without": described["imbalance"]},
    }


def _reliability(scores: Scores) -> dict[str, list[float]]:
    confidence, predicted = scores.predictions.max(dim=1)
    points = reliability((predicted == scores.labels).numpy(), confidence.numpy())
    return {name: [float(f"{value:.4g}") for value in values] for name, values in points.items()}


def _save_features(pair: Pair, trainer: Trainer, run_log: RunLog, folder: Path, step: int) -> None:
    """Show features of some test examples of both domains in the projector, and file their principal components."""
    source, target = (pair.source_test or pair.validation).spread(SHOWN), pair.target_test.spread(SHOWN)
    names = "source_validation" if pair.source_test is None else "source_test", "target_test"
    features = torch.cat([_features(trainer, name) for name in names if name in trainer.splits])
    both = features.nan_to_num(0.0, LARGEST, -LARGEST).clamp(-LARGEST, LARGEST)  # predictions may be finite, these not
    labels = [[name, label] for name, part in (("source", source), ("target", target)) for label in _spell(part, pair)]
    run_log.board.add_embeddings(both, labels, torch.cat([source.x, target.x]), step)
    left, spread, _ = torch.linalg.svd(both - both.mean(dim=0), full_matrices=False)
    reduced = (left * spread)[:, :COMPONENTS].numpy().astype(np.float16)
    domain = np.repeat(np.array([0, 1], np.uint8), [len(source), len(target)])
    content = io.BytesIO()
    np.savez_compressed(content, features=reduced, domain=domain, label=torch.cat([source.y, target.y]).numpy())
    write_whole(folder / FEATURES, content.getvalue())


def _spell(split: Split, pair: Pair) -> list[str]:
    """The labels of a split as words."""
    if pair.task == "regression":
        return ["no label" if math.isnan(y) else f"{y:.4g}" for y in split.y.tolist()]
    classes = [*pair.classes, "no label"]  # which −1 reads
    return [classes[y] for y in split.y]


def _features(trainer: Trainer, split: str) -> Tensor:
    examples = trainer.splits[split].spread(SHOWN)
    return compute_outputs(trainer.evaluated, examples, trainer.transform(split), trainer.dtype)["features"]


def describe_environment(device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """The circumstances on which numbers depend beside the configuration: commit, versions, device, precision."""
    return {
        "commit": read_commit(),
        "dann": dann.__version__,
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "torchvision", "numpy", "scikit-learn")},
        "system": platform.system(),
        "device": describe_device(device),
        "processor": describe_processor(),
        "threads": torch.get_num_threads(),
        "precision": precision_name(dtype),
    }


@cache
def read_commit() -> str | None:
    """The commit of the code, "+" added if it was changed since; None if it is not a git checkout of its own.

    Cached, so that a call before the first run gives the commit that runs, not one that was made meanwhile.
    """
    folder = Path(dann.__file__).parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")  # an installed copy may lie in another project's checkout
        return git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.CalledProcessError):
        return None
