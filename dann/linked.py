"""An experiment's tables as a page shows them: every number linked to the runs it is made of. Imports no torch."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from dann.experiment import Metric
from dann.formats import ALARMS, WORDS, Cell, Table, bounds, signed
from dann.grids import Badge, Entry, Grid, Head, Line, draw, key_of, text_entry
from dann.notes import METRICS
from dann.outcomes import Outcomes
from dann.provenance import Runs
from dann.search import named
from dann.tables import difference_tables, main_tables
from dann.transfer import NEGATIVE

UPPER = ", oracle (upper bound)"


def score_grids(runs: Runs) -> Iterator[Grid]:
    """What the rows score, as ``dann.tables.main_tables``."""
    metrics = runs.experiment.metrics
    for number, table in enumerate(main_tables(runs.ours)):
        told = {variant: _reasons(runs, variant) for variant in table.rows}
        lines = [Line(variant, _score_line(runs, table, metrics[number], variant, told[variant]), upper=_upper(runs, variant))
                 for variant in table.rows]  # fmt: skip
        heads = [Head(name, words=name in WORDS, upper=UPPER in name) for name in table.columns]
        title = METRICS[metrics[number]] if len(metrics) > 1 and runs.experiment.tasks else "Scores"
        yield Grid(f"{runs.name}-scores-{number + 1}", f"{title[0].upper()}{title[1:]}", table.corner, heads, lines, table.notes)


def _upper(runs: Runs, variant: str) -> bool:
    return variant in runs.ours.upper_bounds


def _score_line(runs: Runs, table: Table, metric: Metric, variant: str, reasons: dict[str, list[str]]) -> list[Entry]:
    """A row's entries; an interval, or what is left of a published number, is of the same runs as the score before."""
    entries, link = [], ""
    for name, cell in zip(table.columns, table.rows[variant], strict=True):
        if isinstance(cell.facts, dict):
            link = _link(runs, metric, name, variant, cell.facts["seeds"])
            entries.append(Entry(cell.text, key_of(cell.facts), _told(cell.facts), link))
        elif name == ALARMS:
            entries.append(_alarms(cell, table.facts["differences"][metric].get(variant), table.facts["baseline"], reasons))
        elif name in WORDS:
            entries.append(text_entry(cell.text))
        else:
            made = f"#{runs.name}-file" if name.endswith("published") and "−" not in name else link
            entries.append(Entry(cell.text, key_of(cell.facts), link="" if cell.facts is None else made))
    return entries


def _link(runs: Runs, metric: Metric, column: str, variant: str, seeds: Sequence[int]) -> str:
    """The address of the runs of a score, and of what it is the mean of."""
    experiment, oracle = runs.experiment, UPPER in column
    tasks = [task for task in experiment.tasks if column in (task, f"{task}{UPPER}")]
    for other in experiment.metrics if not experiment.tasks else []:
        metric = other if column.startswith(f"target {METRICS[other]},") else metric
    key = "source" if column.startswith("source accuracy") else metric
    of_oracle = oracle and runs.ours.rule != "oracle"
    numbers = runs.numbers(runs.oracle if oracle else runs.ours, variant, tasks[0] if tasks else None, seeds)
    return runs.link(f"{key}-oracle" if of_oracle else key, numbers)


def _told(facts: dict[str, Any]) -> str:
    """Interval, number of seeds and the score of each."""
    ends = facts["interval"]
    interval = f"95 % interval {100 * ends[0]:.1f} to {100 * ends[1]:.1f}; " if ends else ""
    each = ", ".join(f"{seed}: {100 * value:.1f}" for seed, value in zip(facts["seeds"], facts["values"], strict=True))
    return f"{interval}n = {facts['n']}; by seed {each}"


def _reasons(runs: Runs, variant: str) -> dict[str, list[str]]:
    """What is told of a row's alarms, by their names: a line for those of equal seeds."""
    seeds: dict[tuple[str, str], list[str]] = defaultdict(list)
    for record in runs.ours.records:
        for alarm in record.alarms if record.variant == variant else ():
            place = f"{record.task}, " if record.task else ""
            seeds[alarm["alarm"], f"{place}step {alarm['step']}: {alarm['text']}"].append(str(record.seed))
    found: dict[str, list[str]] = defaultdict(list)
    for (name, text), each in seeds.items():
        found[name].append(f"seed{'s' * (len(each) > 1)} {', '.join(each)}, {text}")
    return found


def _alarms(cell: Cell, difference: dict[str, Any] | None, baseline: str | None, reasons: dict[str, list[str]]) -> Entry:
    badges = []
    for words, fact in zip(cell.text.split("; "), cell.facts, strict=False):
        told = reasons.get(fact["alarm"], [])
        if fact["alarm"] == NEGATIVE and difference is not None:
            ends = " to ".join(map(signed, bounds(difference["mean"], difference["half_width"]) or []))
            told = [f"{signed(difference['mean'])} points from {baseline} on {difference['n']} equal seeds ({ends})", *told]
        badges.append(Badge(fact["alarm"], words, told))
    return Entry(cell.text, key_of(cell.facts) or None, badges=badges)


def difference_grids(runs: Runs) -> Iterator[Grid]:
    """The paired differences from the baseline, each interval drawn."""
    ours, baseline = runs.ours, str(runs.experiment.compared_with())
    compared = [metric for metric in runs.experiment.metrics if any(d.n > 1 for d in ours.differences(metric).values())]
    for number, (metric, table) in enumerate(zip(compared, difference_tables(ours), strict=True), 1):
        drawn, ticks = draw([(cells[0].facts, cells[1].facts) for cells in table.rows.values()])
        lines = []
        for (variant, cells), drawing in zip(table.rows.items(), drawn, strict=True):
            link = _paired(runs, metric, variant, baseline)
            entries = [Entry(cell.text, key_of(cell.facts), link="" if cell.facts is None else link) for cell in cells]
            lines.append(Line(variant, [*entries[:1], Entry(drawing.told, drawn=drawing), *entries[1:]]))
        heads = [Head(name) for name in table.columns]
        heads.insert(1, Head("difference and interval, drawn", ticks=ticks))
        title = f"Differences from {baseline}: {METRICS[metric]}"
        yield Grid(f"{runs.name}-differences-{number}", title, "", heads, lines, table.notes)


def _paired(runs: Runs, metric: Metric, variant: str, baseline: str) -> str:
    """The address of the runs of a row and of the baseline on the seeds that both have."""
    seeds = set(runs.ours.main(variant, metric)) & set(runs.ours.main(baseline, metric))
    return runs.link(metric, *(runs.numbers(runs.ours, each, None, seeds) for each in (variant, baseline)))


def ranking_grid(runs: Runs, table: Table) -> Grid:
    """How the selection rules choose among all runs but those that train on the target."""
    adapted = [n for n, record in enumerate(runs.records) if record.data["source"] != record.data["target"]]
    link = runs.link("", adapted)
    lines = [
        Line(rule, [Entry(cell.text, key_of(cell.facts), link="" if cell.facts is None else link) for cell in cells])
        for rule, cells in table.rows.items()
    ]
    heads = [Head(name) for name in table.columns]
    return Grid(f"{runs.name}-rules", "How the rules choose", table.corner, heads, lines, table.notes)


def alarm_grid(runs: Runs) -> Grid:
    """Every alarm of every run."""
    lines = []
    for number, record in enumerate(runs.records):
        for alarm in record.alarms:
            words = [alarm["alarm"], record.task or "", named(record.setting)]
            link = runs.link("", [number])
            lines.append(
                Line(
                    record.variant,
                    [
                        *map(text_entry, words),
                        Entry(str(record.seed), record.seed, link=link),
                        Entry(str(alarm["step"]), alarm["step"]),
                        text_entry(alarm["text"]),
                    ],
                )
            )
    heads = [Head(name, words=True) for name in ("alarm", "task", "setting")]
    heads += [Head("seed"), Head("step"), Head("what was seen", words=True)]
    used = [place for place in range(len(heads)) if place not in (1, 2) or any(line.entries[place].text for line in lines)]
    lines = [Line(line.name, [line.entries[place] for place in used]) for line in lines]
    return Grid(f"{runs.name}-alarms", "Alarms", "row", [heads[place] for place in used], lines)
