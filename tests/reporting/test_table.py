"""Tables in Markdown, LaTeX, JSON and on the terminal, whatever tasks and variants are called."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_records import ORACLE, TARGET, record_of, scored, table_of, tasked
from tiny import TINY

from dann.config.experiment import Experiment
from dann.reporting.experiment_tables import make_tables
from dann.reporting.table import FORMATS
from dann.runner.experiment_records import pack_records


def test_the_command_line_names_every_format() -> None:
    from dann.cli import shared_arguments

    assert set(shared_arguments.FORMATS) == set(FORMATS)


def test_markdown_and_json() -> None:
    table = replace(table_of(Experiment(**TINY), [record_of("DANN", 0)]), title="T")
    content = json.loads(FORMATS["json"](table))
    assert (content["title"], content["rule"]) == ("T", "last")
    assert content["rows"]["DANN"][TARGET]["values"] == [0.6] and content["rows"]["DANN"][ORACLE]["mean"] == 0.7
    assert content["rows"]["DANN"]["published"] == 0.9
    assert content["rows"]["DANN"]["− published"] == pytest.approx(-0.3)
    assert content["rows"]["source only"][TARGET] is None
    lines = FORMATS["md"](table).splitlines()
    assert lines[0].count("|") == lines[1].count("|") == lines[2].count("|") == 8
    assert lines[3] == "| DANN | 60.0 | — | 90 | −30.0 | 70.0 | 97.0 |"


def test_latex_is_escaped_and_whole() -> None:
    shares = {"source only": [0.7, 0.7], "50 % & #1_{a} $λ$ → ~^\\": [0.6, 0.61]}
    experiment, records = scored(shares, title="A\ntitle")
    main, differences = (FORMATS["latex"](table) for table in make_tables(experiment, records))
    assert r"50 \% \& \#1\_\{a\} \$$\lambda$\$ $\to$ \textasciitilde{}\textasciicircum{}\textbackslash{} &" in main
    assert r"60.5 $\pm$ 0.7 & 54.1--66.9 &" in main and r"& $\blacktriangledown$ negative transfer \\" in main
    assert main.startswith("% A title\n") and r"target accuracy, \%" in main
    assert r"$-$9.5 & $-$15.9 to $-$3.1 &" in differences
    for text in (main, differences):
        lines = [line for line in text.splitlines() if not line.startswith("%")]
        assert lines[0].startswith(r"\begin{tabular}{l") and lines[-2:] == [r"\bottomrule", r"\end{tabular}"]
        assert [lines[1], lines[3]] == [r"\toprule", r"\midrule"]
        columns = len(lines[0].removeprefix(r"\begin{tabular}{").removesuffix("}"))
        for row in [lines[2], *lines[4:-2]]:
            bare = re.sub(r"\\[&%#_${}]", "", row)
            assert bare.endswith(r" \\") and bare.count("&") == columns - 1 and bare.count("$") % 2 == 0
            assert "%" not in bare and bare.count("{") == bare.count("}") and bare.isascii()


def test_a_wide_table_is_shown_in_parts_with_whole_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from dann.cli.terminal import show_table

    experiment, records = tasked([0, 1], variants=3, tasks=12)
    experiment = experiment.model_copy(update={"baseline": "row 0"})
    write = [replace(record, declared=run.declared) for record, run in zip(records, experiment.runs(), strict=True)]
    pack_records(write, tmp_path)
    for width in (60, 100, 300):
        monkeypatch.setenv("COLUMNS", str(width))
        show_table(experiment, tmp_path)
        printed = capsys.readouterr().out
        assert max(map(len, printed.splitlines())) <= width and "…" not in printed
        for table in make_tables(experiment, records):
            assert all(cell.text in printed for cells in table.rows.values() for cell in cells)
        assert (printed.count("│ row 1 ") == 2) == (width == 300)
