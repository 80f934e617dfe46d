"""An experiment's tables for the HTML page, with every number linked to the runs behind it. Imports no torch."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from dann.config.naming import name_setting, slug
from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.rules import RULES
from dann.reporting.alarm_column import alarm_words
from dann.reporting.difference_table import difference_tables
from dann.reporting.discriminator_table import discriminator_tables
from dann.reporting.distance_table import distance_tables
from dann.reporting.guard_table import guard_tables
from dann.reporting.html.grids import Badge, Entry, Grid, Head, Line, draw, sort_key, text_entry
from dann.reporting.html.provenance import Runs
from dann.reporting.negative_transfer import NEGATIVE, negative_transfer, transfer_metric
from dann.reporting.score_table import score_tables
from dann.reporting.scores import Outcomes, trains_on_target
from dann.reporting.search_tables import search_table, task_tables
from dann.reporting.selection_table import selection_tables
from dann.reporting.setting_selection import select_settings
from dann.reporting.table import Cell, Column, Table, show_score
from dann.runner.records import Record
from dann.runner.search_choice import Row


def score_grids(runs: Runs) -> Iterator[Grid]:
    """The tables of ``dann.reporting.score_table.score_tables``."""
    several = len(runs.experiment.metrics) > 1
    for table in score_tables(runs.ours):
        metric = table.facts["metric"]
        title = METRICS[metric].label if several else "scores"
        yield _score_grid(runs, table, f"scores-{slug(metric)}", title[0].upper() + title[1:])


def _score_grid(runs: Runs, table: Table, name: str, title: str) -> Grid:
    metric = table.facts["metric"]
    losses: dict[str, dict[Row, str]] = defaultdict(dict)
    for row, text in negative_transfer(runs.shown(metric), metric).items():
        losses[row[1]][row] = text
    lines = [Line(variant, _score_entries(runs, table, variant, losses[variant]), variant in runs.ours.upper_bounds)
             for variant in table.rows]  # fmt: skip
    heads = [_head(column) for column in table.columns]
    return Grid(f"{runs.name}-{name}", title, table.corner, heads, lines, table.notes)


def search_grids(runs: Runs) -> Iterator[Grid]:
    """Of a search with seeds of its own the scores on each task, and its cost and choices."""
    if not runs.experiment.search_seeds:
        return
    for table in task_tables(runs.ours):
        metric = table.facts["metric"]
        yield _score_grid(runs, table, f"tasks-{slug(metric)}", f"Each task: {METRICS[metric].label}")
    table = search_table(runs.ours)
    lines = [Line(row, [_link_cell(cell, "", column) for column, cell in zip(table.columns, cells, strict=True)])
             for row, cells in table.rows.items()]  # fmt: skip
    yield Grid(f"{runs.name}-search", "The search", "", [_head(column) for column in table.columns], lines, table.notes)


def _head(column: Column) -> Head:
    chosen_by = RULES[column.rule or "last"]
    upper = column.kind == "score" and (chosen_by.needs_target_labels or column.candidate == "oracle")
    return Head(column.title, words=column.is_text, upper=upper)


def _score_entries(runs: Runs, table: Table, variant: str, losses: dict[Row, str]) -> list[Entry]:
    """A row's entries; an interval, or the gap to a published number, links to the runs of the score before it."""
    entries, link, metric = [], "", table.facts["metric"]
    for column, cell in zip(table.columns, table.rows[variant], strict=True):
        if isinstance(cell.facts, dict) and "seeds" not in cell.facts:  # all runs of it failed
            entries.append(text_entry(cell.text))
        elif column.kind in ("score", "source", "label_free") and cell.facts is not None:
            link = _score_link(runs, metric, column, variant, cell.facts["seeds"])
            words = "" if column.kind == "label_free" else _seeds_in_words(cell.facts, str(column.metric))
            entries.append(Entry(cell.text, sort_key(cell.facts), words, link))
        elif column.kind == "alarms":
            entries.append(_alarm_entry(runs.shown(metric), variant, cell, losses))
        elif column.is_text:
            entries.append(text_entry(cell.text))
        else:
            entries.append(_link_cell(cell, f"#{runs.name}-file" if column.kind == "published" else link, column))
    return entries


def _link_cell(cell: Cell, link: str, column: Column) -> Entry:
    key = cell.text if column.is_text else sort_key(cell.facts)
    return Entry(cell.text, key, link="" if cell.facts is None else link)


def _score_link(runs: Runs, metric: str, column: Column, variant: str, seeds: Sequence[int]) -> str:
    """The address of the runs whose mean a score is."""
    tasks = [] if column.task is None else [column.task]
    key = {"source": "source", "label_free": column.key.split(":")[0]}.get(column.kind, metric)
    upper = column.rule == "oracle" and runs.ours.rule != "oracle"
    shown = runs.shown(metric, upper)
    shown = shown if column.candidate == shown.candidate else shown.for_candidate(column.candidate)
    records = _records(shown, variant, seeds, tasks)
    return runs.link(f"{key}-oracle" if upper else key, runs.numbers(records))


def _records(ours: Outcomes, variant: str, seeds: Collection[int], tasks: Collection[str] = ()) -> list[Record]:
    """A variant's records of some seeds, and of some tasks or of all where none is named."""
    records = [record for record in ours.by_variant[variant] if record.seed in seeds]
    return [record for record in records if not tasks or record.task in tasks]


def _seeds_in_words(facts: dict[str, Any], metric: str) -> str:
    """Interval, number of seeds and the score of each."""

    def show(value: float) -> str:
        return show_score(value, metric, facts["mean"])

    ends = facts["interval"]
    interval = f"95 % interval {show(ends[0])} to {show(ends[1])}; " if ends else ""
    each = ", ".join(f"{seed}: {show(value)}" for seed, value in zip(facts["seeds"], facts["values"], strict=True))
    return f"{interval}n = {facts['n']}; by seed {each}"


def _alarm_entry(ours: Outcomes, variant: str, cell: Cell, losses: dict[Row, str]) -> Entry:
    """The alarms of a row, each with its reasons; the losses against source only are the row's."""
    reasons = _alarm_reasons(ours.by_variant[variant]) | {NEGATIVE: _losses_in_words(ours, losses)}
    badges = [Badge(fact["alarm"], alarm_words(fact), reasons.get(fact["alarm"], [])) for fact in cell.facts]
    return Entry(cell.text, sort_key(cell.facts) or None, badges=badges)


def _alarm_reasons(records: Sequence[Record]) -> dict[str, list[str]]:
    """The reasons for a row's alarms, by alarm: a line for each, with the seeds that share it."""
    seeds: dict[tuple[str, str], list[str]] = defaultdict(list)
    for record in records:
        for alarm in record.alarms:
            place = f"{record.task}, " if record.task else ""
            seeds[alarm["alarm"], f"{place}step {alarm['step']}: {alarm['text']}"].append(str(record.seed))
    reasons: dict[str, list[str]] = defaultdict(list)
    for (name, text), each in seeds.items():
        reasons[name].append(f"seed{'s' * (len(each) > 1)} {', '.join(each)}, {text}")
    return reasons


def _losses_in_words(ours: Outcomes, below: dict[Row, str]) -> list[str]:
    """The losses of one row against source only, on average and on each task."""
    tasks = ours.experiment.tasks
    return [f"{'on average' if task is None else task}: {text}" if tasks else text for (task, _), text in below.items()]


def difference_grids(runs: Runs) -> Iterator[Grid]:
    """The paired differences from the baselines, each interval drawn."""
    for table in difference_tables(runs.ours):
        metric = table.facts["metric"]
        differences, intervals = table.column("difference"), table.column("interval")
        drawn, ticks = draw([(differences[row].facts, intervals[row].facts) for row in table.rows], metric)
        place = [column.kind for column in table.columns].index("difference") + 1
        lines = []
        for (variant, cells), drawing in zip(table.rows.items(), drawn, strict=True):
            link = _difference_link(runs, metric, variant)
            entries = [_link_cell(cell, link, column) for column, cell in zip(table.columns, cells, strict=True)]
            entries.insert(place, Entry(drawing.words, drawn=drawing))
            lines.append(Line(variant, entries))
        heads = [_head(column) for column in table.columns]
        heads.insert(place, Head("difference and interval, drawn", ticks=ticks))
        title = f"Differences: {table.corner}"
        yield Grid(f"{runs.name}-differences-{slug(metric)}", title, "", heads, lines, table.notes)


def _difference_link(runs: Runs, metric: str, variant: str) -> str:
    """The address of the runs of a row and of its baseline on the seeds that both have."""
    baseline = str(runs.experiment.find_baseline(variant))
    ours = runs.shown(metric)
    seeds = set(ours.average(variant, metric)) & set(ours.average(baseline, metric))
    return runs.link(metric, *(runs.numbers(_records(ours, each, seeds)) for each in (variant, baseline)))


def selection_grids(runs: Runs) -> Iterator[Grid]:
    """What the rows score under several selection rules; a row's numbers lead to all of its runs."""
    for table in selection_tables(runs.experiment, [*runs.records, *runs.ours.failed]):
        yield _row_grid(runs, table, f"selections-{slug(table.facts['metric'])}")


def measurement_grids(runs: Runs) -> Iterator[Grid]:
    """The distances of the domains, and the discriminator; a row's numbers lead to all of its runs."""
    for table in distance_tables(runs.ours):
        yield _row_grid(runs, table, "distances")
    for number, table in enumerate(discriminator_tables(runs.ours)):
        yield _row_grid(runs, table, f"discriminator-{number}")


def _row_grid(runs: Runs, table: Table, name: str) -> Grid:
    """A table whose numbers lead to all runs of their row."""
    lines = []
    for variant, cells in table.rows.items():
        link = runs.link("", runs.numbers(record for record in runs.records if record.variant == variant))
        entries = [_link_cell(cell, link, column) for column, cell in zip(table.columns, cells, strict=True)]
        lines.append(Line(variant, entries, variant in runs.ours.upper_bounds))
    title, heads = table.corner[0].upper() + table.corner[1:], [_head(column) for column in table.columns]
    return Grid(f"{runs.name}-{name}", title, "", heads, lines, table.notes)


def rule_grid(runs: Runs, table: Table) -> Grid:
    """How the selection rules choose among the runs that do not train on the target."""
    chosen = select_settings(runs.experiment, [*runs.records, *runs.ours.failed])
    link = runs.link("", runs.numbers(record for record in chosen if not trains_on_target(record)))
    lines = [Line(rule, [_link_cell(cell, link, column) for column, cell in zip(table.columns, cells, strict=True)])
             for rule, cells in table.rows.items()]  # fmt: skip
    heads = [_head(column) for column in table.columns]
    return Grid(f"{runs.name}-rules", "How the rules choose", table.corner, heads, lines, table.notes)


def guard_grids(runs: Runs) -> Iterator[Grid]:
    """What the guard reports for each task."""
    for table in guard_tables(runs.ours):
        lines = [Line(row, [text_entry(cell.text) for cell in cells]) for row, cells in table.rows.items()]
        heads = [_head(column) for column in table.columns]
        yield Grid(f"{runs.name}-guard", "What the guard reports", table.corner, heads, lines, table.notes)


def alarm_grid(runs: Runs) -> Grid:
    """Negative transfer by the metric that shows it, then every alarm of every run, a row each."""
    experiment, metric = runs.experiment, transfer_metric(runs.experiment)
    names = [*(["task"] if experiment.tasks else []), *(["setting"] if experiment.search else [])]
    heads = [Head("alarm", words=True), *(Head(name, words=True) for name in names)]
    heads += [Head("seed"), Head("step"), Head("reason", words=True)]

    def line(variant: str, alarm: str, where: dict[str, str], seed: Entry, step: Entry, text: str) -> Line:
        place = [text_entry(where[name]) for name in names]
        return Line(variant, [text_entry(alarm), *place, seed, step, text_entry(text)])

    lines = []
    for (task, variant), text in negative_transfer(runs.shown(metric), metric).items():
        where = {"task": "on average" if task is None else task, "setting": ""}
        lines.append(line(variant, NEGATIVE, where, Entry(), Entry(), text))
    for number, record in enumerate(runs.records):
        where = {"task": record.task or "", "setting": name_setting(record.setting)}
        seed = Entry(str(record.seed), record.seed, link=runs.link("", [number]))
        for alarm in record.alarms:
            if alarm["alarm"] != NEGATIVE:  # a record's flag may be outdated, or of another rule
                step = Entry(str(alarm["step"]), alarm["step"])
                lines.append(line(record.variant, alarm["alarm"], where, seed, step, alarm["text"]))
    return Grid(f"{runs.name}-alarms", "Alarms", "row", heads, lines)
