"""Two-dimensional inputs as networks see them, after Figure 2 of Ganin et al. 2016. Imports no torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from dann.config.experiment import Experiment
from dann.config.naming import shorten
from dann.reporting.figures.bars import new_axes
from dann.reporting.figures.filed_plane import Array, Letters, Plane, choose_letters, rate_domain, read_plane
from dann.reporting.figures.label_placement import find_room
from dann.runner.records import PLANE, Record, has_target_labels

COLOURS = ("#D55E00", "#009E73", "#CC79A7", "#E69F00", "#8C564B", "#17BECF", "#BCBD22", "#7F7F7F", "#9467BD", "#E377C2")
MARKS = ("+", "_", "x", "1", "2", "3", "4", "|", "*", "^")  # of the classes; those of two are the paper's
SOURCE, TARGET, OTHER, LETTER, UNIT = "#1f77b4", "black", "#606060", "#0B2A8A", "#7B3294"
PALE = 0.3  # of a colour, in regions
TIE = 0.0005  # half of the step to which filed probabilities are rounded
TITLES = ("label classification", "representation, PCA", "domain classification", "hidden neurons")
WIDTH, HEIGHT = 3.3, 3.0  # of a panel, in inches
SIZE = np.array([190.0, 165.0])  # of the same without its labels, in points, near enough to place letters
REACH = 20.0  # points from an example to its letter


def plane(experiment: Experiment, runs: Mapping[Path, Record]) -> Figure:
    """Four panels for a run of each row: labels, principal components of the features, domains, hidden units.

    Rows are those that ``shown.variants`` names, by default the first on the source only and the first with DANN, and
    of each the first seed that filed a plane. Examples that have letters are those next to ``shown.points``, or else A
    and D the target examples farthest from the source, B and C the source examples farthest from the target. The
    paper's domain classifier of the network without adaptation is a logistic regression here, trained afterwards.

    Raises:
        BadInput: a file is damaged.
    """
    chosen = choose_rows(experiment, runs)
    figure, panels = new_axes(4, 4 * WIDTH, HEIGHT * len(chosen) + 0.4, rows=len(chosen))
    for number, place in enumerate(chosen):
        row, seen = panels[4 * number : 4 * number + 4], read_plane(place / PLANE)
        _draw_row(row, seen, choose_letters(seen, experiment.shown.points))
        row[0].set_ylabel(f"{shorten(runs[place].variant, 24)}, seed {runs[place].seed}", fontsize=11)
        row[0].set_xlabel(_accuracy(runs[place]), fontsize=9)
    for axes, title in zip(panels, TITLES, strict=False):
        axes.set_title(title, fontsize=11)
    figure.legend(
        handles=_handles(runs[chosen[0]].classes), fontsize=9, loc="outside lower center", ncols=7, frameon=False
    )
    return figure


def choose_rows(experiment: Experiment, runs: Mapping[Path, Record]) -> list[Path]:
    """The runs that the figure shows, in the order of the rows; empty if none filed a plane of two domains."""
    first: dict[str, Path] = {}
    for place, record in runs.items():
        if (place / PLANE).is_file() and record.data["source"]["name"] != record.data["target"]["name"]:
            first.setdefault(record.variant, place)
    ordered = [variant for variant in experiment.variants if variant in first]
    if not experiment.shown.variants:
        methods = {variant: runs[first[variant]].config["method"]["name"] for variant in ordered}
        wanted = [next((each for each in ordered if methods[each] == name), None) for name in ("source_only", "dann")]
        ordered = [each for each in wanted if each is not None] or ordered
    return [first[variant] for variant in ordered]


def _draw_row(row: Sequence[Axes], seen: Plane, letters: Letters) -> None:
    """The four panels of a run."""
    label, components, domain, hidden = row
    _fill_regions(label, seen, seen.probabilities, COLOURS)
    _fill_regions(domain, seen, np.stack([1 - seen.as_target, seen.as_target]), (SOURCE, OTHER))
    _draw_examples(label, seen, seen.source, seen.target)
    _draw_examples(domain, seen, seen.source, seen.target, SOURCE)
    domain.set_xlabel(rate_domain(seen), fontsize=9)
    _draw_units(hidden, seen)
    for axes in (label, domain, hidden):
        _limit(axes, np.array([[seen.x[0], seen.y[0]], [seen.x[-1], seen.y[-1]]]))
    _draw_letters(label, seen.source, seen.target, letters)
    _draw_components(components, seen, letters)
    for axes in row:
        axes.set_xticks([])
        axes.set_yticks([])


def _limit(axes: Axes, corners: Array) -> None:
    """End the axes at two corners, ``(2, 2)``."""
    axes.set_xlim(*corners[:, 0])
    axes.set_ylim(*corners[:, 1])


def _fill_regions(axes: Axes, seen: Plane, probabilities: Array, colours: Sequence[str]) -> None:
    """Tint the region of each class, and draw its boundary; where rounding left a tie, the first class counts."""
    likeliest = probabilities.argmax(axis=0)
    for k, colour in zip(range(len(probabilities)), colours, strict=False):
        lead = np.abs(probabilities[k] - np.delete(probabilities, k, axis=0).max(axis=0, initial=0.0))
        margin = np.where(likeliest == k, 1.0, -1.0) * np.maximum(lead, TIE)
        if margin.max() > 0:
            axes.contourf(seen.x, seen.y, margin, levels=[0, 10], colors=[_pale(colour)])
        if margin.min() < 0 < margin.max():
            axes.contour(seen.x, seen.y, margin, levels=[0], colors="black", linewidths=1.8)


def _pale(colour: str) -> tuple[float, float, float]:
    red, green, blue = (1 - PALE * (1 - part) for part in to_rgb(colour))
    return red, green, blue


def _draw_examples(axes: Axes, seen: Plane, source: Array, target: Array, colour: str | None = None,
                   strength: float = 1.0) -> None:  # fmt: skip
    """Draw the source's examples as marks of their class, in its colour unless one is given, the target's as dots."""
    axes.scatter(target[:, 0], target[:, 1], s=7, color=TARGET, linewidths=0, alpha=0.75 * strength)
    for k in range(len(seen.probabilities)):
        x, y = source[seen.label == k].T
        axes.scatter(x, y, s=34, color=colour or COLOURS[k], marker=MARKS[k], linewidths=1.3, alpha=0.9 * strength)


def _draw_components(axes: Axes, seen: Plane, letters: Letters) -> None:
    """Draw the principal components, signed so that they rise with the inputs' coordinates."""
    inputs = np.concatenate([seen.source, seen.target])
    both = np.concatenate([seen.source_plane, seen.target_plane])
    rises = ((both - both.mean(axis=0)) * (inputs - inputs.mean(axis=0))).sum(axis=0)
    both = both * np.where(rises < 0, -1.0, 1.0)
    source, target = both[: len(seen.source)], both[len(seen.source) :]
    low, high = both.min(axis=0), both.max(axis=0)
    margin = 0.1 * np.maximum(high - low, 1e-6)
    _limit(axes, np.stack([low - margin, high + margin]))
    _draw_examples(axes, seen, source, target)
    _draw_letters(axes, source, target, letters)
    first, second = 100 * seen.shares
    axes.set_xlabel(f"component 1, {first:.0f} % of variance", fontsize=9)
    axes.set_ylabel(f"component 2, {second:.0f} %", fontsize=9)


def _draw_units(axes: Axes, seen: Plane) -> None:
    """Draw the line of each hidden unit over pale examples."""
    if not len(seen.units):
        reason = "not drawn: the features are not\none layer of hidden units"
        axes.text(0.5, 0.5, reason, transform=axes.transAxes, ha="center", va="center", color="grey", fontsize=9)
        return
    _draw_examples(axes, seen, seen.source, seen.target, strength=0.35)
    width = min(1.2, 24 / len(seen.units))  # many lines would hide the examples
    for first, second, bias in seen.units:
        if (length := float(np.hypot(first, second))) > 1e-9:
            x, y = -bias * first / length**2, -bias * second / length**2
            axes.axline((x, y), (x - second / length, y + first / length), color=UNIT, linewidth=width, alpha=0.8)
    axes.set_xlabel(f"{len(seen.units)} units", fontsize=9)


def _draw_letters(axes: Axes, source: Array, target: Array, letters: Letters) -> None:
    """Ring each example that has a letter, and write the letter beside it where there is most room."""
    low, high = np.array([axes.get_xlim(), axes.get_ylim()]).T
    scale = SIZE / (high - low)
    taken = (np.concatenate([source, target]) - low) * scale
    halo = [withStroke(linewidth=3, foreground="white")]
    stem = {"arrowstyle": "-", "color": LETTER, "linewidth": 1.2, "shrinkA": 6, "shrinkB": 4}
    for number, (is_target, index) in enumerate(letters):
        at = (target if is_target else source)[index]
        offset = find_room((at - low) * scale, taken, SIZE, REACH)
        taken = np.concatenate([taken, [(at - low) * scale + offset] * 2])
        axes.plot(*at, "o", markersize=8, markerfacecolor="none", markeredgecolor=LETTER, markeredgewidth=1.6)
        axes.annotate(chr(ord("A") + number), tuple(at), tuple(offset), textcoords="offset points", ha="center",
                      va="center", color=LETTER, fontsize=12, fontweight="bold", path_effects=halo,
                      arrowprops=stem)  # fmt: skip


def _accuracy(record: Record) -> str:
    last = record.evaluations[-1]
    return f"target test accuracy {100 * last['target_test']:.1f} %" if has_target_labels(record) else ""


def _handles(classes: Sequence[str]) -> list[Line2D | Patch]:
    """The legend: marks of both domains, the boundary, the lines of hidden units, and the regions of the domains."""
    marks = [
        Line2D([], [], linestyle="", marker=mark, color=colour, markersize=8, markeredgewidth=1.5,
               label=f"source, {shorten(name, 20)}")
        for mark, colour, name in zip(MARKS, COLOURS, classes, strict=False)
    ]  # fmt: skip
    return [
        *marks,
        Line2D([], [], linestyle="", marker="o", color=TARGET, markersize=3.5, label="target, unlabelled"),
        Line2D([], [], color="black", linewidth=1.8, label="decision boundary"),
        Line2D([], [], color=UNIT, linewidth=1.2, label="hidden neuron"),
        Patch(facecolor=_pale(SOURCE), label="classified as source"),
        Patch(facecolor=_pale(OTHER), label="as target"),
    ]
