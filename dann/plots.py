"""Records → figures. Imports no torch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from sklearn.manifold import TSNE

from dann.bars import bars, new_axes
from dann.experiment import Experiment, slug
from dann.records import FEATURES, Record, read_records

CHANCE = float(np.log(2))
SOURCE_COLOUR, TARGET_COLOUR = "#1f77b4", "#d62728"  # as in the paper's figures: source blue, target red
Runs = dict[Path, Record]


def draw_all(experiment: Experiment, folder: Path) -> list[Path]:
    """Draw an experiment's figures from the records in ``folder`` into it; returns the files, none without records.

    The bars are of all runs, the others of those that the experiment shows.
    """
    records = read_records(experiment, folder)
    if not records:
        return []
    figures = {"bars": bars(experiment, list(records.values()))}
    shown = {place: record for place, record in records.items() if experiment.shows(record.variant, record.task)}
    for task in experiment.tasks or [None]:
        runs = {place: record for place, record in shown.items() if record.task == task}
        end = f"-{slug(task)}" if task else ""
        if runs:
            figures[f"curves{end}"] = curves(experiment, list(runs.values()))
            figures[f"confusion{end}"] = confusion(experiment, runs)
            figures[f"tsne{end}"] = tsne(experiment, runs)
    paths = [folder / f"{name}.png" for name in figures]
    for path, figure in zip(paths, figures.values(), strict=True):
        figure.savefig(path, dpi=110)
        Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)  # a third of the size: git keeps them
    return paths


def curves(experiment: Experiment, records: list[Record]) -> Figure:
    """Label loss, accuracies and, of adversaries, domain loss and the discriminator's accuracy, with lines at chance.

    Over the steps: mean and range over seeds. Solid lines are of the target, dotted ones of the source.
    """
    adversary = any("domain" in record.losses for record in records)
    figure, panels = new_axes(4 if adversary else 2, 16 if adversary else 9, 4.0)
    for number, variant in enumerate(filter(experiment.shows, experiment.variants)):
        runs = [record for record in records if record.variant == variant]
        colour = f"C{number}"
        _band(panels[0], [(run.losses["step"], run.losses.get("label")) for run in runs], variant, colour)
        _band(panels[1], [_over_steps(run, "target_test") for run in runs], None, colour)
        _band(panels[1], [_over_steps(run, _source_split(run)) for run in runs], None, colour, ":")
        if adversary:
            _band(panels[2], [(run.losses["step"], run.losses.get("domain")) for run in runs], None, colour)
            _band(panels[3], [_over_steps(run, "discriminator_target") for run in runs], None, colour)
            _band(panels[3], [_over_steps(run, "discriminator_source") for run in runs], None, colour, ":")
    for axes, chance, name in zip(panels[2:], (CHANCE, 50), ("chance, ln 2", "chance"), strict=False):
        axes.axhline(chance, color="grey", linestyle="--", linewidth=1, label=name)
        axes.legend(fontsize=7)
    if any(value for record in records for value in record.losses.get("label", [])):  # a diverged run has none
        panels[0].set_yscale("log")
    both = "% (target —, source ···)"
    titles = ("label loss", f"test accuracy, {both}", "domain loss", f"discriminator accuracy, {both}")
    for axes, title in zip(panels, titles, strict=False):
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("step")
        axes.locator_params(axis="x", nbins=5)
    figure.legend(*panels[0].get_legend_handles_labels(), fontsize=8, loc="outside lower center", ncols=len(panels))
    return figure


def confusion(experiment: Experiment, runs: Runs) -> Figure:
    """Target confusion matrices after the last step, summed over seeds, each row as shares of its true class."""
    variants = _present(experiment, runs)
    figure, every = new_axes(len(variants), 3.4 * len(variants) + 0.6, 3.6)
    for axes, variant in zip(every, variants, strict=True):
        chosen = [record for record in runs.values() if record.variant == variant]
        counts = np.sum([record.confusion["target_test"] for record in chosen], axis=0)
        image = axes.imshow(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), vmin=0, vmax=1, cmap="Blues")
        axes.set_title(variant, fontsize=10)
        classes = chosen[0].classes
        axes.set_xticks(range(len(classes)), classes, fontsize=7, rotation=90 if max(map(len, classes)) > 2 else 0)
        axes.set_yticks(range(len(classes)), classes, fontsize=7)
        axes.set_xlabel("predicted class, target test")
    every[0].set_ylabel("true class")
    figure.colorbar(image, ax=list(every), shrink=0.8)
    return figure


def tsne(experiment: Experiment, runs: Runs) -> Figure:
    """t-SNE of the features of both domains, a panel per variant, of its first seed whose features are kept.

    A variant that trains on the target itself has one domain, and no panel.
    Without adaptation (source only) and after it (DANN) side by side, as in Ganin et al. 2016, Figure 5.
    """
    kept = {
        place: record
        for place, record in runs.items()
        if (place / FEATURES).is_file() and record.data["source"]["name"] != record.data["target"]["name"]
    }
    variants = _present(experiment, kept)
    figure, every = new_axes(max(len(variants), 1), 3.6 * max(len(variants), 1), 3.9)
    for axes, variant in zip(every, variants, strict=False):
        place = next(place for place, record in kept.items() if record.variant == variant)
        with np.load(place / FEATURES) as stored:
            features, domain = stored["features"].astype(np.float32), stored["domain"]
        perplexity = min(30.0, (len(features) - 1) / 3)
        points = TSNE(init=_plane(features), perplexity=perplexity, random_state=0).fit_transform(features)
        for side, colour, name in ((0, SOURCE_COLOUR, "source"), (1, TARGET_COLOUR, "target")):
            axes.plot(*points[domain == side].T, ".", color=colour, markersize=3, label=name)
        axes.set_title(f"{variant}, seed {kept[place].seed}", fontsize=10)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.legend(fontsize=7, loc="upper right")
    return figure


def _plane(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """The first two principal components (the features are stored as such) at the small scale t-SNE starts from."""
    plane = np.zeros((len(features), 2), np.float32)
    plane[:, : min(2, features.shape[1])] = features[:, :2]
    return plane / max(float(plane.std()), 1e-6) * 1e-4


def _present(experiment: Experiment, runs: Runs) -> list[str]:
    there = {record.variant for record in runs.values()}
    return [variant for variant in experiment.variants if variant in there]


def _over_steps(record: Record, key: str) -> tuple[list[float], list[float] | None]:
    """Steps and percentages of one entry of the evaluations, None where the method has no such entry."""
    if key not in record.evaluations[0]:
        return [], None
    return [e["step"] for e in record.evaluations], [100 * e[key] for e in record.evaluations]


def _source_split(record: Record) -> str:
    return "source_test" if "source_test" in record.evaluations[0] else "source_validation"


def _band(axes: Axes, series: Sequence[tuple[Sequence[float | None], Sequence[float | None] | None]],
          name: str | None, colour: str, style: str = "-") -> None:  # fmt: skip
    """The mean of several runs' curves as a line and their range as a band; nothing if no run has the curve."""
    given = [(steps, values) for steps, values in series if values is not None]
    if not given:
        return
    steps = np.array(given[0][0], float)
    stacked = np.array([np.interp(steps, np.array(s, float), np.array(v, float)) for s, v in given])
    axes.plot(steps, stacked.mean(axis=0), style, color=colour, label=name, linewidth=1.4)
    axes.fill_between(steps, stacked.min(axis=0), stacked.max(axis=0), color=colour, alpha=0.15, linewidth=0)
