"""Draw the figure of the guard's frontier, and write its page, from the committed records.

``python results/guard.py`` makes both; ``results/pages.py`` keeps the page up to date. Nothing is trained.
"""

import sys
from functools import cache
from statistics import fmean

from committed import read_result
from guard_page import FIGURE, MARGINS, PAGE, TOLERANCES, Judged, excess_by_group, gather_all, render_guard
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dann.errors import BadInput
from dann.evaluation.guard import Guard
from dann.files.atomic_files import write_whole
from dann.reporting.figures.bars import new_axes
from dann.reporting.figures.draw import save
from dann.reporting.guard_regret import GOAL

LEFT_OUT = "moons"  # whose excess of over ten points would hide the others


def draw_frontier(judged: list[Judged]) -> Figure:
    """The mean excess of each group over margins, and over tolerances."""
    shown = [each for each in judged if each.family != LEFT_OUT] or judged
    figure, (left, right) = new_axes(2, 9.6, 3.8)
    _draw_panel(left, shown, [Guard(margin=margin) for margin in MARGINS], [f"{margin:g}" for margin in MARGINS])
    left.set_xlabel("margin, in half-widths of the 95 % t-interval")
    left.set_ylabel("excess regret, points")
    names = ["any" if tolerance == 1 else f"{100 * tolerance:g}" for tolerance in TOLERANCES]
    _draw_panel(right, shown, [Guard(tolerance=tolerance) for tolerance in TOLERANCES], names)
    right.set_xlabel("tolerance, points of source accuracy")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, loc="outside lower center", ncols=len(labels))
    return figure


def _draw_panel(axes: Axes, judged: list[Judged], rules: list[Guard], names: list[str]) -> None:
    found = [excess_by_group(judged, rule) for rule in rules]
    families = list(dict.fromkeys(each.family for each in judged))
    for group in found[0]:
        family = next(each.family for each in judged if each.group == group)
        colour, line = f"C{families.index(family)}", "-" if group == family else ":"
        means = [100 * fmean(each.excess for each in groups[group]) for groups in found]
        axes.plot(range(len(rules)), means, f"{line}o", color=colour, markersize=4, linewidth=1.4, label=group)
    axes.axhline(100 * GOAL, color="black", linestyle="--", linewidth=1)
    axes.axvline(rules.index(Guard()), color="grey", linewidth=6, alpha=0.25)
    axes.set_xticks(range(len(rules)), names)
    axes.grid(linewidth=0.4)


def main() -> int:
    """Draw the figure and write the page; returns the exit status: 0, or 2 for bad input."""
    read = cache(read_result)
    try:
        page = render_guard(read)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    save(draw_frontier(gather_all(read)[0]), FIGURE)
    write_whole(PAGE, page.encode())
    print(PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
