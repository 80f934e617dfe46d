"""What each figure shows, for the pages that have it. Imports no torch."""

from collections.abc import Iterator
from pathlib import Path

from dann.config.experiment import Experiment
from dann.config.naming import slug

CAPTIONS = {
    "bars": "The first table as bars: mean, standard deviation and each run",
    "curves": "Losses and accuracies over the steps: mean and range over seeds; the target solid, the source dotted",
    "errors": "Test error over the steps: mean and range over seeds; the target solid, the source dotted",
    "diagnosis": "Diagnostics of the adversary over the steps: mean and range over seeds",
    "discriminator": "The discriminator over the steps, a line for each seed: loss, accuracies, λ, gradient ratio",
    "distances": "Proxy A-distance of each task by the features of one row over that of another; means over seeds",
    "confusion": "Confusion matrices after the last step, summed over seeds, as shares of the true class",
    "reliability": "Accuracy over confidence after the last step: below the diagonal predictions are overconfident",
    "tsne": "t-SNE of the features of source (blue) and target (red) after the last step, of one seed",
    "axis": "Scores over the axis: mean over seeds and 95 % interval; dashed, the first score of a line",
    "generated": "Source images of each class, what the generator makes of them by two draws of noise, target images",
    "plane": "The plane of two-dimensional inputs: classes, features, domains and hidden neurons of one seed",
}


def captioned_figures(experiment: Experiment, folder: Path) -> Iterator[tuple[Path, str]]:
    """The figures in an experiment's folder with their captions, the bars first; a task's begins with its name."""
    tasks = {f"-{slug(task)}": task for task in experiment.tasks}
    for path in sorted(folder.glob("*.png"), key=lambda path: _order(path.stem)):
        kind = path.stem.split("-")[0]
        caption, task = CAPTIONS.get(kind, kind), tasks.get(path.stem.removeprefix(kind))
        if kind == "bars" and experiment.published:
            caption += "; a dashed line is a published number"
        yield path, f"{task}: {caption}" if task else caption


def _order(stem: str) -> tuple[int, str]:
    kinds = list(CAPTIONS)
    kind = stem.split("-")[0]
    return kinds.index(kind) if kind in kinds else len(kinds), stem
