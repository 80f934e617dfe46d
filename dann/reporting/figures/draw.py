"""The figures of an experiment, drawn from its records. Imports no torch."""

import io
import warnings
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import get_args

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

from dann.config.experiment import Experiment
from dann.config.experiment_fields import FigureKind
from dann.config.naming import shorten, slug
from dann.files.atomic_files import write_whole
from dann.reporting.adversary import has_discriminator
from dann.reporting.figures.axis_figure import axis_figure
from dann.reporting.figures.bars import bars, new_axes
from dann.reporting.figures.curves import curves, diagnosis, errors
from dann.reporting.figures.discriminator_figure import discriminator
from dann.reporting.figures.distances_figure import choose_pairs, distances
from dann.reporting.figures.generated_figure import choose_pictures, generated
from dann.reporting.figures.plane_figure import choose_rows, plane
from dann.reporting.figures.tsne_figure import SOURCE_COLOUR, TARGET_COLOUR, TITLE, Runs, present_variants, tsne
from dann.reporting.scores import apply_rule
from dann.reporting.setting_selection import select_settings
from dann.runner.experiment_records import read_checked_records
from dann.runner.records import has_target_labels

SPLITS = {"target_test": TARGET_COLOUR, "source_test": SOURCE_COLOUR, "source_validation": SOURCE_COLOUR}
MOST_DRAWN = 20  # variants of a figure: there are ten colours, and each variant takes seconds
MOST_PANELS = 60  # variants times tasks with figures of their own


def draw_all(experiment: Experiment, folder: Path, kinds: Sequence[FigureKind] = get_args(FigureKind)) -> list[Path]:
    """Draw an experiment's figures from the records in ``folder`` into it; returns the files, none without records.

    The bars and the lines over an axis show all runs, the distances all tasks, the other figures those that the
    experiment names under ``shown``, of the first twenty variants at most, and of the first tasks. Names are drawn as
    they are written: a dollar sign begins no formula.

    Args:
        kinds: of figures that are drawn.
    """
    with rc_context({"text.parse_math": False}):
        return _draw_all(experiment, folder, kinds)


def _draw_all(experiment: Experiment, folder: Path, kinds: Sequence[FigureKind]) -> list[Path]:
    checked = read_checked_records(experiment, folder)  # refuses what the tables refuse
    records = {folder / each.run.folder: each for each in checked if each.failed is None}
    if not records:
        return []
    selected = {id(record) for record in select_settings(experiment, checked)}
    variants, tasks = _first_panels(*_panels(experiment))
    shown = {place: record for place, record in records.items()
             if id(record) in selected and record.variant in variants and record.task in tasks}  # fmt: skip
    scored = any(map(has_target_labels, records.values()))  # else there is nothing for bars to show
    figures = {"bars": bars(experiment, checked)} if "bars" in kinds and scored else {}
    if "distances" in kinds and choose_pairs(apply_rule(experiment, checked)):
        figures["distances"] = distances(experiment, checked)
    if "axis" in kinds and scored and experiment.axis is not None:
        figures["axis"] = axis_figure(experiment, experiment.axis, checked)
    for task in tasks:
        runs = {place: record for place, record in shown.items() if record.task == task}
        end = f"-{slug(task)}" if task else ""
        for kind in kinds if runs else ():
            if kind in DRAW and _is_drawable(kind, experiment, runs):
                figures[f"{kind}{end}"] = DRAW[kind](experiment, runs)
    return [save(figure, folder / f"{name}.png") for name, figure in figures.items()]


def describe_cut(experiment: Experiment) -> str | None:
    """Which rows and tasks have no place in the figures beside the bars, or None."""
    variants, tasks = _panels(experiment)
    drawn = _first_panels(variants, tasks)
    counts = {"rows": (len(drawn[0]), len(variants)), "tasks": (len(drawn[1]), len(tasks))}
    cut = [f"{some} of {every} {what}" for what, (some, every) in counts.items() if some < every]
    return f"curves and the like show {' and '.join(cut)}: shown chooses others" if cut else None


def _panels(experiment: Experiment) -> tuple[list[str], list[str | None]]:
    """The rows and tasks that figures show."""
    tasks = [task for task in experiment.tasks or [None] if task is None or experiment.shows_task(task)]
    return list(filter(experiment.shows, experiment.variants)), tasks


def _first_panels(variants: list[str], tasks: list[str | None]) -> tuple[list[str], list[str | None]]:
    """As many of them as are drawn."""
    variants = variants[:MOST_DRAWN]
    return variants, tasks[: max(1, MOST_PANELS // max(1, len(variants)))]


def _is_drawable(kind: FigureKind, experiment: Experiment, runs: Runs) -> bool:
    """Whether some run has what a figure shows: older ones have no diagnostics, reliability or plane, few pictures.

    A run without a source on a target without labels has no confusion matrix. Numbers have none, and no errors in per
    cent.
    """
    if kind in ("confusion", "errors") and all(record.of_numbers for record in runs.values()):
        return False
    if kind == "diagnosis":
        return any("distance_svm" in record.evaluations[-1] for record in runs.values())
    if kind == "discriminator":
        return any(map(has_discriminator, runs.values()))
    if kind == "confusion":
        return any(record.confusion for record in runs.values())
    if kind == "reliability":
        return any(record.reliability for record in runs.values())
    if kind == "generated":
        return bool(choose_pictures(experiment, runs))
    return kind != "plane" or bool(choose_rows(experiment, runs))


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as a PNG file of 128 colours."""
    drawn, content = io.BytesIO(), io.BytesIO()
    with warnings.catch_warnings():
        # Names in scripts that the font lacks, or too long for their place, are drawn as well as can be.
        warnings.filterwarnings("ignore", message="Glyph |constrained_layout not applied", category=UserWarning)
        figure.savefig(drawn, dpi=110, format="png")
    # A third of the size: git keeps them.
    Image.open(drawn).convert("RGB").quantize(128).save(content, format="png", optimize=True)
    write_whole(path, content.getvalue())  # other processes may draw the same figure
    return path


def confusion(experiment: Experiment, runs: Runs) -> Figure:
    """Confusion matrices after the last step, summed over seeds, each row as shares of its true class.

    The target's are above, the source's below, on its validation split where it has no test split.
    """
    variants = present_variants(experiment, runs)
    splits = [split for split in SPLITS if any(split in record.confusion for record in runs.values())]
    figure, every = new_axes(len(variants), 3.4 * len(variants) + 0.6, 3.6 * len(splits), rows=len(splits))
    for place, (split, variant) in enumerate(product(splits, variants)):
        axes = every[place]
        chosen = [record for record in runs.values() if record.variant == variant and split in record.confusion]
        if not chosen:
            axes.set_axis_off()
            continue
        counts = np.sum([record.confusion[split] for record in chosen], axis=0)
        image = axes.imshow(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), vmin=0, vmax=1, cmap="Blues")
        axes.set_title(shorten(variant, TITLE), fontsize=10)
        classes = list(map(shorten, chosen[0].classes))
        axes.set_xticks(range(len(classes)), classes, fontsize=7, rotation=90 if max(map(len, classes)) > 2 else 0)
        axes.set_yticks(range(len(classes)), classes, fontsize=7)
        axes.set_xlabel(f"predicted class, {split.replace('_', ' ')}")
        if variant == variants[0]:
            axes.set_ylabel("true class")
    figure.colorbar(image, ax=list(every), shrink=0.8)
    return figure


def reliability(experiment: Experiment, runs: Runs) -> Figure:
    """Accuracy over confidence after the last step, a line per seed; the size of a dot is its share of the examples.

    Below the diagonal predictions are overconfident (Guo et al. 2017, Figure 1).
    """
    variants = present_variants(experiment, runs)
    figure, every = new_axes(len(variants), 3.2 * len(variants) + 0.4, 3.6)
    for axes, variant in zip(every, variants, strict=True):
        for record in (record for record in runs.values() if record.variant == variant):
            for split, colour in SPLITS.items():
                if split in record.reliability:
                    points = record.reliability[split]
                    sizes = 120 * np.array(points["share"]) + 4
                    axes.plot(points["confidence"], points["accuracy"], color=colour, linewidth=1, alpha=0.7)
                    axes.scatter(points["confidence"], points["accuracy"], sizes, color=colour, alpha=0.7)
        axes.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1)
        axes.set_title(shorten(variant, TITLE), fontsize=10)
        axes.set_xlabel("confidence")
    every[0].set_ylabel("accuracy (source blue, target red)")
    return figure


DRAW: dict[FigureKind, Callable[[Experiment, Runs], Figure]] = {
    "curves": lambda experiment, runs: curves(experiment, list(runs.values())),
    "errors": lambda experiment, runs: errors(experiment, list(runs.values())),
    "diagnosis": lambda experiment, runs: diagnosis(experiment, list(runs.values())),
    "discriminator": lambda experiment, runs: discriminator(experiment, list(runs.values())),
    "confusion": confusion,
    "reliability": reliability,
    "tsne": tsne,
    "plane": plane,
    "generated": generated,
}
