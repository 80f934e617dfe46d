"""t-SNE of the features of both domains, after Figure 5 of Ganin et al. 2016. Imports no torch."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.manifold import TSNE

from dann.config.experiment import Experiment
from dann.config.naming import shorten
from dann.errors import BadInput
from dann.reporting.figures.bars import new_axes
from dann.runner.records import FEATURES, Record

SOURCE_COLOUR, TARGET_COLOUR = "#1f77b4", "#d62728"  # as in the paper's figures: source blue, target red
TITLE = 36  # characters of a panel, so that it does not reach into its neighbours
Runs = dict[Path, Record]


def tsne(experiment: Experiment, runs: Runs) -> Figure:
    """t-SNE of the features of both domains, a panel per variant, of its first seed whose features are kept.

    A variant that trains on the target itself has one domain, and no panel. With and without adaptation side by side,
    as in Ganin et al. 2016, Figure 5, whose layer for MNIST is the same: the top of the feature extractor.
    """
    kept = {
        place: record
        for place, record in runs.items()
        if (place / FEATURES).is_file() and record.data["source"]["name"] != record.data["target"]["name"]
    }
    variants = present_variants(experiment, kept)
    figure, every = new_axes(max(len(variants), 1), 3.6 * max(len(variants), 1), 3.9)
    for axes, variant in zip(every, variants, strict=False):
        place = next(place for place, record in kept.items() if record.variant == variant)
        features, domain = _read_features(place / FEATURES)
        perplexity = min(30.0, (len(features) - 1) / 3)
        points = TSNE(init=_plane(features), perplexity=perplexity, random_state=0).fit_transform(features)
        for side, colour, name in ((0, SOURCE_COLOUR, "source"), (1, TARGET_COLOUR, "target")):
            axes.plot(*points[domain == side].T, ".", color=colour, markersize=3, label=name)
        axes.set_title(f"{shorten(variant, TITLE)}, seed {kept[place].seed}", fontsize=10)
        axes.set_xticks([])
        axes.set_yticks([])
    if kept:
        data = next(iter(kept.values())).data
        domains = " → ".join(shorten(data[side]["name"], 24) for side in ("source", "target"))
        figure.suptitle(f"{domains}: top layer of the feature extractor", fontsize=11)
        handles, names = every[0].get_legend_handles_labels()
        figure.legend(handles, names, fontsize=9, loc="outside lower center", ncols=2, markerscale=3, frameon=False)
    return figure


def _read_features(path: Path) -> tuple[NDArray[np.float32], NDArray[np.generic]]:
    """The features and the domain of each example that a run kept for its figure.

    Raises:
        BadInput: the file is damaged.
    """
    try:
        with np.load(path) as stored:
            features, domain = stored["features"].astype(np.float32), stored["domain"]
    except Exception as error:  # of damaged archives NumPy raises a dozen types
        raise BadInput(f"{path}: damaged: remove it to draw the figures without it") from error
    if features.ndim != 2 or len(features) < 2 or domain.shape != features.shape[:1] or not np.isfinite(features).all():
        raise BadInput(f"{path}: damaged: remove it to draw the figures without it")
    return features, domain


def _plane(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """The first two principal components, as the features are stored, at the small scale that t-SNE starts from."""
    plane = np.zeros((len(features), 2), np.float32)
    plane[:, : min(2, features.shape[1])] = features[:, :2]
    return plane / max(float(plane.std()), 1e-6) * 1e-4


def present_variants(experiment: Experiment, runs: Runs) -> list[str]:
    """The variants that have a run, in the order of the experiment."""
    there = {record.variant for record in runs.values()}
    return [variant for variant in experiment.variants if variant in there]
