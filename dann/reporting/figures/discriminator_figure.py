"""The discriminator over the steps, a line for each run. Imports no torch."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dann.config.experiment import Experiment
from dann.config.naming import shorten
from dann.diagnostics.alarms import CHANCE
from dann.reporting.adversary import has_discriminator, scheduled_lambda
from dann.reporting.figures.bars import new_axes
from dann.reporting.figures.curves import PlainFormatter, over_steps
from dann.runner.records import Record

TITLES = ("domain loss", "discriminator accuracy, %", "λ", "gradient norms, transfer over label")
LEVELS = ((CHANCE, "chance, ln 2"), (50, "chance"), (1, "equal norms"))


def discriminator(experiment: Experiment, records: list[Record]) -> Figure:
    """Domain loss, discriminator accuracy on each domain, λ and the gradient ratio: what TensorBoard shows of each run.

    A thin line for each seed in the colour of its row, a thick one for their median. Of rows whose λ is adaptive, which
    records do not hold, the panel of λ shows nothing.
    """
    figure, every = new_axes(len(TITLES), 3.5 * len(TITLES), 3.3)
    handles = []
    for number, variant in enumerate(filter(experiment.shows, experiment.variants)):
        runs = [record for record in records if record.variant == variant and has_discriminator(record)]
        if runs:
            _draw_row(every, runs, f"C{number}")  # as in the curves
            handles.append(Line2D([], [], color=f"C{number}", label=shorten(variant)))
    handles.append(Line2D([], [], color="black", linestyle="-", label="accuracy on target"))
    handles.append(Line2D([], [], color="black", linestyle=":", label="on source"))
    for axes, (chance, name) in zip((every[0], every[1], every[3]), LEVELS, strict=True):
        axes.axhline(chance, color="black", linestyle="--", linewidth=1, label=name)
        axes.legend(fontsize=7)
    _scale(*every)
    for axes, title in zip(every, TITLES, strict=True):
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("step")
        axes.locator_params(axis="x", nbins=5)
    figure.legend(handles=handles, fontsize=8, loc="outside lower center", ncols=min(len(handles), 6))
    return figure


def _draw_row(every: Sequence[Axes], runs: Sequence[Record], colour: str) -> None:
    """The four panels of a row."""
    loss, accuracy, coefficient, ratio = every
    _lines(loss, [(run.losses["step"], run.losses.get("domain")) for run in runs], colour)
    _lines(accuracy, [over_steps(run, "discriminator_target") for run in runs], colour)
    _lines(accuracy, [over_steps(run, "discriminator_source") for run in runs], colour, ":")
    logged = [(run, [int(step or 0) for step in run.losses["step"]]) for run in runs]
    _lines(coefficient, [(steps, [scheduled_lambda(run, step) for step in steps]) for run, steps in logged], colour)
    _lines(ratio, [over_steps(run, "gradient_ratio", 1) for run in runs], colour)


def _scale(loss: Axes, accuracy: Axes, coefficient: Axes, ratio: Axes) -> None:
    """Limits that all experiments share; of the ratio, half and twice are equally far from 1."""
    loss.set_ylim(bottom=0)
    accuracy.set_ylim(-3, 103)
    coefficient.set_ylim(bottom=0)
    ratio.set_yscale("log")
    for set_formatter in (ratio.yaxis.set_major_formatter, ratio.yaxis.set_minor_formatter):
        set_formatter(PlainFormatter())


def _lines(axes: Axes, series: Sequence[tuple[Sequence[float | None], Sequence[float | None] | None]], colour: str,
           style: str = "-") -> None:  # fmt: skip
    """Draw a thin line for each run, with gaps where it has no value, and their median where all have one.

    Of a single evaluation, a mark for each run.
    """
    present = [(np.array(steps, float), np.array(values, float)) for steps, values in series if values is not None]
    present = [(steps, values) for steps, values in present if np.isfinite(values).any()]
    if not present:
        return
    marker = ("o" if style == "-" else "x") if len(present[0][0]) == 1 else ""
    faint = min(0.4, 2 / len(present))
    for steps, values in present:
        axes.plot(steps, values, style, marker=marker, color=colour, linewidth=0.7, alpha=faint, markersize=5)
    steps = present[0][0]
    stacked = np.array([np.interp(steps, *run) for run in present])
    common = np.isfinite(stacked).all(axis=0)
    axes.plot(steps[common], np.median(stacked[:, common], axis=0), style, color=colour, linewidth=1.8)
