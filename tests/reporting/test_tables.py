"""Tables and selection from records made by hand, without torch; figures; publishing and its check."""

import gzip
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from dann.reporting.pages import with_tables
from made_records import column, record_of, scored, table_of, tables_of, texts
from scipy import stats
from tiny import TINY, write_tiny

from dann.cli.main import main
from dann.config.experiment import Experiment, flattened, merged, read_experiment, slug, write_experiment
from dann.errors import BadInput
from dann.evaluation.selection import RULES
from dann.reporting.figures.curves import diagnosis
from dann.reporting.table import FORMATS
from dann.reporting.tables import make_tables
from dann.runner.records import PACKED, RECORD, Record, pack_records, read_record, read_records, write_record

TARGET, ORACLE = "target accuracy, %", "target accuracy, oracle (upper bound), %"


def test_table_gives_mean_sample_deviation_and_interval() -> None:
    values = [0.6, 0.7, 0.65]
    records = [record_of("DANN", seed, value) for seed, value in enumerate(values)]
    records += [record_of("source only", seed) for seed in range(3)]
    table = table_of(Experiment(**TINY), records)
    assert table.columns == [TARGET, "95 % interval", "published", "− published", ORACLE, "source accuracy, %"]
    # s is 0.05 and t with 2 degrees of freedom 4.302653: the half-width is 4.302653 × 0.05 / √3 = 0.124207
    assert [cell.text for cell in table.rows["DANN"]] == [
        "65.0 ± 5.0",
        "52.6–77.4",
        "90",
        "−25.0",
        "70.0 ± 0.0",
        "97.0 ± 0.0",
    ]
    facts = table.rows["DANN"][0].facts
    assert facts["values"] == values and facts["seeds"] == [0, 1, 2] and facts["n"] == 3
    assert facts["deviation"] == pytest.approx(statistics.stdev(values))
    assert facts["interval"] == pytest.approx([0.65 - 0.124207, 0.65 + 0.124207], abs=1e-6)
    assert [cell.text for cell in table.rows["source only"]][:4] == ["60.0 ± 0.0", "60.0–60.0", "—", "—"]
    assert "over 3 seeds, 95 % t-interval, after the last step; no step is selected." in table.markdown()
    assert "40 of moons_rotated" in table.markdown() and "less the published number" in table.markdown()


def test_a_number_of_seeds_is_said_where_it_is_not_the_usual_one() -> None:
    experiment, records = scored({"source only": [0.6, 0.7], "DANN": [0.7], "MCD": [0.5, 0.6]})
    table = table_of(experiment, records)
    assert texts(table, TARGET) == {"source only": "65.0 ± 7.1", "DANN": "70.0 (n = 1)", "MCD": "55.0 ± 7.1"}
    assert texts(table, "95 % interval")["DANN"] == "—" and "over 2 seeds" in table.markdown()
    assert "one seed, after" in table_of(*scored({"DANN": [0.5]})).markdown()
    assert table_of(experiment, []).notes == ["No finished runs yet."]


def test_the_average_is_over_the_seeds_that_every_task_has() -> None:
    experiment = Experiment(**{**TINY, "published": {}, "tasks": {"a": {}, "b": {}}})
    given = {"a": [0.5, 0.6, 0.9], "b": [0.7, 0.8]}
    records = [record_of("DANN", seed, value, task) for task in given for seed, value in enumerate(given[task])]
    facts = column(table_of(experiment, records), "average")["DANN"].facts
    assert facts["seeds"] == [0, 1] and facts["values"] == pytest.approx([0.6, 0.7])


def test_the_oracle_has_a_column_that_says_so() -> None:
    table = table_of(Experiment(**TINY), [record_of("DANN", 0, 0.65), record_of("DANN", 1, 0.9)])
    assert column(table, TARGET)["DANN"].facts["values"] == [0.65, 0.9]
    assert column(table, ORACLE)["DANN"].facts["values"] == [0.7, 0.9]
    assert "Oracle: at the step with the best target test accuracy: an upper bound" in table.markdown()


def test_table_says_when_it_is_an_upper_bound() -> None:
    table = table_of(Experiment(**TINY), [record_of("DANN", 0)], "oracle")
    assert column(table, ORACLE)["DANN"].facts["values"] == [0.7]
    assert "upper bound that needs the target's labels" in table.markdown() and "Oracle:" not in table.markdown()
    assert table.columns == [ORACLE, "95 % interval", "published", "− published", "source accuracy, %"]
    assert "seed, at the step with the best target" in FORMATS["latex"](table)


def test_the_rule_is_applied_and_named() -> None:
    experiment, records = scored({"source only": [0.6], "DANN": [0.6]})
    for entry, score in zip(records[1].evaluations, (1.0, 3.0, 2.0, 0.0), strict=True):
        entry["score_snd"] = score
    table = table_of(experiment, records, "snd")
    assert texts(table, TARGET) == {"source only": "60.0", "DANN": "70.0"}
    assert "one seed, at the step with the best soft neighbourhood density." in table.markdown()
    assert "1 of 2 runs have no such score and are shown after their last step." in table.markdown()
    with pytest.raises(BadInput, match="--selection dev: these runs have no such score"):
        table_of(experiment, records, "dev")


def test_tasks_are_columns_with_their_average_over_seeds() -> None:
    experiment = Experiment(**{**TINY, "tasks": {"a → b": {}, "b → a": {}}, "published": {"DANN": {"b → a": 0.8}}})
    values = {("a → b", 0): 0.5, ("a → b", 1): 0.6, ("b → a", 0): 0.7, ("b → a", 1): 0.9, ("b → a", 2): 0.1}
    records = [record_of("DANN", seed, value, task) for (task, seed), value in values.items()]
    table = table_of(experiment, records)
    assert table.columns == ["a → b", "b → a", "b → a, published", "b → a, − published", "average", "95 % interval",
                             "average, oracle (upper bound)"]  # fmt: skip
    average = column(table, "average")["DANN"].facts
    assert average["values"] == pytest.approx([0.6, 0.75]) and average["seeds"] == [0, 1]
    # t with one degree of freedom is 12.7062, s is 0.15 / √2, so that the half-width is 12.7062 × 0.15 / 2
    assert column(table, "95 % interval")["DANN"].facts == pytest.approx([0.675 - 0.952966, 0.675 + 0.952966], rel=1e-5)
    assert texts(table, "95 % interval")["DANN"] == "−27.8–162.8" and texts(table, "average")["source only"] == "—"
    assert texts(table, "b → a, − published")["DANN"] == "−23.3"
    assert "95 % t-interval of the average" in table.markdown()


def test_published_numbers_of_all_tasks_have_an_average() -> None:
    given = {"DANN": {"a": 0.8, "b": 0.6}, "source only": 0.5}
    experiment = Experiment(**{**TINY, "tasks": {"a": {}, "b": {}}, "published": given})
    records = [record_of(variant, 0, 0.72, task) for variant in TINY["variants"] for task in "ab"]
    table = table_of(experiment, records)
    assert texts(table, "average, published") == {"source only": "50", "DANN": "70"}
    assert texts(table, "average, − published") == {"source only": "+22.0", "DANN": "+2.0"}
    assert texts(table, "a, published") == {"source only": "—", "DANN": "80"}


def test_of_tasks_each_metric_has_a_table() -> None:
    given = {**TINY, "tasks": {"a → b": {}, "b → a": {}}, "metrics": ["macro_f1", "accuracy"], "published": {}}
    experiment = Experiment(**given)
    records = [record_of("DANN", 0, 0.5, task) for task in experiment.tasks]
    for record in records:
        for entry in record.evaluations:
            entry["target_test_macro_f1"] = 0.4
    first, second = make_tables(experiment, records)
    assert (first.corner, second.corner) == ("macro-F1, %", "accuracy, %")
    assert first.columns == second.columns and first.columns[:3] == ["a → b", "b → a", "average"]
    assert texts(first, "average")["DANN"] == "40.0" and texts(second, "average")["DANN"] == "50.0"
    assert first.markdown().startswith("| macro-F1, % | a → b") and "Macro-F1 on test splits" in first.markdown()


def test_every_metric_has_a_table_whose_oracle_goes_by_it() -> None:
    experiment, records = scored(
        {"source only": [0.5], "DANN": [0.6]}, metrics=["accuracy", "auc", "calibration_error"]
    )
    for record in records:
        for place, entry in enumerate(record.evaluations):
            entry |= {"target_test_calibration_error": 0.1 + 0.01 * place, "target_test_auc": 0.8 - 0.1 * place}
    accuracy, auc, calibration = tables_of(experiment, records)
    assert accuracy.columns == [TARGET, "95 % interval", ORACLE, "source accuracy, %"]
    assert texts(auc, "target AUC, oracle (upper bound), %")["DANN"] == "80.0"  # at the first step
    name = "target calibration error, %"
    last = 100 * records[0].evaluations[-1]["target_test_calibration_error"]
    assert texts(calibration, name)["DANN"] == f"{last:.1f}"
    assert texts(calibration, "target calibration error, oracle (upper bound), %")["DANN"] == "10.0"  # less is better
    assert "the best target test calibration error: an upper bound" in " ".join(calibration.notes)
    (_, by_auc, _) = tables_of(experiment, records, "oracle")
    assert texts(by_auc, "target AUC, oracle (upper bound), %")["DANN"] == "80.0"


def test_a_row_that_trains_on_the_target_has_no_source_accuracy() -> None:
    record = record_of("DANN", 0)
    on_target = replace(record, data={"source": record.data["target"], "target": record.data["target"]})
    assert table_of(Experiment(**TINY), [on_target]).rows["DANN"][-1].text == "—"


# Paired differences, negative transfer and alarms


def test_negative_transfer_is_flagged_beyond_the_interval_only() -> None:
    # Each variant's mean difference is −0.02; those of the first lie close enough together for t = 4.302653.
    shares = {"source only": [0.60, 0.70, 0.65], "surely": [0.579, 0.680, 0.631], "perhaps": [0.55, 0.71, 0.63],
              "gains": [0.65, 0.75, 0.70]}  # fmt: skip
    table = table_of(*scored(shares))
    assert texts(table, "alarms") == {"source only": "", "surely": "▼ negative transfer", "perhaps": "", "gains": ""}
    assert "▼: the 95 % t-interval of the paired difference from source only lies wholly below 0." in table.markdown()
    experiment, records = scored(shares)
    plain = {"method": {"name": "source_only"}, "optimizer": {"lr": 1.0}}
    other = experiment.model_copy(update={"variants": {**experiment.variants, "surely": plain}})
    assert "alarms" not in table_of(other, records).columns  # it is worse, but adapts to nothing
    without = table_of(*scored({name: shares[name] for name in ("source only", "perhaps", "gains")}))
    assert "alarms" not in without.columns and "▼" not in without.markdown()


def test_less_calibration_error_is_no_negative_transfer() -> None:
    shares = {"source only": [0.5, 0.5], "DANN": [0.6, 0.61]}
    experiment, records = scored(shares, metrics=["calibration_error"])
    for record in records:
        for entry in record.evaluations:
            entry["target_test_calibration_error"] = 1 - record.evaluations[-1]["target_test"]
    table, differences = make_tables(experiment, records)
    assert "alarms" not in table.columns and texts(differences, "difference, points") == {"DANN": "−10.5"}
    assert "less is better" in differences.markdown()


def test_alarms_are_counted_over_runs_but_negative_transfer_is_told_when_the_table_is_made() -> None:
    experiment, records = scored({"source only": [0.7, 0.7, 0.7], "DANN": [0.5, 0.51, 0.5], "MCD": [0.8, 0.9, 0.7]})
    fallen = {"alarm": "collapse", "step": 10, "text": "one class"}
    records[3].alarms.extend([fallen, {**fallen, "step": 20}])
    records[4].alarms.append(fallen)
    records[8].alarms.append({"alarm": "label shift", "step": 40, "text": ""})
    records[8].alarms.append({"alarm": "negative transfer", "step": 40, "text": "from another baseline, once"})
    table = table_of(experiment, records)
    assert texts(table, "alarms") == {"source only": "", "DANN": "▼ negative transfer; collapse (2 of 3)",
                                      "MCD": "label shift (1 of 3)"}  # fmt: skip
    assert column(table, "alarms")["DANN"].facts == [
        {"alarm": "negative transfer"}, {"alarm": "collapse", "runs": 2, "of": 3}
    ]  # fmt: skip
    assert "The runs were made before alarms of training were watched." in table.markdown()
    watched = [replace(record, shares=[[1.0]]) for record in records[1:]]
    assert "1 of 9 runs were made before alarms" in table_of(experiment, [records[0], *watched]).markdown()


def test_negative_transfer_on_some_tasks_is_told_with_their_number() -> None:
    experiment, records = tasked([0, 1, 2])
    named = {"row 0": {"method": {"name": "source_only"}}, "row 1": {}}
    experiment = experiment.model_copy(update={"variants": named})
    for record in records:
        lost = record.variant == "row 1" and record.task == "task 0"
        gained = record.variant == "row 1" and record.task == "task 1"
        record.evaluations[-1]["target_test"] = 0.5 - 0.1 * lost + 0.2 * gained + 0.01 * record.seed
    table = table_of(experiment, records)
    assert texts(table, "alarms") == {"row 0": "", "row 1": "negative transfer (1 of 2 tasks)"}
    assert column(table, "alarms")["row 1"].facts == [{"alarm": "negative transfer", "tasks": 1, "of": 2}]


def test_paired_differences_against_the_baseline() -> None:
    shares = {"source only": [0.60, 0.70, 0.65], "DANN": [0.66, 0.74, 0.73], "MCD": [0.61, 0.70, 0.67],
              "train on target": [0.9, 0.9, 0.9], "single": [0.8]}  # fmt: skip
    experiment, records = scored(shares)
    records = [replace(record, data={**record.data, "source": record.data["target"]})
               if record.variant == "train on target" else record for record in records]  # fmt: skip
    main, table = make_tables(experiment, records)
    assert table.corner == "accuracy against source only" and list(table.rows) == ["DANN", "MCD", "single"]
    assert table.columns == ["difference, points", "95 % interval", "p", "p (Holm)", "effect size d", "n"]
    expected = {name: stats.ttest_rel(shares[name], shares["source only"]) for name in ("DANN", "MCD")}
    low, high = (100 * end for end in expected["DANN"].confidence_interval(0.95))
    cells = table.rows["DANN"]
    assert [cells[0].text, cells[1].text, cells[5].text] == ["+6.0", f"+{low:.1f} to +{high:.1f}", "3"]
    assert cells[4].text == "+3.00"  # 6, 4 and 8 points: the mean is 6, the standard deviation 2
    assert column(table, "p")["DANN"].facts == pytest.approx(expected["DANN"].pvalue, rel=1e-6)
    doubled = 2 * min(test.pvalue for test in expected.values())  # the smaller of two by Holm
    assert column(table, "p (Holm)")["DANN"].facts == pytest.approx(doubled, rel=1e-6)
    assert column(table, "p (Holm)")["MCD"].facts == pytest.approx(max(doubled, expected["MCD"].pvalue), rel=1e-6)
    assert [cell.text for cell in table.rows["single"]] == ["+20.0", "—", "—", "—", "—", "1"]
    assert "by Holm corrected for 2 rows" in table.markdown()
    assert "train on target: an upper bound, not compared." in table.markdown()
    facts = json.loads(FORMATS["json"](main))["differences"]["DANN"]
    assert facts["n"] == 3 and facts["mean"] == pytest.approx(0.06) and facts["effect"] == pytest.approx(3)


def test_the_baseline_and_the_test_are_the_experiments() -> None:
    shares = {"source only": [0.6, 0.7, 0.65], "DANN": [0.66, 0.74, 0.73]}
    experiment, records = scored(shares, baseline="DANN", test="wilcoxon")
    _, table = make_tables(experiment, records)
    assert list(table.rows) == ["source only"] and texts(table, "difference, points") == {"source only": "−6.0"}
    assert texts(table, "p") == {"source only": "0.250"}  # of three pairs the least there is
    assert "two-sided exact Wilcoxon signed-rank test" in table.markdown()


def test_without_a_baseline_or_common_seeds_nothing_is_compared() -> None:
    assert len(make_tables(*scored({"DANN": [0.5, 0.6], "MCD": [0.6, 0.7]}))) == 1
    assert len(make_tables(*scored({"source only": [0.5], "DANN": [0.6]}))) == 1
    experiment, records = scored({"source only": [0.5, 0.6], "DANN": [0.6, 0.7]})
    assert len(make_tables(experiment, records)) == 2
    assert len(make_tables(experiment, [replace(r, seed=r.seed + 5 * (r.variant == "DANN")) for r in records])) == 1


def test_the_baseline_is_the_first_that_trains_on_the_source_only(tmp_path: Path) -> None:
    source_only = {"method": {"name": "source_only"}}
    variants = {"train on target": {**source_only, "data": {"source": "target"}}, "DANN": {}, "plain": source_only,
                "source only": source_only}  # fmt: skip
    experiment = Experiment(**{**TINY, "variants": variants, "published": {}})
    assert experiment.compared_with("DANN") == "plain" and experiment.compared_with("plain") is None
    assert experiment.model_copy(update={"tasks": {"a": {}}}).compared_with("DANN") == "plain"
    assert Experiment(**{**TINY, "variants": {"DANN": {}}, "published": {}}).compared_with("DANN") is None
    assert read_experiment(write_tiny(tmp_path / "a.yaml", baseline="DANN")).compared_with("source only") == "DANN"
    for changes, message in (
        ({"baseline": "DAN"}, "unknown variant under baseline: 'DAN'; did you mean DANN?"),
        ({"baseline": {"DANN": "source"}}, "unknown variant under baseline: 'source'; did you mean source only?"),
        ({"baseline": {"DAN": "source only"}}, "unknown variant under baseline: 'DAN'; did you mean DANN?"),
        ({"baseline": {"DANN": "DANN"}}, "baseline: DANN is named as its own: name another, or leave it out"),
        ({"baseline": {"DANN": 1}}, "baseline: should name a variant, or variants' own as in {DANN: source only}, not"),
        ({"baseline": ""}, "unknown variant under baseline: ''"),
        ({"test": "t"}, "test"),
    ):
        with pytest.raises(BadInput) as caught:
            read_experiment(write_tiny(tmp_path / "a.yaml", **changes))
        assert str(caught.value).startswith(str(tmp_path / "a.yaml")) and message in str(caught.value)


def test_rows_may_have_baselines_of_their_own() -> None:
    shares = {"source only": [0.6, 0.62], "source only, 8": [0.5, 0.51], "DANN": [0.5, 0.51], "DANN, 8": [0.52, 0.54]}
    experiment, records = scored(shares, baseline={"DANN, 8": "source only, 8"})
    main, table = make_tables(experiment, records)
    assert table.columns[0] == "against" and table.corner == "accuracy against baselines"
    assert texts(table, "against") == {
        "source only, 8": "source only", "DANN": "source only", "DANN, 8": "source only, 8"
    }  # fmt: skip
    assert texts(table, "difference, points") == {"source only, 8": "−10.5", "DANN": "−10.5", "DANN, 8": "+2.5"}
    assert "less that of the one it is held against on the same seeds" in table.markdown()
    assert texts(main, "alarms") == {
        "source only": "", "source only, 8": "", "DANN": "▼ negative transfer", "DANN, 8": ""
    }  # fmt: skip
    named = json.loads(FORMATS["json"](main))["differences"]
    assert {variant: told["baseline"] for variant, told in named.items()} == texts(table, "against")


def test_differences_over_tasks_are_of_the_average() -> None:
    experiment, records = tasked([0, 1, 2])
    experiment = experiment.model_copy(update={"baseline": "row 0"})
    *_, table = make_tables(experiment, records)
    rows = {(r.variant, r.task, r.seed): r.evaluations[-1]["target_test"] for r in records}
    each = [statistics.fmean(rows["row 1", task, seed] - rows["row 0", task, seed] for task in ("task 0", "task 1"))
            for seed in range(3)]  # fmt: skip
    assert column(table, "difference, points")["row 1"].facts == pytest.approx(statistics.fmean(each))
    assert "averaged over 2 tasks" in table.markdown()


def test_seeds_from_other_data_are_not_mixed(project: Path, capsys: Any) -> None:
    record = project / "runs/theme/tiny/dann/seed-1/record.json"
    content = json.loads(record.read_text())
    content["data"]["target"]["checksum"] = "0"
    record.write_text(json.dumps(content))
    assert main(["table", "runs"]) == 2
    assert "made from other data than seeds before it" in capsys.readouterr().err


def test_the_command_line_names_every_rule_and_format() -> None:
    from dann.cli import arguments

    assert tuple(RULES) == arguments.RULES and set(arguments.FORMATS) == set(FORMATS)


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


# Records, in a folder each or packed


def tasked(seeds: list[int], variants: int = 2, tasks: int = 2) -> tuple[Experiment, list[Record]]:
    """An experiment with tasks, and records of all its runs in order."""
    names = {"variants": {f"row {v}": {} for v in range(variants)}, "tasks": {f"task {t}": {} for t in range(tasks)}}
    experiment = Experiment(**{**TINY, **names, "seeds": seeds, "published": {}})
    return experiment, [record_of(run.variant, run.seed, 0.5 + 0.01 * at, run.task)
                        for at, run in enumerate(experiment.runs())]  # fmt: skip


def test_packed_records_are_those_of_the_folders(tmp_path: Path) -> None:
    experiment, records = tasked([10, 2])
    for record, run in zip(records, experiment.runs(), strict=True):
        write_record(record, tmp_path / "folders" / run.folder)
    stranger = record_of("a row that was removed", 2, task="task 0")
    pack_records([*records, stranger], tmp_path / "packed")
    folders, packed = (read_records(experiment, tmp_path / name) for name in ("folders", "packed"))
    assert list(packed.values()) == list(folders.values()) and len(packed) == 8
    assert [place.relative_to(tmp_path / "packed") for place in packed] == [
        place.relative_to(tmp_path / "folders") for place in folders
    ]
    assert [record.seed for record in packed.values()][:4] == [2, 10, 2, 10]
    assert make_tables(experiment, list(packed.values())) == make_tables(experiment, list(folders.values()))


def test_packed_records_are_the_same_bytes_whenever_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, records = tasked([0, 1])
    pack_records(records, tmp_path / "a")
    monkeypatch.setattr(time, "time", lambda: 1e9)
    pack_records(records, tmp_path / "b")
    first, second = ((tmp_path / name / PACKED).read_bytes() for name in "ab")
    assert first == second and first[3:8] == bytes(5)  # neither a file name nor a time
    lines = gzip.decompress(first).splitlines(keepends=True)
    for record, line in zip(records, lines, strict=True):
        write_record(record, tmp_path / "one")
        assert (tmp_path / "one" / RECORD).read_bytes() == line


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-20],
        lambda content: content[:20] + bytes(20) + content[40:],
        lambda content: b"no gzip" + content,
        lambda content: gzip.compress(gzip.decompress(content)[:-20]),
        lambda content: gzip.compress(b"[1, 2]\n"),
        lambda content: gzip.compress(gzip.decompress(content).replace(b'"losses"', b'"loss"')),
        lambda content: gzip.compress(gzip.decompress(content).replace(b'"seed":1', b'"seed":"1"')),
    ],
)
def test_a_damaged_file_of_records_is_named(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    experiment, records = tasked([0, 1])
    pack_records(records, tmp_path)
    assert len(read_records(experiment, tmp_path)) == 8
    (tmp_path / PACKED).write_bytes(damage((tmp_path / PACKED).read_bytes()))
    with pytest.raises(BadInput, match=r"records\.jsonl\.gz: not records of this version"):
        read_records(experiment, tmp_path)


# Bars


@pytest.mark.parametrize(
    ("variants", "tasks", "lying", "columns"),
    [(8, 4, False, 5), (9, 4, True, 5), (12, 5, False, 1), (13, 4, True, 5), (33, 12, True, 1), (13, 0, True, 1)],
)
def test_many_bars_lie_and_many_tasks_are_averaged(variants: int, tasks: int, lying: bool, columns: int) -> None:
    from dann.reporting.figures.bars import bars

    experiment, records = tasked([0, 1], variants, tasks)
    figure = bars(experiment, records)
    (axes,) = figure.axes
    rows, lengths = (
        (axes.get_yticklabels(), [bar.get_width() for bar in axes.patches])
        if lying
        else (axes.get_xticklabels(), [bar.get_height() for bar in axes.patches])
    )
    assert [row.get_text() for row in rows] == list(experiment.variants) and len(lengths) == variants * columns
    means = column(table_of(experiment, records), "average" if tasks else TARGET).values()
    last = [cell.facts["mean"] for cell in means]
    assert lengths[-variants:] == pytest.approx([100 * mean for mean in last])
    assert (f"average of {tasks} tasks" in axes.get_xlabel() + axes.get_ylabel()) == (tasks > 4)
    figure.canvas.draw()
    if lying:
        boxes = [row.get_window_extent() for row in rows]
        assert all(above.y0 > below.y1 for above, below in pairwise(boxes))
        assert figure.get_figwidth() == 8 and figure.get_figheight() < 12
    assert len([*figure.legends, axes.get_legend()]) - (axes.get_legend() is None) == (columns > 1)


def test_a_published_number_is_a_line_across_its_bar() -> None:
    from dann.reporting.figures.bars import bars

    for variants, axis in ((2, 1), (13, 0)):
        experiment, records = tasked([0], variants, 0)
        experiment = experiment.model_copy(update={"published": {"row 1": 0.9}})
        (axes,) = bars(experiment, records).axes
        lines = [path.vertices for line in axes.collections for path in line.get_paths() if line.get_linestyle()[0][1]]
        ((start, end),) = lines
        assert start[axis] == end[axis] == pytest.approx(90)
        assert (start[1 - axis] + end[1 - axis]) / 2 == pytest.approx(1)


# Experiment files


def test_merging_replaces_a_component_that_changes_its_name() -> None:
    base = {"method": {"name": "dann", "weight": 2.0}, "train": {"steps": 5, "log_every": 1}}
    assert merged(base, {"method": {"schedule": "constant"}})["method"] == {
        "name": "dann", "weight": 2.0, "schedule": "constant",
    }  # fmt: skip
    assert merged(base, {"method": {"name": "dann", "weight": 1.0}})["method"] == {"name": "dann", "weight": 1.0}
    assert merged(base, {"method": {"name": "source_only"}})["method"] == {"name": "source_only"}
    assert merged(base, {"train": {"steps": 6}})["train"] == {"steps": 6, "log_every": 1}
    assert base["method"] == {"name": "dann", "weight": 2.0}


def test_slug_and_flattened() -> None:
    assert slug("DANN, λ = 1") == "dann-λ-1" and slug("a → b") == "a-to-b" and slug("../..") == "unnamed"
    assert flattened({"a": {"b": 1, "c": {}}, "d": [1]}) == {"a.b": 1, "d": [1]}


def test_source_target_is_the_tasks_own_target() -> None:
    tasks = {"a": {"data": {"target": "moons"}}, "b": {"data": {"target": {"name": "moons_rotated", "degrees": 9.0}}}}
    variants = {"train on target": {"data": {"source": "target"}}}
    experiment = Experiment(**{**TINY, "variants": variants, "tasks": tasks, "published": {}})
    first, second = (run.declared["data"] for run in experiment.runs(seeds=[0]))
    assert first["source"] == first["target"] == {"name": "moons"}
    assert second["source"] == second["target"] == {"name": "moons_rotated", "points": 20, "degrees": 9.0}


def test_experiment_file_keeps_its_meaning_when_copied(tmp_path: Path) -> None:
    sets = ["train.steps=7", "optimizer.lr=1e-3", "data.source=moons_rotated"]
    experiment = read_experiment(write_tiny(tmp_path / "a.yaml"), sets)
    run = next(iter(experiment.runs("DANN", [5])))
    assert run.declared["train"]["steps"] == 7 and run.declared["optimizer"]["lr"] == 0.001
    assert run.declared["data"]["source"] == {"name": "moons_rotated"} and run.seed == 5
    write_experiment(experiment, tmp_path / "b.yaml")
    assert read_experiment(tmp_path / "b.yaml") == experiment


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        ({"variants": ["DAN"]}, "unknown variant under shown: 'DAN'; did you mean DANN?"),
        ({"tasks": ["turn"]}, "unknown task under shown: 'turn'; did you mean a turn?"),
        ({"variants": []}, "shown.variants: "),
        ({"rows": ["DANN"]}, "unknown key shown.rows"),
    ],
)
def test_shown_names_are_checked(shown: dict[str, Any], message: str, tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "a.yaml", tasks={"a turn": {}}, shown=shown)
    with pytest.raises(BadInput) as caught:
        read_experiment(file)
    assert str(caught.value).startswith(f"{file}: ") and message in str(caught.value)


def test_all_is_shown_that_is_not_said_otherwise(tmp_path: Path) -> None:
    for shown, expected in (
        ({}, [True, True, True, True]),
        ({"variants": ["DANN"]}, [False, False, True, True]),
        ({"tasks": ["a"]}, [True, False, True, False]),
        ({"variants": ["DANN"], "tasks": ["a"]}, [False, False, True, False]),
    ):
        experiment = read_experiment(write_tiny(tmp_path / "a.yaml", tasks={"a": {}, "b": {}}, shown=shown))
        assert [experiment.shows(v, t) for v in ("source only", "DANN") for t in "ab"] == expected
        write_experiment(experiment, tmp_path / "b.yaml")
        assert read_experiment(tmp_path / "b.yaml").shown == experiment.shown


# Commands on folders of runs


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with an experiment and its finished runs."""
    monkeypatch.chdir(tmp_path)
    write_tiny(tmp_path / "experiments/theme/tiny.yaml")
    assert main(["run", "experiments/theme/tiny.yaml"]) == 0
    return tmp_path


@pytest.mark.slow
def test_figures_are_drawn(project: Path, capsys: Any) -> None:
    drawn = sorted(path.name for path in (project / "runs/theme/tiny").glob("*.png"))
    assert drawn == ["bars.png", "confusion.png", "curves.png", "reliability.png", "tsne.png"]
    (project / "runs/theme/tiny/tsne.png").unlink()
    capsys.readouterr()
    assert main(["plot", "experiments/theme/tiny.yaml"]) == 0
    printed = [Path(line) for line in capsys.readouterr().out.split()]
    assert len(printed) == 5 and all(path.stat().st_size > 2000 for path in printed)


TURNS = {
    "title": "Turns",
    "seeds": [0],
    "tasks": {f"{degrees:.0f}°": {"data": {"target": {"degrees": degrees}}} for degrees in (10.0, 30.0)},
    "variants": {"DANN, weak": {"method": {"weight": 0.1}}},
}


def test_the_diagnosis_is_drawn_where_there_is_one(tmp_path: Path) -> None:
    experiment, records = scored({"source only": [0.5, 0.6], "DANN": [0.7, 0.8]})
    measured = {"distance_svm": 1.5, "distance_mlp": 1.6, "gradient_ratio": 0.5, "features_target_rank": 3.0}
    records = [replace(record, evaluations=[each | measured for each in record.evaluations]) for record in records]
    distance, ratio, cosine, rank, shares = diagnosis(experiment, records).axes
    assert [len(axes.lines) for axes in (distance, ratio, cosine, rank, shares)] == [
        4,
        3,
        1,
        2,
        0,
    ]  # with lines at 1, 0
    assert distance.lines[0].get_ydata()[-1] == 1.5 and distance.lines[1].get_ydata()[-1] == 1.6


@pytest.mark.slow
def test_figures_and_features_are_of_what_is_shown(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.figure import Figure

    file, folder = "experiments/theme/turns.yaml", project / "results/theme/turns"
    write_tiny(project / file, **TURNS, shown={"variants": ["DANN", "DANN, weak"], "tasks": ["30°"]})
    assert main(["run", file]) == 0
    saved, save = {}, Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **rest: [saved.update({path.name: figure}),
                                                                         save(figure, path, **rest)])  # fmt: skip
    assert main(["publish", file]) == 0
    assert sorted(saved) == ["bars.png", "confusion-30.png", "curves-30.png", "reliability-30.png", "tsne-30.png"]
    assert [row.get_text() for row in saved["bars.png"].axes[0].get_xticklabels()] == [*TINY["variants"], "DANN, weak"]
    assert len(saved["bars.png"].axes[0].patches) == 3 * 3
    panels = [axes.get_title() for axes in saved["confusion-30.png"].axes if axes.get_title()]
    assert panels == ["DANN", "DANN, weak"] * 2  # of the target, then of the source
    assert [axes.get_title() for axes in saved["tsne-30.png"].axes] == ["DANN, seed 0", "DANN, weak, seed 0"]
    assert [axes.get_title() for axes in saved["reliability-30.png"].axes] == ["DANN", "DANN, weak"]
    label = saved["curves-30.png"].axes[0]
    (legend,) = saved["curves-30.png"].legends
    assert [text.get_text() for text in legend.get_texts()] == ["DANN", "DANN, weak"]
    panels = [axes.get_title().split(",")[0] for axes in saved["curves-30.png"].axes]
    assert panels == ["label loss", "test accuracy", "domain loss", "discriminator accuracy"]
    assert [line.get_color() for line in label.lines] == ["C0", "C1"]
    features = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.npz"))
    assert features == ["30/dann-weak/seed-0/features.npz", "30/dann/seed-0/features.npz"]
    assert len(gzip.decompress((folder / PACKED).read_bytes()).splitlines()) == 6
    assert main(["table", "experiments", "--check"]) == 0


def cells_of(markdown: str) -> dict[str, list[str]]:
    """The rows of the first table in a text, the header's under the empty name."""
    table = next(part for part in markdown.split("\n\n") if "| --- |" in part)
    lines = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    return {name.strip(): [cell.strip() for cell in cells] for name, *cells in lines}


@pytest.mark.slow
def test_averages_of_several_pages(project: Path, capsys: Any) -> None:
    write_tiny(project / "experiments/theme/turns.yaml", **TURNS)
    assert main(["run", "experiments/theme/turns.yaml"]) == 0
    readme, marker = project / "README.md", "<!-- averages results/theme/tiny.md results/theme/turns.md -->"
    readme.write_text(f"Before.\n\n{marker}\nold\n<!-- end -->\n\nAfter.\n")
    assert main(["publish", "experiments/theme/tiny.yaml"]) == 0
    assert "\nold\n" in readme.read_text()
    capsys.readouterr()
    assert main(["table", "experiments", "--check"]) == 2
    assert "README.md: results/theme/turns.md does not exist" in capsys.readouterr().err

    assert main(["publish", "experiments/theme/turns.yaml"]) == 0
    text = readme.read_text()
    assert text.startswith(f"Before.\n\n{marker}\n|") and text.endswith("\n<!-- end -->\n\nAfter.\n")
    tiny, turns = (cells_of((project / f"results/theme/{name}.md").read_text()) for name in ("tiny", "turns"))
    average, bound = (turns[""].index(name) for name in ("average", "average, oracle (upper bound)"))
    tiny_bound = tiny[""].index("target accuracy, oracle (upper bound), %")
    assert tiny[""][0] == "target accuracy, %"
    averages = cells_of(text)
    assert averages.pop("") == ["Tiny moons", "oracle (upper bound)", "Turns", "oracle (upper bound)"]
    assert averages.pop("---") == ["---:"] * 4
    for row, cells in averages.items():
        alone = [tiny[row][0], tiny[row][tiny_bound]] if row in tiny else ["—", "—"]
        assert cells == [*alone, *(turns[row][place] + " (n = 1)" for place in (average, bound))]
    assert list(averages) == ["source only", "DANN", "DANN, weak"] and "± " in averages["DANN"][0]
    note = text.split("\n\n")[2].splitlines()[0]
    seen = "on test splits that training never sees"
    assert f"[Tiny moons](results/theme/tiny.md), {seen}; [Turns](results/theme/turns.md), {seen}." in note
    assert "mean ± standard deviation over 2 seeds, after the last step" in note
    assert main(["table", "experiments", "--check"]) == 0

    stale = text.replace("| DANN | ", "| DANN | 9")
    readme.write_text(stale)
    assert with_tables(stale, readme, Path("results/theme/other.md")) == stale
    capsys.readouterr()
    assert main(["table", "experiments", "--check"]) == 1
    assert "README.md: a table differs" in capsys.readouterr().out
    assert main(["publish", "experiments/theme/tiny.yaml"]) == 0 and readme.read_text() == text
    readme.write_text(text.replace("<!-- end -->", ""))
    assert main(["table", "experiments", "--check"]) == 2


def repack(folder: Path, change: Callable[[list[str]], list[str]]) -> None:
    """Change the lines of a packed file."""
    lines = gzip.decompress((folder / PACKED).read_bytes()).decode().splitlines(keepends=True)
    (folder / PACKED).write_bytes(gzip.compress("".join(change(lines)).encode()))


@pytest.mark.slow
def test_publish_and_check(project: Path, capsys: Any) -> None:
    file = "experiments/theme/tiny.yaml"
    readme = project / "README.md"
    readme.write_text("Before.\n\n<!-- table results/theme/tiny.md -->\nold\n<!-- end -->\n\nAfter.\n")
    assert main(["publish", file]) == 0
    page = project / "results/theme/tiny.md"
    table = page.read_text().split("\n\n")[1]
    assert "| DANN | " in table and table in readme.read_text() and readme.read_text().endswith("\n\nAfter.\n")
    assert (project / "results/theme/tiny/dann/seed-0/features.npz").is_file()
    assert not (project / "results/theme/tiny/dann/seed-1").exists() and not list(page.parent.rglob(RECORD))
    packed = page.with_suffix("") / PACKED
    lines = [
        (project / "runs/theme/tiny" / run.folder / RECORD).read_text() for run in read_experiment(Path(file)).runs()
    ]
    assert gzip.decompress(packed.read_bytes()).decode() == "".join(lines)
    assert main(["table", "experiments", "--check"]) == 0
    assert main(["table", "results"]) == 0

    page.write_text(page.read_text().replace("| DANN | ", "| DANN | 9"))
    capsys.readouterr()
    assert main(["table", "experiments", "--check"]) == 1
    assert "results/theme/tiny.md: not what its records give" in capsys.readouterr().out
    assert main(["publish", file]) == 0
    readme.write_text(readme.read_text().replace("| DANN | ", "| DANN | 9"))
    assert main(["table", "experiments", "--check"]) == 1
    assert "README.md: a table differs" in capsys.readouterr().out
    assert main(["publish", file]) == 0
    whole = packed.read_bytes()
    repack(packed.parent, lambda lines: [line.replace('"target_test":0.', '"target_test":0.0') for line in lines])
    assert main(["table", "experiments", "--check"]) == 1
    repack(packed.parent, lambda lines: lines[1:])
    assert main(["table", "experiments", "--check"]) == 1
    assert "not the runs that" in capsys.readouterr().out
    assert main(["publish", file]) == 0 and packed.read_bytes() == whole
    assert main(["publish", file, "--out", "results"]) == 0 and packed.read_bytes() == whole
    readme.write_text(readme.read_text().replace("<!-- end -->", "<!-- fin -->"))
    assert main(["table", "experiments", "--check"]) == 2
    (project / file).rename(project / "experiments/theme/renamed.yaml")
    readme.unlink()
    capsys.readouterr()
    assert main(["table", "experiments", "--check"]) == 1
    assert "results/theme/tiny: experiments/theme/tiny.yaml does not exist" in capsys.readouterr().out


def test_publish_wants_all_runs(project: Path, capsys: Any) -> None:
    (project / "runs/theme/tiny/dann/seed-1/record.json").unlink()
    assert main(["run", "experiments/theme/tiny.yaml"]) == 2
    assert "dann/seed-1 holds no record.json: remove that folder" in capsys.readouterr().err
    assert main(["publish", "experiments/theme/tiny.yaml"]) == 2
    assert "1 runs of experiments/theme/tiny.yaml are missing, the first DANN, seed 1" in capsys.readouterr().err
    assert not (project / "results").exists()


def test_publishing_takes_out_a_flag_that_the_file_no_longer_gives_reason_for(project: Path) -> None:
    place = project / "runs/theme/tiny/source-only/seed-0"
    record = read_record(place)
    flag = {"alarm": "negative transfer", "step": 40, "text": "from another baseline, once"}
    other = {"alarm": "collapse", "step": 40, "text": "one class"}
    write_record(replace(record, alarms=[flag, other]), place)
    assert main(["publish", "experiments/theme/tiny.yaml"]) == 0
    published = read_records(read_experiment(project / "experiments/theme/tiny.yaml"), project / "results/theme/tiny")
    assert [each.alarms for each in published.values() if (each.variant, each.seed) == ("source only", 0)] == [[other]]


def test_written_out_default_is_no_other_configuration(project: Path, capsys: Any) -> None:
    write_tiny(project / "experiments/theme/tiny.yaml", base={"optimizer": {"weight_decay": 0.0}})
    assert main(["table", "experiments/theme/tiny.yaml"]) == 0
    write_tiny(project / "experiments/theme/tiny.yaml", base={"optimizer": {"weight_decay": 0.1}})
    assert main(["table", "experiments/theme/tiny.yaml"]) == 2
    assert "optimizer.weight_decay: not set there, 0.1 now" in capsys.readouterr().err


@pytest.mark.slow
def test_results_of_this_repository_agree_with_their_records(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    assert main(["table", "experiments", "--check"]) == 0, capsys.readouterr().out


# What must stay quick


@pytest.mark.parametrize("arguments", [["--help"], ["table", "runs"]])
def test_help_and_table_import_no_torch(arguments: list[str], tmp_path: Path) -> None:
    write_record(record_of("DANN", 0), tmp_path / "runs/dann/seed-0")
    write_experiment(Experiment(**TINY), tmp_path / "runs/experiment.yaml")
    script = (
        "import sys; from dann.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'torchvision', 'matplotlib', 'sklearn'} & set(sys.modules), 'imported'"
    )
    command = [sys.executable, "-c", script, *arguments]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout


def test_list_describes_everything_in_a_line_each(capsys: Any) -> None:
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    entries = [line for line in lines if line.startswith("  ")]
    assert {"digits_m", "moons", "gtsrb", "source_only", "dann", "sgd"} <= {line.split()[0] for line in entries}
    assert all(len(line.split(maxsplit=1)) == 2 and len(line) < 140 for line in entries)
