"""The table of paired differences from the baselines, one for each metric. Imports no torch."""

from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.statistics import Difference
from dann.reporting.captions import difference_notes
from dann.reporting.scores import Outcomes
from dann.reporting.table import NONE, Cell, Column, Columns, Table, interval_ends, show_difference, show_differences


def difference_tables(ours: Outcomes) -> list[Table]:
    """A table for each metric, of the average over tasks or the only score.

    There is none without a baseline, or where no row shares two seeds with its own.
    """
    tables = []
    for metric in ours.experiment.metrics:
        shown = ours.for_metric(metric)
        if any(difference.n > 1 for difference in shown.differences(metric).values()):
            tables.append(_difference_table(shown, metric))
    return tables


def _difference_table(ours: Outcomes, metric: str) -> Table:
    experiment, differences = ours.experiment, ours.differences(metric)
    baselines = {variant: str(experiment.find_baseline(variant)) for variant in differences}
    columns: Columns = {}
    if several := len(set(baselines.values())) > 1:
        columns[Column("baseline", "against", "baseline")] = {v: Cell(name, name) for v, name in baselines.items()}
    for column in (
        Column(
            "difference",
            f"difference{'' if METRICS[metric].of_numbers else ', points'}",
            "difference",
            None,
            metric,
            ours.rule,
        ),
        Column("interval", "95 % interval", "interval", None, metric, ours.rule),
        Column("p", "p", "p"),
        Column("holm", "p (Holm)", "holm"),
        Column("effect", "effect size d", "effect"),
        Column("seeds", "n", "seeds"),
    ):
        columns[column] = {variant: _cell(column, difference, metric) for variant, difference in differences.items()}
    title = f"{METRICS[metric].label} against {'baselines' if several else next(iter(baselines.values()))}"
    notes = difference_notes(ours, metric, several)
    return Table.of_columns(f"{experiment.title}: {title}", differences, columns, notes, title, metric=metric,
                            rule=ours.rule, baselines=baselines, test=experiment.test)  # fmt: skip


def _cell(column: Column, difference: Difference, metric: str) -> Cell:
    ends = interval_ends(difference.mean, difference.half_width)
    effect = NONE if difference.effect is None else f"{difference.effect:+.2f}".replace("-", "−")
    return {
        "difference": Cell(show_difference(difference.mean, metric), difference.mean),
        "interval": Cell(NONE if ends is None else show_differences(ends, metric, difference.mean), ends),
        "p": Cell(_p_value(difference.p), difference.p),
        "holm": Cell(_p_value(difference.adjusted), difference.adjusted),
        "effect": Cell(effect, difference.effect),
        "seeds": Cell(str(difference.n), difference.n),
    }[column.kind]


def _p_value(p: float | None) -> str:
    return NONE if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"
