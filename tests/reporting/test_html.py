"""The page of `dann report`: its numbers, where they come from, what it needs, and how it behaves in a browser."""

import json
import lzma
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from made_records import record_of, scored
from PIL import Image
from tiny import TINY

from dann.cli.main import main
from dann.config.experiment import EXPERIMENT, Experiment, write_experiment
from dann.errors import BadInput
from dann.reporting.experiment_tables import make_tables
from dann.reporting.html.class_tables import class_scores
from dann.reporting.html.grids import draw
from dann.reporting.html.page import write_report
from dann.reporting.html.provenance import spans
from dann.reporting.table import Table
from dann.runner.experiment_records import PACKED, pack_records
from dann.runner.records import Record, write_record


@dataclass
class Cell:
    """A cell of a table on the page."""

    attributes: dict[str, str]
    text: str = ""
    links: list[str] = field(default_factory=list)
    drawing: str = ""

    @property
    def value(self) -> float:
        return float(self.attributes["data-v"])


class Page(HTMLParser):
    """What the tests read of a page: the rows of each table by its name, addresses, figures, badges and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[Cell]]] = {}
        self.classes: dict[str, list[str]] = {}
        self.addresses: list[str] = []
        self.images: list[dict[str, str]] = []
        self.badges: list[str] = []
        self.ids: list[str] = []
        self.text, self.styles, self.scripts, self.language, self.title = "", "", "", "", ""
        self._inside: list[str] = []
        self._table, self._cell, self._in_badge = "", Cell({}), False
        self.feed(text)

    def handle_starttag(self, tag: str, given: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in given}
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.addresses += [attributes[name] for name in ("src", "href", "srcset", "action") if name in attributes]
        self._inside += [] if tag in ("meta", "link", "img", "line", "circle") else [tag]
        if tag == "html":
            self.language = attributes.get("lang", "")
        elif tag == "img":
            self.images.append(attributes)
        elif tag == "table":
            self._table = attributes["id"]
            self.tables[self._table], self.classes[self._table] = [], []
        elif tag == "tr":
            self.tables[self._table].append([])
            self.classes[self._table].append(attributes.get("class", ""))
        elif tag in ("td", "th"):
            self._cell = Cell(attributes)
            self.tables[self._table][-1].append(self._cell)
        elif tag == "a":
            self._cell.links.append(attributes["href"])
        elif tag == "svg":
            self._cell.drawing = f"{attributes.get('class', '')}: {attributes['aria-label']}"
        elif tag == "details" and "badge" in attributes.get("class", ""):
            self.badges.append("")
            self._in_badge = True

    def handle_endtag(self, tag: str) -> None:
        self._in_badge = self._in_badge and tag != "details"
        if tag in self._inside:
            while self._inside.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        where = self._inside[-1] if self._inside else ""
        if where == "style":
            self.styles += data
        elif where == "script":
            self.scripts += data
        elif where == "title" and "svg" not in self._inside:
            self.title += data
        elif where != "title":
            self.text += data
            self._cell.text += data if {"td", "th"} & set(self._inside) else ""
            if self._in_badge:
                self.badges[-1] += data

    def heads(self, table: str) -> list[Cell]:
        return next(
            row for row in self.tables[table] if "scope" in row[-1].attributes and row[-1].attributes["scope"] == "col"
        )

    def rows(self, table: str) -> dict[str, list[Cell]]:
        """The cells of each row but the first, which has its name."""
        named = [row for row in self.tables[table] if row[0].attributes.get("scope") == "row"]
        return {row[0].text.strip(): row[1:] for row in named}

    def runs(self, experiment: str = "e1") -> list[list[Cell]]:
        """The rows of the table of runs."""
        return [row for row in self.tables[f"{experiment}-runs"] if row[0].attributes.get("scope") == "row"]

    def column(self, key: str, experiment: str = "e1") -> int:
        """The place of a column in the table of runs."""
        heads = self.heads(f"{experiment}-runs")
        return next(
            place for place, head in enumerate(heads) if key in (head.attributes.get("data-key"), head.text.strip())
        )


def experiment_of(**changes: Any) -> Experiment:
    """Two tasks, a baseline, two other rows and an upper bound, without published numbers but one."""
    given = {
        **TINY,
        "tasks": {"a → b": {}, "b → a": {"train": {"steps": 8}}},
        "variants": {
            "source only": {"method": {"name": "source_only"}},
            "DANN": {},
            "MCD": {"method": {"name": "mcd"}},
            "train on target": {"method": {"name": "source_only"}, "data": {"source": "target"}},
        },
        "published": {"DANN": {"a → b": 0.8}},
        "seeds": [0, 1, 2],
    }
    return Experiment(**{**given, **changes})


def records_of(experiment: Experiment, seed: int = 0) -> list[Record]:
    """A record for each run, with a score of its own, and all of a kind that the first rule and the oracle differ."""
    random, records = np.random.default_rng(seed), []
    for number, run in enumerate(experiment.runs()):
        record = record_of(run.variant, run.seed, round(float(random.uniform(0.4, 0.9)), 4), run.task)
        data = {**record.data, "source": record.data["target"]} if run.variant == "train on target" else record.data
        for evaluation in record.evaluations:
            evaluation |= {
                "source_test": round(float(random.uniform(0.8, 1.0)), 4),
                "target_test_macro_f1": round(random.random(), 5),
            }
        environment = {**record.environment, "python": "3.12", "commit": "abc" if number else "def"}
        records.append(replace(record, declared=run.declared, setting=run.setting, fingerprint=f"f{number}", data=data,
                               environment=environment, seconds=10.0 + number, shares=[[0.5, 0.5]]))  # fmt: skip
    return records


def written(
    experiment: Experiment, records: Sequence[Record], folder: Path, packed: bool = True, figure: bool = True
) -> Path:
    """A folder as ``make publish`` leaves it, or as ``dann run`` does."""
    folder.mkdir(parents=True, exist_ok=True)
    write_experiment(experiment, folder / EXPERIMENT)
    if packed:
        pack_records(records, folder)
    else:
        for record in records:
            write_record(record, folder / record.run.folder)
    if figure:
        Image.new("RGB", (8, 4)).save(folder / "bars.png")
    return folder


def page_of(experiment: Experiment, records: Sequence[Record], folder: Path, rule: str = "last", **how: bool) -> Page:
    return Page(
        write_report([written(experiment, records, folder / "runs", **how)], folder / "out", rule).read_text("utf-8")
    )


def made_of(page: Page, link: str) -> tuple[str, list[list[list[Cell]]]]:
    """The column and the groups of rows of the table of runs that a link names."""
    experiment, key, groups = link.removeprefix("#runs=").split(":")
    rows, found = page.runs(experiment), []
    for group in groups.split("/"):
        ends = [[int(end) for end in part.split("-")] for part in group.split(",")]
        found.append([rows[number] for part in ends for number in range(part[0], part[-1] + 1)])
    return key, found


def check_numbers(page: Page, tables: Sequence[Table], names: Sequence[str]) -> None:
    for table, name in zip(tables, names, strict=True):
        drawn = [place for place, head in enumerate(page.heads(name)) if head.drawing]
        columns = [head.text.strip() for place, head in enumerate(page.heads(name)) if place and place not in drawn]
        assert columns == [column.title for column in table.columns]
        assert list(page.rows(name)) == list(table.rows)
        for variant, cells in page.rows(name).items():
            shown = [cell for place, cell in enumerate(cells, 1) if place not in drawn and not cell.drawing]
            for cell, expected in zip(shown, table.rows[variant], strict=True):
                assert " ".join(cell.text.split()) == expected.text
                if isinstance(expected.facts, dict) and "mean" in expected.facts:
                    assert cell.value == expected.facts["mean"]
                elif isinstance(expected.facts, float):
                    assert cell.value == expected.facts


def test_numbers_are_those_of_the_tables(tmp_path: Path) -> None:
    rules = ["last", "source_val", "oracle"]
    experiment = experiment_of(metrics=["accuracy", "macro_f1"], compare_rules=True, selections=rules)
    records = records_of(experiment)
    page = page_of(experiment, records, tmp_path)
    names = [
        "e1-scores-accuracy",
        "e1-scores-macro_f1",
        "e1-differences-accuracy",
        "e1-differences-macro_f1",
        "e1-selections-accuracy",
        "e1-selections-macro_f1",
        "e1-rules",
    ]
    check_numbers(page, make_tables(experiment, records), names)
    for note in (note for table in make_tables(experiment, records) for note in table.notes):
        assert note in page.text


@pytest.mark.parametrize("rule", ["last", "source_val", "oracle"])
@pytest.mark.parametrize("tasks", [True, False])
def test_every_score_is_the_mean_of_the_runs_it_leads_to(tmp_path: Path, rule: str, tasks: bool) -> None:
    changes: dict[str, Any] = {} if tasks else {"tasks": {}, "published": {"DANN": 0.8}}
    experiment = experiment_of(metrics=["accuracy", "macro_f1"], **changes)
    records = [
        record for record in records_of(experiment) if (record.variant, record.task, record.seed) != ("MCD", "a → b", 1)
    ]
    page = page_of(experiment, records, tmp_path, rule)
    task, checked = page.column("task") if tasks else 0, 0
    for name in page.tables:
        heads = page.heads(name) if "-scores-" in name else []
        for variant, cells in page.rows(name).items() if heads else ():
            for head, cell in zip(heads[1:], cells, strict=True):
                if cell.links and "±" in cell.text:
                    key, (runs,) = made_of(page, cell.links[0])
                    assert fmean(run[page.column(key)].value for run in runs) == pytest.approx(cell.value, abs=1e-12)
                    assert {run[0].text for run in runs} == {variant}
                    if tasks:
                        wanted = {head.text.split(", oracle")[0].strip()} & set(experiment.tasks) or set(
                            experiment.tasks
                        )
                        assert {run[task].text for run in runs} == wanted
                    checked += 1
    # Of each of two metrics four rows: each task, the average, the oracle's; the source's of three in the first table.
    assert checked == {True: 2 * 4 * (3 + (rule != "oracle")), False: 2 * 4 * (1 + (rule != "oracle")) + 3}[tasks]


@pytest.mark.parametrize("searching", [True, False])
def test_by_the_oracle_each_metric_leads_to_its_own_runs(tmp_path: Path, searching: bool) -> None:
    """Its steps and settings are others by macro-F1, which comes first, than by accuracy; so is the source accuracy."""
    search = {"search": {"budget": 2, "keys": {"optimizer.lr": [0.1, 0.2]}}} if searching else {}
    experiment = experiment_of(metrics=["macro_f1", "accuracy"], tasks={}, published={}, **search)
    records = records_of(experiment)
    del records[-7 if searching else -5]  # a row's settings need not have the same seeds
    page = page_of(experiment, records, tmp_path, "oracle")
    check_numbers(
        page,
        make_tables(experiment, records, "oracle"),
        [name for name in page.tables if re.search("scores|differences", name)],
    )
    checked = 0
    for name in (name for name in page.tables if "-scores-" in name):
        for variant, cells in page.rows(name).items():
            for cell in (cell for cell in cells if cell.links and "±" in cell.text):
                key, (runs,) = made_of(page, cell.links[0])
                assert {run[0].text for run in runs} == {variant}
                assert fmean(run[page.column(key)].value for run in runs) == pytest.approx(cell.value, abs=1e-12)
                checked += 1
    assert checked == 2 * 4 + 3
    for metric in experiment.metrics:
        for cells in page.rows(f"e1-differences-{metric}").values():
            key, (ours, baseline) = made_of(page, cells[0].links[0])
            means = [fmean(run[page.column(key)].value for run in runs) for runs in (ours, baseline)]
            assert means[0] - means[1] == pytest.approx(cells[0].value, abs=1e-9)


def test_the_runs_are_those_of_the_seeds_that_all_tasks_have(tmp_path: Path) -> None:
    experiment = experiment_of()
    records = [
        record for record in records_of(experiment) if (record.variant, record.task, record.seed) != ("MCD", "a → b", 1)
    ]
    page = page_of(experiment, records, tmp_path)
    place = [head.text.strip() for head in page.heads("e1-scores-accuracy")].index("average")
    _, (runs,) = made_of(page, page.rows("e1-scores-accuracy")["MCD"][place - 1].links[0])
    assert sorted((run[page.column("task")].text, run[page.column("seed")].text) for run in runs) == [
        ("a → b", "0"), ("a → b", "2"), ("b → a", "0"), ("b → a", "2")
    ]  # fmt: skip


def test_every_difference_is_that_of_the_runs_it_leads_to(tmp_path: Path) -> None:
    experiment = experiment_of()
    page = page_of(experiment, records_of(experiment), tmp_path)
    rows = page.rows("e1-differences-accuracy")
    assert list(rows) == ["DANN", "MCD"]
    for variant, cells in rows.items():
        key, (ours, baseline) = made_of(page, cells[0].links[0])
        means = [fmean(run[page.column(key)].value for run in runs) for runs in (ours, baseline)]
        assert means[0] - means[1] == pytest.approx(cells[0].value, abs=1e-9)
        assert {run[0].text for run in ours} == {variant} and {run[0].text for run in baseline} == {"source only"}
        assert cells[1].drawing.endswith(f"{cells[0].text} points, 95 % interval {cells[2].text}")


def test_each_difference_leads_to_the_runs_of_its_own_baseline(tmp_path: Path) -> None:
    experiment = experiment_of(baseline={"MCD": "DANN"})
    records = records_of(experiment)
    page = page_of(experiment, records, tmp_path)
    check_numbers(page, make_tables(experiment, records), ["e1-scores-accuracy", "e1-differences-accuracy"])
    for variant, against in (("DANN", "source only"), ("MCD", "DANN")):
        row, difference, drawn, interval, *_ = page.rows("e1-differences-accuracy")[variant]
        assert row.text == against and drawn.drawing.endswith(
            f"{difference.text} points, 95 % interval {interval.text}"
        )
        _, (_, baseline) = made_of(page, difference.links[0])
        assert {run[0].text for run in baseline} == {against}


def test_packed_records_of_version_0_1_are_found_by_their_new_settings(tmp_path: Path) -> None:
    search = {"kind": "grid", "budget": 2, "keys": {"finetune.backbone": [0.5, 1.0]}}
    experiment = experiment_of(search=search, tasks={}, published={})
    records = [
        replace(
            record,
            setting={"finetune.trunk": record.setting["finetune.backbone"]},
            declared=record.declared | {"finetune": {"trunk": record.setting["finetune.backbone"]}},
            environment=record.environment | {"dann": "0.1.0"},
        )
        for record in records_of(experiment)
    ]
    page = page_of(experiment, records, tmp_path)
    places = [row[page.column("record")].text for row in page.runs()]
    assert sorted(places) == sorted(f"{PACKED}, line {number + 1}" for number in range(len(records)))


@pytest.mark.parametrize("packed", [True, False])
def test_runs_lead_to_their_records(tmp_path: Path, packed: bool) -> None:
    experiment = experiment_of()
    records = records_of(experiment)
    page = page_of(experiment, records[::-1] if packed else records, tmp_path, packed=packed)
    assert len(page.runs()) == len(records)
    lines = lzma.decompress((tmp_path / "runs" / PACKED).read_bytes()).splitlines() if packed else []
    for row in page.runs():
        place = row[page.column("record")].text
        content = (
            lines[int(place.removeprefix(f"{PACKED}, line ")) - 1]
            if packed
            else (tmp_path / "runs" / place).read_bytes()
        )
        record = json.loads(content)
        texts = {head.text.strip(): cell.text for head, cell in zip(page.heads("e1-runs"), row, strict=True)}
        assert (texts["row"], texts["task"], texts["seed"]) == (record["variant"], record["task"], str(record["seed"]))
        assert (texts["fingerprint"], texts["seconds"]) == (record["fingerprint"], f"{record['seconds']:.0f}")
        assert texts["commit"] == record["environment"]["commit"] and texts["step"] == "40"
        assert texts["target accuracy, %"] == f"{100 * record['evaluations'][-1]['target_test']:.2f}"
        assert texts["source data"].endswith(f"checksum {record['data']['source']['checksum']}")
    # What is the same of all is reported once: here device, precision, versions and the target, and what no record has.
    assert "torch" not in texts and re.search(r"Python\s*3.12", page.text) and "moons_rotated, checksum 2" in page.text
    assert re.search(r"protocol\s*unknown", page.text)


def test_the_page_needs_nothing_beside_it(tmp_path: Path) -> None:
    experiment = experiment_of()
    page = page_of(experiment, records_of(experiment), tmp_path)
    assert page.addresses and all(address.startswith(("#", "data:")) for address in page.addresses)
    assert "url(" not in page.styles and "@import" not in page.styles
    assert not re.search(r"fetch|XMLHttp|import\(|https?:|//[a-z]", page.scripts)
    for address in (address for address in page.addresses if address.startswith("#") and "=" not in address):
        assert address[1:] in page.ids
    assert len(set(page.ids)) == len(page.ids)
    assert page.language == "en" and page.title.startswith("Tiny moons")
    assert all(image["alt"] for image in page.images) and page.images[0]["src"].startswith("data:image/png;base64,")


def test_names_are_text_not_markup(tmp_path: Path) -> None:
    name = '<b>&"'
    experiment, records = scored({"source only": [0.5, 0.6], name: [0.6, 0.8]}, title="<i>T</i>", finding="a < b & c")
    records = [replace(record, declared=experiment.merge_configuration(record.variant, None)) for record in records]
    records[2].alarms.append({"alarm": "collapse", "step": 1, "text": "<script>alert(1)</script>"})
    page = page_of(experiment, records, tmp_path)
    text = (tmp_path / "out/report.html").read_text("utf-8")
    assert "<b>" not in text and "<i>T" not in text and "alert(1)</script>" not in text
    assert name in page.rows("e1-scores-accuracy") and "a < b & c" in page.text and page.title.startswith("<i>T</i>")
    assert page.rows("e1-scores-accuracy")[name][0].text == "70.0 ± 14.1"


def test_what_is_not_there_is_left_out(tmp_path: Path) -> None:
    """One seed, no baseline, no features, and records of before alarms and diagnostics were made."""
    experiment, records = scored({"DANN": [0.6], "MCD": [0.7]})
    records = [replace(record, declared=experiment.merge_configuration(record.variant, None)) for record in records[:1]]
    page = page_of(experiment, records, tmp_path)
    assert "e1-differences-accuracy" not in page.tables and "e1-alarms" not in page.tables
    assert "None recorded" in page.text and "1 of 1 runs predate alarms" in page.text
    assert "1 runs of 4 planned" in page.text
    assert [cell.text for cell in page.rows("e1-scores-accuracy")["MCD"]] == ["—"] * 4
    assert "commit" in page.text and page.rows("e1-scores-accuracy")["DANN"][1].text == "—"


def test_alarms_are_reported_with_their_reasons(tmp_path: Path) -> None:
    shares = {"source only": [0.7, 0.7, 0.7], "DANN": [0.5, 0.51, 0.5], "MCD": [0.8, 0.9, 0.7]}
    experiment, records = scored(shares)
    records = [
        replace(record, declared=experiment.merge_configuration(record.variant, None), shares=[[0.5, 0.5]])
        for record in records
    ]
    for record in records[3:5]:
        record.alarms.append({"alarm": "collapse", "step": 10, "text": "one class"})
    page = page_of(experiment, records, tmp_path)
    reported = [" ".join(badge.split()) for badge in page.badges]
    assert reported == [
        "▼ negative transfer −19.7 points from source only on 3 equal seeds (95 % interval −21.1 to −18.2)",
        "collapse (2 of 3) seeds 0, 1, step 10: one class",
    ]
    assert page.rows("e1-differences-accuracy")["DANN"][1].drawing.startswith("worse: −19.7")
    assert page.rows("e1-differences-accuracy")["MCD"][1].drawing.startswith("around: +10.0")
    below, *rows = [[cell.text for cell in row] for row in page.tables["e1-alarms"][1:]]
    assert rows == [["DANN", "collapse", str(seed), "10", "one class"] for seed in (0, 1)]
    assert below[:4] == ["DANN", "negative transfer", "—", "—"] and below[4].startswith("−19.7 points from source only")
    assert made_of(page, page.tables["e1-alarms"][2][2].links[0])[1][0][0][page.column("fingerprint")].text == "f"


def test_negative_transfer_is_reported_as_it_is_now_not_as_a_record_had_it(tmp_path: Path) -> None:
    experiment, records = scored({"source only": [0.5, 0.51, 0.5], "DANN": [0.7, 0.7, 0.7]})
    records = [
        replace(record, declared=experiment.merge_configuration(record.variant, None), shares=[[0.5, 0.5]])
        for record in records
    ]
    records[3].alarms.append({"alarm": "negative transfer", "step": 40, "text": "long ago"})
    page = page_of(experiment, records, tmp_path)
    assert "negative transfer" not in page.text and "long ago" not in page.text


def test_upper_bounds_are_marked(tmp_path: Path) -> None:
    experiment = experiment_of()
    page = page_of(experiment, records_of(experiment), tmp_path)
    name = "e1-scores-accuracy"
    upper = {head.text.strip() for head in page.heads(name) if "upper" in head.attributes.get("class", "")}
    assert upper == {"average, oracle (upper bound)"}
    marked = {row[0].text for row, mark in zip(page.tables[name], page.classes[name], strict=True) if "upper" in mark}
    assert marked == {"train on target"} and "an upper bound: it needs target labels" in page.text


def test_rows_of_other_classes_have_tables_of_their_own(tmp_path: Path) -> None:
    experiment = experiment_of(tasks={}, published={}, seeds=[0, 1])
    records = records_of(experiment)
    others = {"DANN": (["x", "y"], np.diag([20, 20])), "MCD": (["x", "y", "z"], np.diag([10, 10, 20]))}
    for place, record in enumerate(records):
        if record.variant in others:
            classes, counts = others[record.variant]
            records[place] = replace(record, classes=classes, confusion={"target_test": counts.tolist()}, shares=[])
    page = page_of(experiment, records, tmp_path)
    found = {name: list(page.rows(name)) for name in page.tables if "-classes-" in name}
    assert found == {
        "e1-classes-target-test-of-source-only-train-on-target": ["source only", "train on target"],
        "e1-classes-target-test-of-dann": ["DANN"],
        "e1-classes-target-test-of-mcd": ["MCD"],
        "e1-classes-source-test": ["source only", "train on target"],
    }
    table = page.tables["e1-classes-target-test-of-mcd"]
    assert [head.text for head in table[0][1:]] == ["macro average", "x", "y", "z"]
    _, (runs,) = made_of(page, table[-1][0].links[0])
    assert [run[0].text for run in runs] == ["MCD", "MCD"]


@pytest.mark.parametrize(("rule", "chosen"), [("last", 0.1), ("oracle", 0.2)])
def test_of_a_search_all_runs_are_there_and_those_not_chosen_grey(tmp_path: Path, rule: str, chosen: float) -> None:
    """The column of the oracle has its own setting and step."""
    search = {"kind": "grid", "budget": 2, "keys": {"optimizer.lr": [0.1, 0.2]}, "rule": "source_val"}
    experiment = experiment_of(search=search, tasks={}, published={})
    records = records_of(experiment)
    for record in records:
        setting = record.setting["optimizer.lr"]
        record.evaluations[-1]["source_validation"] = 0.96 if setting == 0.1 else 0.1
        for evaluation in record.evaluations:
            evaluation["target_test"] += 0.1 if setting == 0.2 else -0.3
    page = page_of(experiment, records, tmp_path, rule)
    marks = zip(page.tables["e1-runs"], page.classes["e1-runs"], strict=True)
    faint = [row[page.column("setting")].text for row, mark in marks if "faint" in mark]
    assert len(page.runs()) == 24 and len(faint) == 12 and set(faint) == {f"optimizer.lr = {0.3 - chosen:.1f}"}
    cells = [cell for cell in page.rows("e1-scores-accuracy")["DANN"] if "±" in cell.text]
    assert len(cells) == {"last": 3, "oracle": 2}[rule]
    for cell in cells:
        key, (runs,) = made_of(page, cell.links[0])
        of = 0.2 if key.endswith("-oracle") else chosen
        assert {run[page.column("setting")].text for run in runs} == {f"optimizer.lr = {of}"}
        assert fmean(run[page.column(key)].value for run in runs) == pytest.approx(cell.value, abs=1e-12)
    assert "2 settings of each row" in " ".join(page.text.split())
    assert f"the rule {'source_val' if rule == 'last' else rule} chooses" in " ".join(page.text.split())


def test_of_a_search_with_fresh_seeds_each_number_leads_to_its_runs(tmp_path: Path) -> None:
    """Default, tuned and the oracle's choice: the linked runs have that setting, and their mean is the number."""
    search = {"kind": "grid", "budget": 2, "keys": {"optimizer.lr": [0.1, 0.2]}, "seeds": [100]}
    experiment = experiment_of(search=search, published={})
    validations = {"": 0.8, "optimizer.lr = 0.1": 0.9, "optimizer.lr = 0.2": 0.7}
    targets = {"": -0.1, "optimizer.lr = 0.1": 0.0, "optimizer.lr = 0.2": 0.1}
    records = records_of(experiment)
    for record in records:
        record.evaluations[-1]["source_validation"] = validations[record.run.row[2]]
        record.evaluations[-1]["target_test"] = round(record.evaluations[-1]["target_test"] / 10 + 0.5
                                                      + targets[record.run.row[2]], 4)  # fmt: skip
    page = page_of(experiment, records, tmp_path)
    assert len(page.runs()) == 2 * 4 * (3 + 3 * 3)
    ours = make_tables(experiment, records)
    names = ["e1-scores-accuracy", "e1-tasks-accuracy", "e1-search"]
    check_numbers(page, [ours[0], *ours[-2:]], names)
    chosen = {"default": "", "tuned": "optimizer.lr = 0.1", "oracle (upper bound)": "optimizer.lr = 0.2"}
    linked = 0
    for name in names[:2]:
        heads = [head.text.strip() for head in page.heads(name)][1:]
        for head, cell in zip(heads, page.rows(name)["MCD"], strict=True):
            task, _, candidate = head.rpartition(", ")
            if candidate in chosen and "±" in cell.text:
                key, (runs,) = made_of(page, cell.links[0])
                assert {run[page.column("setting")].text for run in runs} == {chosen[candidate]}
                assert {run[page.column("task")].text for run in runs} == (
                    {task} if task != "average" else {*experiment.tasks}
                )
                assert fmean(run[page.column(key)].value for run in runs) == pytest.approx(cell.value, abs=1e-12)
                linked += 1
    assert linked == 2 + 3 + 2 * 3
    marks = zip(page.tables["e1-runs"], page.classes["e1-runs"], strict=True)
    assert {row[page.column("seed")].text for row, mark in marks if "faint" in mark} == {"100"}


def test_scores_of_classes_are_those_of_the_definitions(tmp_path: Path) -> None:
    counts = np.array([[7, 2, 0, 1], [3, 5, 0, 2], [0, 0, 0, 0], [4, 0, 1, 0]])
    right = np.diag(counts).astype(float)
    precision = np.divide(right, counts.sum(axis=0), out=np.zeros(4), where=counts.sum(axis=0) > 0)
    recall = np.divide(right, counts.sum(axis=1), out=np.full(4, np.nan), where=counts.sum(axis=1) > 0)
    total = counts.sum(axis=0) + counts.sum(axis=1)
    expected = np.stack([precision, recall, np.where(total > 0, 2 * right / total, 0.0)])
    expected[:, 2] = np.nan  # a class without examples
    _, found = class_scores([np.eye(4, dtype=int).tolist(), counts.tolist()])
    np.testing.assert_allclose(found[1:].T, expected, atol=1e-12)
    np.testing.assert_allclose(found[0], np.nanmean(expected, axis=1), atol=1e-12)
    experiment, records = scored({"source only": [0.5, 0.5], "DANN": [0.6, 0.6]})
    confusions = [{"target_test": [[15, 5], [0, 20]]}, {"target_test": [[20, 0], [10, 10]]}]
    records = [
        replace(
            record,
            declared=experiment.merge_configuration(record.variant, None),
            confusion=confusions[record.seed],
        )
        for record in records
    ]
    page = page_of(experiment, records, tmp_path)
    assert [name for name in page.tables if "classes" in name] == ["e1-classes-target-test"]
    cells = [cell.text for cell in page.rows("e1-classes-target-test")["DANN"]]
    # Seed 0: precision 1 and 20 / 25, recall 15 / 20 and 1; seed 1: 20 / 30 and 1, 1 and 10 / 20.
    assert cells[3:5] == ["83.3", "87.5"] and cells[6:8] == ["90.0", "75.0"] and cells[:2] == ["86.7", "81.2"]


def test_the_discriminators_measurements_and_the_distances_have_tables(tmp_path: Path) -> None:
    experiment, records = scored({"source only": [0.5], "DANN": [0.6, 0.7]}, shown={"figures": ["discriminator"]})
    config = {"method": {"name": "dann", "weight": 2.0, "schedule": "constant"}, "train": {"steps": 40}}
    more = {"discriminator_source": 0.8, "discriminator_target": 0.4, "gradient_ratio": 3.0, "distance_lowest": 1.5}
    records = [replace(each, config=config, evaluations=[last | more for last in each.evaluations])
               if each.variant == "DANN" else each for each in records]  # fmt: skip
    page = page_of(experiment, records, tmp_path)
    cells = page.rows("e1-discriminator-0")["DANN"]
    assert [cell.text for cell in cells] == ["0.600 ± 0.000", "80.0 ± 0.0", "40.0 ± 0.0", "2.000", "3 (3 to 3)"]
    assert [cell.text for cell in page.rows("e1-distances")["DANN"]] == ["1.500 ± 0.000"]


def test_figures_are_drawn_where_they_are_missing_or_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment, records = scored({"source only": [0.5], "DANN": [0.6]})
    records = [replace(record, declared=experiment.merge_configuration(record.variant, None)) for record in records]
    page = page_of(experiment, records, tmp_path, packed=False, figure=False)
    drawn = ["bars.png", "confusion.png", "curves.png", "errors.png", "tsne.png"]
    assert sorted(path.name for path in (tmp_path / "runs").glob("*.png")) == drawn
    assert [image["alt"].split(" ")[0] for image in page.images] == ["The", "Losses", "Test", "Confusion", "t-SNE"]
    again: list[Path] = []
    monkeypatch.setattr("dann.reporting.figures.draw.draw_all", lambda experiment, folder: again.append(folder))
    write_report([tmp_path / "runs"], tmp_path / "out")
    assert again == []
    for name in drawn:
        os.utime(tmp_path / "runs" / name, (1, 1))
    write_report([tmp_path / "runs"], tmp_path / "out")
    assert again == [tmp_path / "runs"]


def test_several_experiments_make_one_page(tmp_path: Path, capsys: Any) -> None:
    first, second = experiment_of(title="First"), experiment_of(title="Second", tasks={}, published={})
    written(first, records_of(first), tmp_path / "all/a")
    written(second, records_of(second, 1), tmp_path / "all/b")
    written(experiment_of(title="Third"), [], tmp_path / "all/c")
    assert main(["report", str(tmp_path / "all"), str(tmp_path / "all/a"), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "out/report.html")
    page = Page((tmp_path / "out/report.html").read_text("utf-8"))
    assert "e2-scores-accuracy" in page.tables and "e3-scores-accuracy" not in page.tables
    assert page.title.startswith("2 experiments") and str(tmp_path / "all/c") in page.text


def test_a_rule_is_applied_and_said(tmp_path: Path, capsys: Any) -> None:
    experiment = experiment_of()
    records = records_of(experiment)
    folder = written(experiment, records, tmp_path / "runs")
    assert main(["report", str(folder), "--out", str(tmp_path / "out"), "--selection", "source_val"]) == 0
    page = Page((tmp_path / "out/report.html").read_text("utf-8"))
    check_numbers(page, make_tables(experiment, records, "source_val")[:1], ["e1-scores-accuracy"])
    steps = {row[page.column("step")].text for row in page.runs()}
    assert steps == {"30"} and "best source validation accuracy (--selection source_val)" in page.text


def test_bad_input_is_one_line(tmp_path: Path, capsys: Any) -> None:
    experiment = experiment_of()
    folder = written(experiment, records_of(experiment), tmp_path / "runs")
    empty = written(experiment, [], tmp_path / "empty")
    (tmp_path / "file").write_text("")
    (tmp_path / "nothing").mkdir()
    for paths, out, message in (
        ([folder], "file", "is a file: name a folder"),
        ([empty], "out", "no finished runs yet"),
        ([tmp_path / "nothing"], "out", "neither an experiment file nor a folder with runs"),
        ([folder, tmp_path / "absent"], "out", "neither an experiment file nor a folder with runs"),
    ):
        assert main(["report", *map(str, paths), "--out", str(tmp_path / out)]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and message in error
    assert main(["report", str(folder)]) == 2 and "--out" in capsys.readouterr().err
    with pytest.raises(BadInput, match="--selection dev"):
        write_report([folder], tmp_path / "out", "dev")


def test_numbers_in_short() -> None:
    assert spans([5, 0, 1, 2]) == "0-2,5" and spans([3]) == "3" and spans([0, 2, 3, 9]) == "0,2-3,9"


def test_intervals_are_drawn_to_one_scale() -> None:
    drawn, ticks = draw([(0.1, [0.05, 0.15]), (-0.05, [-0.1, 0.0]), (0.02, None)], "accuracy")
    zero = drawn[0].zero
    unit = (drawn[0].dot - zero) / 0.1
    assert unit > 0 and drawn[1].dot == pytest.approx(zero - 0.05 * unit, abs=0.2)
    assert drawn[0].ends == pytest.approx((zero + 0.05 * unit, zero + 0.15 * unit), abs=0.2)
    assert [drawing.side for drawing in drawn] == ["better", "around", "around"] and drawn[2].ends is None
    errors, _ = draw([(0.1, [0.05, 0.15]), (-0.1, [-0.15, -0.05])], "calibration_error")
    assert [drawing.side for drawing in errors] == ["worse", "better"]
    assert [text for _, text in ticks] == ["−10.0", "0.0", "+15.0"]


# In a browser


def shown(chromium: list[str], page: Path, fragment: str = "") -> Page:
    """The page after its script has run."""
    command = [*chromium, "--dump-dom", f"{page.as_uri()}{fragment}"]
    return Page(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout)


CLICKS = """
const reported = [], table = document.getElementById("e1-scores-accuracy");
function report() {
  reported.push([[...table.tBodies[0].rows].map(row => row.cells[0].textContent), location.hash,
             [...table.querySelectorAll("[aria-sort]")].map(head => head.getAttribute("aria-sort"))]);
}
report();
for (const column of [1, 1, 0]) { table.querySelectorAll("thead button")[column].click(); report(); }
const text = "TOLD" + JSON.stringify(reported) + "TOLD";
document.body.append(Object.assign(document.createElement("p"), {textContent: text}));
"""


def test_columns_are_sorted_in_a_browser(tmp_path: Path, chromium: list[str]) -> None:
    experiment, records = scored({"source only": [0.09, 0.09], "DANN": [0.7, 0.8], "MCD": [0.1, 0.12], "JAN": []})
    records = [replace(record, declared=experiment.merge_configuration(record.variant, None)) for record in records]
    page = write_report([written(experiment, records, tmp_path / "runs")], tmp_path / "out")
    page.write_text(page.read_text("utf-8").replace("follow();\n</script>", f"follow();\n{CLICKS}</script>"), "utf-8")
    after = shown(chromium, page, "#sort=e1-scores-accuracy:1:desc")
    (orders, hashes, sorts) = zip(*json.loads(after.text.split("TOLD")[1]), strict=True)
    assert list(orders) == [
        ["DANN", "MCD", "source only", "JAN"],  # as the address says: as numbers, and what has none is last,
        ["source only", "MCD", "DANN", "JAN"],  # either way
        ["source only", "DANN", "MCD", "JAN"],  # as in the experiment
        ["DANN", "JAN", "MCD", "source only"],  # by name
    ]
    name = "#sort=e1-scores-accuracy"
    assert list(hashes) == [f"{name}:1:desc", f"{name}:1:asc", "", f"{name}:0:asc"]
    assert [each[:2] for each in sorts] == [["none", "descending"], ["none", "ascending"], ["none", "none"],
                                           ["ascending", "none"]]  # fmt: skip
    assert all(set(each[2:]) == {"none"} for each in sorts)


def test_a_number_shows_its_runs_in_a_browser(tmp_path: Path, chromium: list[str]) -> None:
    experiment = experiment_of()
    records = records_of(experiment)
    page = write_report([written(experiment, records, tmp_path / "runs")], tmp_path / "out")
    cell = Page(page.read_text("utf-8")).rows("e1-differences-accuracy")["MCD"][0]
    command = [*chromium, f"--screenshot={tmp_path / 'page.png'}", f"{page.as_uri()}"]
    subprocess.run(command, capture_output=True, timeout=60, check=True)
    after = shown(chromium, page, cell.links[0])
    runs = [row for row in after.tables["e1-runs"][1:] if row[0].text in ("MCD", "source only")]
    means = {name: 100 * fmean(row[after.column("accuracy")].value for row in runs if row[0].text == name)
             for name in ("MCD", "source only")}  # fmt: skip
    reported = f"12 runs, target accuracy, %: mean {means['MCD']:.2f} and {means['source only']:.2f}, difference"
    assert f"{reported} {means['MCD'] - means['source only']:.2f}" in after.text
    marked = [
        row[0].text
        for row in after.tables["e1-runs"][1:]
        if "marked" in row[after.column("accuracy")].attributes.get("class", "")
    ]
    assert sorted(marked) == ["MCD"] * 6 + ["source only"] * 6
    with Image.open(tmp_path / "page.png") as image:
        assert image.size == (1280, 2000) and len(image.convert("RGB").getcolors(1 << 20) or []) > 100
