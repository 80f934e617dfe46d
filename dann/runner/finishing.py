"""What a finished run leaves behind: its record, its features, and their projector in TensorBoard."""

import io
import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

import dann
from dann.config.experiment import Run
from dann.config.schema import Config
from dann.data.input_pipeline import save_inputs
from dann.data.pair import Pair
from dann.evaluation.metrics import reliability
from dann.files import write_whole
from dann.runner.log import RunLog
from dann.runner.records import FEATURES, Record, write_record
from dann.training.device import described
from dann.training.evaluate import Scores, outputs, reported
from dann.training.trainer import Trainer

SHOWN = 250  # examples of each domain in the projector and in the features file
LARGEST = 1e3  # of a feature shown; float16, in which they are kept, ends at 65504
COMPONENTS = 50  # principal components kept of them, the usual start of t-SNE (van der Maaten and Hinton 2008)


def finish(
    run: Run,
    config: Config,
    pair: Pair,
    trainer: Trainer,
    run_log: RunLog,
    scores: dict[str, Scores],
    folder: Path,
    made: dict[str, Any],
) -> None:
    """Write the record, the features and what predictions need into the run's folder and end its TensorBoard.

    Args:
        made: what the environment of this process does not tell: the commit when the command began, and how many runs
            were trained together.
    """
    resolved = config.model_dump(mode="json")
    record = Record(
        task=run.task,
        variant=run.variant,
        seed=run.seed,
        setting=run.setting,
        fingerprint=config.fingerprint(),
        declared=run.declared,
        config=resolved,
        classes=list(pair.classes),
        data=pair.describe(),
        evaluations=run_log.evaluations(),
        losses=run_log.losses(),
        shares=run_log.shares(),
        alarms=run_log.alarms(),
        reliability={split: _reliability(scored) for split, scored in reported(scores).items()},
        confusion={split: scored.confusion.tolist() for split, scored in reported(scores).items()},
        environment=environment(trainer.device, trainer.dtype) | made,
        seconds=round(run_log.seconds(), 2),
    )
    _show_features(pair, trainer, run_log, folder, config.train.steps)
    run_log.board.hyperparameters(resolved, record.evaluations[-1])
    run_log.board.close()
    save_inputs(pair, trainer.feed.raw, trainer.backbone, folder)
    write_record(record, folder)


def _reliability(scores: Scores) -> dict[str, list[float]]:
    confidence, predicted = scores.probabilities.max(dim=1)
    points = reliability((predicted == scores.labels).numpy(), confidence.numpy())
    return {name: [float(f"{value:.4g}") for value in values] for name, values in points.items()}


def _show_features(pair: Pair, trainer: Trainer, run_log: RunLog, folder: Path, step: int) -> None:
    """Features of some test examples of both domains: in the projector, and their principal components on file."""
    source, target = (pair.source_test or pair.validation).spread(SHOWN), pair.target_test.spread(SHOWN)
    scored = "source_validation" if pair.source_test is None else "source_test", "target_test"
    features = [
        outputs(trainer.method, trainer.splits[split].spread(SHOWN), trainer.transform(split), trainer.dtype)[
            "features"
        ]
        for split in scored
    ]
    both = (
        torch.cat(features).nan_to_num(0.0, LARGEST, -LARGEST).clamp(-LARGEST, LARGEST)
    )  # a diverged run has a record
    labels = [[name, pair.classes[y]] for name, part in (("source", source), ("target", target)) for y in part.y]
    run_log.board.embeddings(both, labels, torch.cat([source.x, target.x]), step)
    left, spread, _ = torch.linalg.svd(both - both.mean(dim=0), full_matrices=False)
    reduced = (left * spread)[:, :COMPONENTS].numpy().astype(np.float16)
    domain = np.repeat(np.array([0, 1], np.uint8), [len(source), len(target)])
    content = io.BytesIO()
    np.savez_compressed(content, features=reduced, domain=domain, label=torch.cat([source.y, target.y]).numpy())
    write_whole(folder / FEATURES, content.getvalue())


def environment(device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """What the numbers depend on beside the configuration."""
    return {
        "commit": commit(),
        "dann": dann.__version__,
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "torchvision", "numpy", "scikit-learn")},
        "system": platform.system(),
        "device": described(device),
        "threads": torch.get_num_threads(),
        "precision": "bf16" if dtype is torch.bfloat16 else "fp32",
    }


@cache
def commit() -> str | None:
    """The commit of the code, "+" added if it was changed since; None if it is not a git checkout of its own.

    Cached, so that one call before the first run keeps what is running from being taken for what came later.
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
