"""The table of runs behind a report's numbers, and links to its rows. Imports no torch."""

import json
import lzma
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dann.config.experiment import Experiment
from dann.config.naming import name_setting
from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.rules import RULES, Evaluation, Rule
from dann.evaluation.selection import choose
from dann.reporting.html.grids import Entry, Grid, Head, Line, score_entry, text_entry
from dann.reporting.label_free import label_free_rules
from dann.reporting.negative_transfer import NEGATIVE
from dann.reporting.scores import Outcomes, target_score, trains_on_target
from dann.reporting.tuned_columns import CANDIDATES
from dann.runner.experiment_records import PACKED
from dann.runner.records import RECORD, Record, has_source, parse_record, source_score

Column = tuple[Head, Callable[[Record], Entry]]
ENVIRONMENT = {"commit": "commit", "dann": "dann", "python": "Python", "torch": "torch", "device": "device",
               "threads": "threads", "precision": "precision", "replicas": "trained together"}  # fmt: skip


@dataclass(frozen=True)
class Runs:
    """The runs of an experiment, numbered from 0 in the order of its rows.

    Args:
        name: identifies the experiment in the page's addresses.
        folder: that holds the records.
        ours: their scores under the rule of the report.
        oracle: their scores under the oracle, by metric.
    """

    name: str
    folder: Path
    records: Sequence[Record]
    ours: Outcomes
    oracle: dict[str, Outcomes]

    @property
    def experiment(self) -> Experiment:
        return self.ours.experiment

    @cached_property
    def _numbers(self) -> dict[int, int]:
        return {id(record): number for number, record in enumerate(self.records)}

    def shown(self, metric: str, upper: bool = False) -> Outcomes:
        """The outcomes that the tables of a metric show; with ``upper`` those of their oracle column."""
        return self.oracle[metric] if upper or self.ours.rule == "oracle" else self.ours

    def numbers(self, records: Iterable[Record]) -> list[int]:
        return [self._numbers[id(record)] for record in records]

    def link(self, key: str, *groups: Sequence[int]) -> str:
        """The address of some runs in the table of runs, and of the column that holds the linked number.

        Args:
            key: of the column; may be empty.
            groups: the numbers of the runs; two groups stand for their difference.
        """
        return f"#runs={self.name}:{key}:{'/'.join(map(spans, groups))}"

    def table(self) -> tuple[Grid, list[tuple[str, str]]]:
        """All runs, a row each, and the circumstances that all share and that so have no column."""
        circumstances = self._circumstances()
        texts = {head.name: [entry(record).text for record in self.records] for head, entry in circumstances}
        same = [(name, each[0]) for name, each in texts.items() if len(set(each)) == 1]
        columns = [*self._results(), *(column for column in circumstances if column[0].name not in dict(same))]
        shown = {id(record) for metric in self.experiment.metrics for record in self._shown_records(metric)}
        lines = [Line(record.variant, [entry(record) for _, entry in columns], trains_on_target(record),
                      id(record) not in shown)
                 for record in self.records]  # fmt: skip
        return Grid(f"{self.name}-runs", "runs", "row", [head for head, _ in columns], lines), same

    def _shown_records(self, metric: str) -> Iterable[Record]:
        """The records behind the tables of a metric."""
        ours = self.shown(metric)
        if not self.experiment.search_seeds:
            return ours.records
        return [record for candidate in CANDIDATES for record in ours.for_candidate(candidate).records]

    def _results(self) -> list[Column]:
        """Columns of what each run is, its scores under the rule of the report and under the oracle, and its record."""
        columns: list[Column] = [(Head("seed"), lambda record: Entry(str(record.seed), record.seed))]
        if self.experiment.search is not None:
            columns.insert(0, (Head("setting", words=True), lambda record: text_entry(name_setting(record.setting))))
        if self.experiment.tasks:
            columns.insert(0, (Head("task", words=True), lambda record: text_entry(record.task or "")))
        columns += self._scores(self.ours.rule)
        if any(map(has_source, self.records)):
            columns.append((self._source_head(), self._on_source))
        columns += [self._label_free(rule) for rule in label_free_rules(self.records)]
        if self.ours.rule != "oracle" and self.ours.has_target_labels:
            columns += self._scores("oracle", ", oracle (upper bound)", "-oracle")
        return [
            *columns,
            (Head("alarms", words=True), _alarms),
            (Head("fingerprint", words=True), lambda record: text_entry(record.fingerprint)),
            (Head("seconds"), lambda record: Entry(f"{record.seconds:.0f}", record.seconds)),
            (Head("record", words=True), self._place),
        ]

    def _scores(self, rule: str, words: str = "", end: str = "") -> list[Column]:
        upper = RULES[rule].needs_target_labels

        def column(metric: str) -> Column:
            title = f"target {METRICS[metric].heading_with(words)}"
            head = Head(title, upper=upper, key=f"{metric}{end}", metric=metric)
            return head, lambda record: _target_entry(choose(rule, record.evaluations, metric), metric)

        def step(record: Record) -> Entry:
            chosen = choose(rule, record.evaluations, self.experiment.metrics[0])["step"]
            return Entry(f"{chosen:.0f}", chosen)

        metrics = self.experiment.metrics if self.ours.has_target_labels else []
        return [(Head(f"step{words}", upper=upper), step), *map(column, metrics)]

    def _label_free(self, rule: Rule) -> Column:
        def entry(record: Record) -> Entry:
            chosen = choose(self.ours.rule, record.evaluations, self.experiment.metrics[0])
            value = chosen.get(rule.reads[0])
            return Entry() if value is None else Entry(f"{value:.3f}".replace("-", "−"), value)

        return Head(f"{rule.name} score", key=rule.name), entry

    def _on_source(self, record: Record) -> Entry:
        if trains_on_target(record):
            return Entry()
        chosen = choose(self.ours.rule, record.evaluations, self.experiment.metrics[0])
        return score_entry(source_score(chosen), self.experiment.split_score)

    def _source_head(self) -> Head:
        metric = self.experiment.split_score
        return Head(f"source {METRICS[metric].heading}", key="source", metric=metric)

    def _place(self, record: Record) -> Entry:
        if self._lines:
            number = self._lines[record.run.row, record.seed]
            return Entry(f"{PACKED}, line {number}", number)
        return text_entry(str(record.run.folder / RECORD))

    @cached_property
    def _lines(self) -> dict[tuple[tuple[str | None, str, str], int], int]:
        """The line of each packed record, counted from 1."""
        if not (self.folder / PACKED).is_file():
            return {}
        lines = lzma.decompress((self.folder / PACKED).read_bytes()).splitlines()
        found = [parse_record(json.loads(line)) for line in lines]
        return {(record.run.row, record.seed): number for number, record in enumerate(found, 1)}

    @staticmethod
    def _circumstances() -> list[Column]:
        """Columns of the software, hardware and data of the runs."""

        def environment(key: str, name: str) -> Column:
            return Head(name, words=True), lambda record: text_entry(str(record.environment.get(key) or "unknown"))

        def data(side: str) -> Column:
            def entry(record: Record) -> Entry:
                return text_entry(f"{record.data[side]['name']}, checksum {record.data[side]['checksum']}")

            return Head(f"{side} data", words=True), entry

        def protocol(record: Record) -> Entry:
            return text_entry(record.data.get("protocol", "unknown"))

        made = [environment(key, name) for key, name in ENVIRONMENT.items()]
        return [*made, data("source"), data("target"), (Head("protocol", words=True), protocol)]


def _target_entry(evaluation: Evaluation, metric: str) -> Entry:
    """A metric on the target; nothing where the target has no test labels."""
    return score_entry(target_score(evaluation, metric) if "target_test" in evaluation else None, metric)


def spans(numbers: Sequence[int]) -> str:
    """Whole numbers in short: 0, 1, 2 and 5 are ``0-2,5``."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ",".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def _alarms(record: Record) -> Entry:
    alarms = [alarm for alarm in record.alarms if alarm["alarm"] != NEGATIVE]  # which is of rows, not of a run
    names = "; ".join(alarm["alarm"] for alarm in alarms)
    return text_entry(names, "\n".join(f"step {alarm['step']}: {alarm['text']}" for alarm in alarms))
