"""Tasks and variants that are called as headings or keys of tables are: nothing is lost, overwritten or misread."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_records import record_of
from PIL import Image
from test_html import Page, made_of
from tiny import TINY

from dann.cli.terminal import show_table
from dann.config.experiment import EXPERIMENT, Experiment, write_experiment
from dann.reporting.experiment_tables import make_tables
from dann.reporting.figures.draw import draw_all
from dann.reporting.html.page import write_report
from dann.reporting.table import FORMATS, Table
from dann.runner.experiment_records import pack_records
from dann.runner.records import Record

NAMES = (
    "average", "alarms", "published", "− published", "chosen", "95 % interval", "source accuracy, %", "against",
    "difference, points", "p", "n", "target accuracy, %", "average, oracle (upper bound)", "other, published",
    "row chosen most", "both: regret", "score", "oracle", "score:other", "at random", "always source only", "---",
)  # fmt: skip
LR = "optimizer.lr"


def named(name: str, **changes: Any) -> tuple[Experiment, list[Record]]:
    """A row and a task of a name, beside source only and another task; the row loses on both tasks by 30 points."""
    experiment = Experiment(**{
        **TINY,
        "seeds": [0, 1, 2],
        "variants": {"source only": {"method": {"name": "source_only"}}, name: {}},
        "tasks": {name: {}, "other": {"train": {"steps": 8}}},
        "published": {name: {name: 0.8}, "source only": {"other": 0.9}},
        "search": {"budget": 1, "keys": {LR: [0.1]}},
        "compare_rules": True,
        "guard": True,
        **changes,
    })  # fmt: skip
    records = []
    for run in experiment.runs():
        share = 0.7 - 0.3 * (run.variant == name) + 0.2 * (run.task == "other") + 0.01 * run.seed
        record = replace(record_of(run.variant, run.seed, share, run.task), declared=run.declared, setting=run.setting)
        records.append(replace(record, evaluations=record.evaluations[-1:]))
    return experiment, records


def expected(name: str) -> dict[tuple[str, str | None], str]:
    """The texts of the name's row by kind of column and task."""
    return {
        ("score", name): "41.0 ± 1.0",
        ("published", name): "80",
        ("gap", name): "−39.0",
        ("score", "other"): "61.0 ± 1.0",
        ("published", "other"): "—",
        ("gap", "other"): "—",
        ("score", None): "51.0 ± 1.0",
        ("interval", None): "48.5–53.5",
        ("oracle", None): "51.0 ± 1.0",
        ("setting", None): f"{name}: {LR} = 0.1; other: {LR} = 0.1",
        ("alarms", None): "▼ negative transfer",
    }


def texts_of(name: str) -> list[str]:
    return list(expected(name).values())


def cells_of_markdown(line: str) -> list[str]:
    return line.removeprefix("| ").removesuffix(" |").split(" | ")


@pytest.mark.parametrize("name", NAMES)
def test_columns_are_known_by_what_they_are(name: str) -> None:
    table = make_tables(*named(name))[0]
    kinds = [("oracle" if column.key == "oracle" else column.kind, column.task) for column in table.columns]
    assert dict(zip(kinds, (cell.text for cell in table.rows[name]), strict=True)) == expected(name)
    assert len({column.key for column in table.columns}) == len(table.columns)
    assert " ".join(table.notes).count("− published: our mean") == " ".join(table.notes).count("▼: ") == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_colliding_name_in_markdown(name: str) -> None:
    header, alignment, *rows = make_tables(*named(name))[0].markdown().split("\n\n")[0].splitlines()
    assert cells_of_markdown(rows[1]) == [name, *texts_of(name)]
    assert cells_of_markdown(alignment) == ["---", *["---:"] * 9, "---", "---"]
    titles = cells_of_markdown(header)
    assert len(titles) == 12 and titles[1].removesuffix(" (task)") == name and titles[7] == "average"


@pytest.mark.parametrize("name", NAMES)
def test_a_colliding_name_in_latex(name: str) -> None:
    table = make_tables(*named(name))[0]
    lines = [line for line in table.latex().splitlines() if not line.startswith("%")]
    assert lines[0] == r"\begin{tabular}{l" + "r" * 9 + "ll}"
    for line in (lines[2], lines[4], lines[5]):
        assert line.replace(r"\&", "").count("&") == 11
    assert lines[5].split(" & ")[1] == r"41.0 $\pm$ 1.0" and lines[5].endswith(r"negative transfer \\")


@pytest.mark.parametrize("name", NAMES)
def test_a_colliding_name_in_json(name: str) -> None:
    content = json.loads(FORMATS["json"](make_tables(*named(name))[0]))
    row, columns = content["rows"][name], content["columns"]
    assert list(row) == list(columns) and len(row) == 11
    (of_task,) = [key for key, column in columns.items() if (column["kind"], column["task"]) == ("score", name)]
    assert row[of_task]["mean"] == pytest.approx(0.41) and row["average"]["mean"] == pytest.approx(0.51)
    assert row["alarms"] == [{"alarm": "negative transfer"}] and row["chosen"][0]["task"] == name
    assert content["differences"][name]["mean"] == pytest.approx(-0.3)


def test_of_columns_that_share_a_title_none_overwrites_another_in_json() -> None:
    tasks = ("a", "a, published", "a, published (task)")
    experiment, _ = named("a", tasks={task: {} for task in tasks}, published={"a": {"a": 0.8}})
    records = [record_of("a", 0, 0.5 + 0.1 * place, task) for place, task in enumerate(experiment.tasks)]
    experiment = experiment.model_copy(update={"search": None})
    row = json.loads(FORMATS["json"](make_tables(experiment, records)[0]))["rows"]["a"]
    assert row["published:a"] == 0.8 and row["score:a, published"]["mean"] == pytest.approx(0.6)
    assert row["score"]["mean"] == pytest.approx(0.6)


@pytest.mark.parametrize("name", NAMES)
def test_a_colliding_name_on_the_terminal(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment, records = named(name)
    pack_records(records, tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setattr("dann.cli.terminal.NAMES", 40)  # so that no name is broken
    show_table(experiment, tmp_path)
    lines = capsys.readouterr().out.splitlines()
    row = next(line for line in lines if line.startswith(f"│ {name} ") and "41.0" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == [name, *texts_of(name)]


@pytest.mark.parametrize("name", NAMES)
def test_a_colliding_name_on_the_html_page(name: str, tmp_path: Path) -> None:
    experiment, records = named(name)
    pack_records(records, tmp_path)
    write_experiment(experiment, tmp_path / EXPERIMENT)
    Image.new("RGB", (8, 4)).save(tmp_path / "bars.png")
    page = Page(write_report([tmp_path], tmp_path / "out").read_text("utf-8"))
    cells, heads = page.rows("e1-scores-accuracy")[name], page.heads("e1-scores-accuracy")[1:]
    shown = [" ".join(cell.text.split()) for cell in cells]
    assert shown[:-1] == texts_of(name)[:-1] and shown[-1].startswith("▼ negative transfer on average: −30.0 points")
    words = [place for place, head in enumerate(heads) if "words" in head.attributes["class"].split()]
    upper = [place for place, head in enumerate(heads) if "upper" in head.attributes["class"].split()]
    assert (words, upper) == ([9, 10], [8])
    for place, tasks in ((0, {name}), (3, {"other"}), (6, {name, "other"}), (8, {name, "other"})):
        _, (runs,) = made_of(page, cells[place].links[0])
        assert {run[0].text for run in runs} == {name} and {run[page.column("task")].text for run in runs} == tasks


def test_names_of_commands_and_of_other_scripts_on_the_page_and_in_figures(tmp_path: Path, capsys: Any) -> None:
    name = "\x1b[2J\u202e$\\frac{1}{$ 猫 " + "x" * 500
    experiment, records = named(name, title=name)
    write_experiment(experiment, tmp_path / EXPERIMENT)
    pack_records(records, tmp_path)
    page = write_report([tmp_path], tmp_path, "last").read_text()
    assert r"\x1b[2J\u202e$" in page and "\x1b" not in page and "\u202e" not in page
    assert "bars.png" in [path.name for path in draw_all(experiment, tmp_path, ["bars"])]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", NAMES)
def test_a_colliding_name_among_differences_and_rules(name: str) -> None:
    _, differences, rules, guard = make_tables(*named(name, baseline={name: "source only"}))
    assert guard.column(f"guard:{name}")["source only"].text == "reported"
    assert list(differences.rows) == [name] and differences.column("difference")[name].text == "−30.0"
    assert rules.column("both:most")["oracle"].text == "source only (6 of 6)"
    assert rules.column("both:regret")["always source only"].text == "0.0" and "at random" in rules.rows


@pytest.mark.parametrize("name", NAMES)
def test_a_variant_of_a_colliding_name_without_tasks(name: str) -> None:
    tables = make_tables(*named(name, tasks={}, published={name: 0.8}))
    table: Table = tables[0]
    assert [column.kind for column in table.columns] == [
        "score", "interval", "published", "gap", "score", "source", "setting", "alarms"
    ]  # fmt: skip
    assert table.column("score")[name].text == "41.0 ± 1.0" and table.column("source")[name].text == "97.0 ± 0.0"
