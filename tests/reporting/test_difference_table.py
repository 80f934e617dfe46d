"""Tables of paired differences against scipy."""

import json
import statistics
from dataclasses import replace

import pytest
from made_records import column, scored, tasked, texts, titles
from scipy import stats

from dann.reporting.experiment_tables import make_tables
from dann.reporting.table import FORMATS


def test_paired_differences_against_the_baseline() -> None:
    shares = {"source only": [0.60, 0.70, 0.65], "DANN": [0.66, 0.74, 0.73], "MCD": [0.61, 0.70, 0.67],
              "train on target": [0.9, 0.9, 0.9], "single": [0.8]}  # fmt: skip
    experiment, records = scored(shares)
    records = [replace(record, data={**record.data, "source": record.data["target"]})
               if record.variant == "train on target" else record for record in records]  # fmt: skip
    main, table = make_tables(experiment, records)
    assert table.corner == "accuracy against source only" and list(table.rows) == ["DANN", "MCD", "single"]
    assert titles(table) == ["difference, points", "95 % interval", "p", "p (Holm)", "effect size d", "n"]
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
    assert "Holm-corrected for 2 rows" in table.markdown()
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


def test_rows_may_have_baselines_of_their_own() -> None:
    shares = {"source only": [0.6, 0.62], "source only, 8": [0.5, 0.51], "DANN": [0.5, 0.51], "DANN, 8": [0.52, 0.54]}
    experiment, records = scored(shares, baseline={"DANN, 8": "source only, 8"})
    main, table = make_tables(experiment, records)
    assert titles(table)[0] == "against" and table.corner == "accuracy against baselines"
    assert texts(table, "against") == {
        "source only, 8": "source only", "DANN": "source only", "DANN, 8": "source only, 8"
    }  # fmt: skip
    assert texts(table, "difference, points") == {"source only, 8": "−10.5", "DANN": "−10.5", "DANN, 8": "+2.5"}
    assert "minus that of the row's baseline on the same seeds" in table.markdown()
    assert texts(main, "alarms") == {
        "source only": "", "source only, 8": "", "DANN": "▼ negative transfer", "DANN, 8": ""
    }  # fmt: skip
    named = json.loads(FORMATS["json"](main))["differences"]
    assert {variant: reported["baseline"] for variant, reported in named.items()} == texts(table, "against")


def test_differences_over_tasks_are_of_the_average() -> None:
    experiment, records = tasked([0, 1, 2])
    experiment = experiment.model_copy(update={"baseline": "row 0"})
    *_, table = make_tables(experiment, records)
    rows = {(r.variant, r.task, r.seed): r.evaluations[-1]["target_test"] for r in records}
    each = [statistics.fmean(rows["row 1", task, seed] - rows["row 0", task, seed] for task in ("task 0", "task 1"))
            for seed in range(3)]  # fmt: skip
    assert column(table, "difference, points")["row 1"].facts == pytest.approx(statistics.fmean(each))
    assert "averaged over 2 tasks" in table.markdown()
