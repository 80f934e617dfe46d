"""An experiment's tables as a page shows them: every number linked to the runs it is made of. Imports no torch."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from dann.config.experiment import Metric, slug
from dann.config.search import named
from dann.evaluation.selection import LOWER_IS_BETTER
from dann.reporting.captions import METRICS
from dann.reporting.html.grids import Badge, Entry, Grid, Head, Line, draw, key_of, text_entry
from dann.reporting.html.provenance import Runs
from dann.reporting.negative_transfer import AVERAGE, NEGATIVE, metric_of_transfer, negative_transfer
from dann.reporting.scores import Outcomes, of_chosen_settings
from dann.reporting.table import ALARMS, DIFFERENCE, Cell, Table, holds_words
from dann.reporting.tables import difference_tables, main_tables
from dann.runner.records import Record

UPPER = ", oracle (upper bound)"


def score_grids(runs: Runs) -> Iterator[Grid]:
    """What the rows score, as ``dann.reporting.tables.main_tables``."""
    experiment, upper = runs.experiment, runs.ours.upper_bounds
    for metric, table in zip(experiment.metrics, main_tables(runs.ours), strict=False):
        name = f"{runs.name}-scores-{slug(metric)}"
        title = METRICS[metric] if len(experiment.metrics) > 1 else "scores"
        heads = [Head(column, words=holds_words(column), upper=UPPER in column) for column in table.columns]
        below = negative_transfer(runs.shown(metric), metric)
        lines = [Line(variant, _scored(runs, table, metric, variant, below), variant in upper)
                 for variant in table.rows]  # fmt: skip
        yield Grid(name, title[0].upper() + title[1:], table.corner, heads, lines, table.notes)


def _scored(
    runs: Runs, table: Table, metric: Metric, variant: str, below: dict[tuple[str | None, str], str]
) -> list[Entry]:
    """A row's entries; an interval, or what is left of a published number, is of the same runs as the score before."""
    entries, link = [], ""
    for column, cell in zip(table.columns, table.rows[variant], strict=True):
        if isinstance(cell.facts, dict):
            link = _link(runs, metric, column, variant, cell.facts["seeds"])
            entries.append(Entry(cell.text, key_of(cell.facts), _told(cell.facts), link))
        elif column == ALARMS:
            reasons = _reasons(runs.shown(metric).records, variant) | {NEGATIVE: _places(below, variant)}
            entries.append(_alarms(cell, reasons))
        elif holds_words(column):
            entries.append(text_entry(cell.text))
        elif column.endswith("published") and "−" not in column:
            entries.append(_linked(cell, f"#{runs.name}-file", column))
        else:
            entries.append(_linked(cell, link, column))
    return entries


def _linked(cell: Cell, link: str, column: str) -> Entry:
    key = cell.text if holds_words(column) else key_of(cell.facts)
    return Entry(cell.text, key, link="" if cell.facts is None else link)


def _link(runs: Runs, metric: Metric, column: str, variant: str, seeds: Sequence[int]) -> str:
    """The address of the runs of a score, and of what it is the mean of."""
    tasks = [task for task in runs.experiment.tasks if column in (task, f"{task}{UPPER}")]
    key = "source" if column.startswith("source accuracy") else metric
    upper = UPPER in column and runs.ours.rule != "oracle"
    made_of = _of(runs.shown(metric, upper), variant, seeds, tasks)
    return runs.link(f"{key}-oracle" if upper else key, runs.numbers(made_of))


def _of(ours: Outcomes, variant: str, seeds: Collection[int], tasks: Collection[str] = ()) -> list[Record]:
    """Of a variant's runs that are shown those of some seeds and tasks, of all tasks where none are given."""
    found = [record for record in ours.records if record.variant == variant and record.seed in seeds]
    return [record for record in found if not tasks or record.task in tasks]


def _told(facts: dict[str, Any]) -> str:
    """Interval, number of seeds and the score of each."""
    ends = facts["interval"]
    interval = f"95 % interval {100 * ends[0]:.1f} to {100 * ends[1]:.1f}; " if ends else ""
    each = ", ".join(f"{seed}: {100 * value:.1f}" for seed, value in zip(facts["seeds"], facts["values"], strict=True))
    return f"{interval}n = {facts['n']}; by seed {each}"


def _reasons(records: Sequence[Record], variant: str) -> dict[str, list[str]]:
    """What is told of a row's alarms, by their names: a line for those of equal seeds."""
    seeds: dict[tuple[str, str], list[str]] = defaultdict(list)
    for record in records:
        for alarm in record.alarms if record.variant == variant else ():
            place = f"{record.task}, " if record.task else ""
            seeds[alarm["alarm"], f"{place}step {alarm['step']}: {alarm['text']}"].append(str(record.seed))
    found: dict[str, list[str]] = defaultdict(list)
    for (name, text), each in seeds.items():
        found[name].append(f"seed{'s' * (len(each) > 1)} {', '.join(each)}, {text}")
    return found


def _places(below: dict[tuple[str | None, str], str], variant: str) -> list[str]:
    """What is told of a row's negative transfer, on the average over tasks and on each."""
    told = {task: text for (task, row), text in below.items() if row == variant}
    return [text if task is None else f"{task or 'on average'}: {text}" for task, text in told.items()]


def _alarms(cell: Cell, reasons: dict[str, list[str]]) -> Entry:
    """The alarms of a row, each with its reasons."""
    named = zip(cell.text.split("; "), cell.facts, strict=False)
    badges = [Badge(fact["alarm"], words, reasons.get(fact["alarm"], [])) for words, fact in named]
    return Entry(cell.text, key_of(cell.facts) or None, badges=badges)


def difference_grids(runs: Runs) -> Iterator[Grid]:
    """The paired differences from the baselines, each interval drawn."""
    for table in difference_tables(runs.ours):
        metric: Metric = table.facts["metric"]
        at = table.columns.index(DIFFERENCE)  # what a row is held against may come before
        differences = [(cells[at].facts, cells[at + 1].facts) for cells in table.rows.values()]
        drawn, ticks = draw(differences, less_is_better=metric in LOWER_IS_BETTER)
        lines = []
        for (variant, cells), drawing in zip(table.rows.items(), drawn, strict=True):
            link = _paired(runs, metric, variant)
            entries = [_linked(cell, link, column) for column, cell in zip(table.columns, cells, strict=True)]
            lines.append(Line(variant, [*entries[: at + 1], Entry(drawing.told, drawn=drawing), *entries[at + 1 :]]))
        heads = [Head(column, words=holds_words(column)) for column in table.columns]
        heads.insert(at + 1, Head("difference and interval, drawn", ticks=ticks))
        title = f"Differences: {table.corner}"
        yield Grid(f"{runs.name}-differences-{slug(metric)}", title, "", heads, lines, table.notes)


def _paired(runs: Runs, metric: Metric, variant: str) -> str:
    """The address of the runs of a row and of its baseline on the seeds that both have."""
    baseline = str(runs.experiment.compared_with(variant))
    ours = runs.shown(metric)
    seeds = set(ours.main(variant, metric)) & set(ours.main(baseline, metric))
    return runs.link(metric, *(runs.numbers(_of(ours, each, seeds)) for each in (variant, baseline)))


def ranking_grid(runs: Runs, table: Table) -> Grid:
    """How the selection rules choose among the runs but those that train on the target."""
    chosen = of_chosen_settings(runs.experiment, runs.records)
    link = runs.link("", runs.numbers(record for record in chosen if record.data["source"] != record.data["target"]))
    lines = [Line(rule, [_linked(cell, link, column) for column, cell in zip(table.columns, cells, strict=True)])
             for rule, cells in table.rows.items()]  # fmt: skip
    heads = [Head(column, words=holds_words(column)) for column in table.columns]
    return Grid(f"{runs.name}-rules", "How the rules choose", table.corner, heads, lines, table.notes)


def alarm_grid(runs: Runs) -> Grid:
    """The negative transfer that the tables of accuracy or the like tell, then every alarm of every run, a row each."""
    experiment, metric = runs.experiment, metric_of_transfer(runs.experiment)
    names = [*(["task"] if experiment.tasks else []), *(["setting"] if experiment.search else [])]
    heads = [Head("alarm", words=True), *(Head(name, words=True) for name in names)]
    heads += [Head("seed"), Head("step"), Head("what was seen", words=True)]

    def line(variant: str, alarm: str, where: dict[str, str], seed: Entry, step: Entry, text: str) -> Line:
        place = [text_entry(where[name]) for name in names]
        return Line(variant, [text_entry(alarm), *place, seed, step, text_entry(text)])

    lines = []
    for (task, variant), text in negative_transfer(runs.shown(metric), metric).items():
        where = {"task": "on average" if task == AVERAGE else str(task), "setting": ""}
        lines.append(line(variant, NEGATIVE, where, Entry(), Entry(), text))
    for number, record in enumerate(runs.records):
        where = {"task": record.task or "", "setting": named(record.setting)}
        seed = Entry(str(record.seed), record.seed, link=runs.link("", [number]))
        for alarm in record.alarms:
            if alarm["alarm"] != NEGATIVE:  # what the record says may be outdated, or of another rule
                step = Entry(str(alarm["step"]), alarm["step"])
                lines.append(line(record.variant, alarm["alarm"], where, seed, step, alarm["text"]))
    return Grid(f"{runs.name}-alarms", "Alarms", "row", heads, lines)
