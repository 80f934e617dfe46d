"""Measurements over the steps, as curves. Imports no torch."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, LogLocator, NullFormatter, StrMethodFormatter

from dann.config.experiment import Experiment
from dann.config.naming import shorten
from dann.diagnostics.alarms import CHANCE
from dann.evaluation.rules import Evaluation
from dann.reporting.figures.bars import new_axes
from dann.runner.records import Record


class Measured(Protocol):
    """A run's losses and evaluations, such as those of a record."""

    @property
    def losses(self) -> dict[str, list[float | None]]: ...

    @property
    def evaluations(self) -> list[Evaluation]: ...


class PlainFormatter(LogFormatter):
    """Writes 0.01 at the ticks of a logarithmic axis, not 1e-02, and no formula: names are not read as such either."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}" if super().__call__(x, pos) else ""


def curves(experiment: Experiment, records: list[Record]) -> Figure:
    """The curves of an experiment's rows: see ``draw_curves``."""
    variants = filter(experiment.shows, experiment.variants)
    return draw_curves({name: [record for record in records if record.variant == name] for name in variants})


def draw_curves(rows: Mapping[str, Sequence[Measured]]) -> Figure:
    """Label loss, accuracies and, for adversaries, domain loss and discriminator accuracy, with lines at chance.

    In place of accuracies RMSE, where numbers are predicted. Over the steps: mean and range over seeds; the target
    solid, the source dotted.

    Args:
        rows: the runs of each row, by its name.
    """
    every = [run for runs in rows.values() for run in runs]
    adversary = any("domain" in run.losses for run in every)
    of_numbers = any(f"{_source_split(run)}_rmse" in run.evaluations[0] for run in every if run.evaluations)
    end, unit = ("_rmse", 1) if of_numbers else ("", 100)
    figure, panels = new_axes(4 if adversary else 2, 16 if adversary else 9, 4.0)
    for number, (variant, runs) in enumerate(rows.items()):
        colour = f"C{number}"
        _band(panels[0], [(run.losses["step"], run.losses.get("label")) for run in runs], shorten(variant), colour)
        _band(panels[1], [over_steps(run, f"target_test{end}", unit) for run in runs], None, colour)
        _band(panels[1], [over_steps(run, f"{_source_split(run)}{end}", unit) for run in runs], None, colour, ":")
        if adversary:
            _band(panels[2], [(run.losses["step"], run.losses.get("domain")) for run in runs], None, colour)
            _band(panels[3], [over_steps(run, "discriminator_target") for run in runs], None, colour)
            _band(panels[3], [over_steps(run, "discriminator_source") for run in runs], None, colour, ":")
    for axes, chance, name in zip(panels[2:], (CHANCE, 50), ("chance, ln 2", "chance"), strict=False):
        axes.axhline(chance, color="grey", linestyle="--", linewidth=1, label=name)
        axes.legend(fontsize=7)
    if any(value for run in every for value in run.losses.get("label", [])):  # a diverged run has none
        panels[0].set_yscale("log")
        for set_formatter in (panels[0].yaxis.set_major_formatter, panels[0].yaxis.set_minor_formatter):
            set_formatter(PlainFormatter())
    both = "(target —, source ···)"
    scored = f"test RMSE {both}" if of_numbers else f"test accuracy, % {both}"
    titles = ("label loss", scored, "domain loss", f"discriminator accuracy, % {both}")
    for axes, title in zip(panels, titles, strict=False):
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("step")
        axes.locator_params(axis="x", nbins=5)
    figure.legend(*panels[0].get_legend_handles_labels(), fontsize=8, loc="outside lower center", ncols=len(panels))
    return figure


def diagnosis(experiment: Experiment, records: list[Record]) -> Figure:
    """Diagnostics of the adversary: proxy A-distance, gradients at the features, effective rank, class shares if any.

    Over the steps: mean and range over seeds. The distance measured by a linear SVM is solid, by a network dotted; the
    target's rank is solid, the source's dotted.
    """
    panels: tuple[tuple[str, str, str | None], ...] = (
        ("proxy A-distance (SVM —, MLP ···)", "distance_svm", "distance_mlp"),
        ("gradient norms, transfer over label", "gradient_ratio", None),
        ("cosine of the two gradients", "gradient_cosine", None),
        ("effective rank (target —, source ···)", "features_target_rank", "features_source_rank"),
        ("class shares, target's from source's", "share_distance", None),
    )
    if all(record.of_numbers for record in records):
        panels = panels[:-1]
    figure, every = new_axes(len(panels), 4 * len(panels), 4.0)
    for axes, (title, solid, dotted) in zip(every, panels, strict=True):
        for number, variant in enumerate(filter(experiment.shows, experiment.variants)):
            runs = [record for record in records if record.variant == variant]
            name = shorten(variant) if solid == "distance_svm" else None
            _band(axes, [over_steps(run, solid, 1) for run in runs], name, f"C{number}")
            if dotted is not None:
                _band(axes, [over_steps(run, dotted, 1) for run in runs], None, f"C{number}", ":")
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("step")
        axes.locator_params(axis="x", nbins=5)
    every[0].set_ylim(min(-0.15, every[0].get_ylim()[0]), 2.1)
    if len(every) > 4:
        every[4].set_ylim(bottom=0)
    every[1].axhline(1, color="grey", linestyle="--", linewidth=1)
    every[2].axhline(0, color="grey", linestyle="--", linewidth=1)
    figure.legend(*every[0].get_legend_handles_labels(), fontsize=8, loc="outside lower center", ncols=len(panels))
    return figure


def errors(experiment: Experiment, records: list[Record]) -> Figure:
    """The error on the test examples of both domains over the steps, as in Figure 7 of Ganin et al. 2016.

    Mean and range over seeds; the target solid, the source dotted; the axis is logarithmic, as the two differ by much.
    """
    figure, (axes,) = new_axes(1, 6.2, 4.0)
    for number, variant in enumerate(filter(experiment.shows, experiment.variants)):
        runs = [record for record in records if record.variant == variant]
        _band(axes, [_errors(run, "target_test") for run in runs], shorten(variant), f"C{number}")
        _band(axes, [_errors(run, _source_split(run)) for run in runs], None, f"C{number}", ":")
    if any(value > 0 for line in axes.get_lines() for value in np.asarray(line.get_ydata())):
        axes.set_yscale("log", nonpositive="clip")  # a mean of no error at all is at the lower edge
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_title("test error, % (target —, source ···)", fontsize=10)
    axes.set_xlabel("step")
    axes.locator_params(axis="x", nbins=5)
    figure.legend(*axes.get_legend_handles_labels(), fontsize=8, loc="outside lower center", ncols=3)
    return figure


def _errors(record: Record, key: str) -> tuple[list[float], list[float] | None]:
    """Steps and errors in per cent, the complement of an accuracy; None where no evaluation has it."""
    steps, accuracies = over_steps(record, key)
    return steps, None if accuracies is None else [100 - accuracy for accuracy in accuracies]


def over_steps(record: Measured, key: str, unit: float = 100) -> tuple[list[float], list[float] | None]:
    """Steps and values of one measurement, by default in per cent; None where no evaluation has it."""
    there = [evaluation for evaluation in record.evaluations if key in evaluation]
    return [each["step"] for each in there], [unit * each[key] for each in there] if there else None


def _source_split(record: Measured) -> str:
    return "source_test" if "source_test" in record.evaluations[0] else "source_validation"


def _band(axes: Axes, series: Sequence[tuple[Sequence[float | None], Sequence[float | None] | None]],
          name: str | None, colour: str, style: str = "-") -> None:  # fmt: skip
    """Draw the mean of several runs' curves as a line and their range as a band; nothing if no run has the curve.

    Of curves with one point, as after a single evaluation, a mark and the range as a bar.
    """
    present = [(steps, values) for steps, values in series if values is not None]
    if not present:
        return
    steps = np.array(present[0][0], float)
    stacked = np.array([np.interp(steps, np.array(s, float), np.array(v, float)) for s, v in present])
    mean, low, high = stacked.mean(axis=0), stacked.min(axis=0), stacked.max(axis=0)
    if len(steps) == 1:
        axes.plot(steps, mean, "o" if style == "-" else "x", color=colour, label=name, markersize=5)
        axes.vlines(steps, low, high, color=colour, alpha=0.5)
        return
    axes.plot(steps, mean, style, color=colour, label=name, linewidth=1.4)
    axes.fill_between(steps, low, high, color=colour, alpha=0.15, linewidth=0)
