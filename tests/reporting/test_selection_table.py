"""The table of scores under several selection rules, on records made by hand."""

import re
from pathlib import Path
from typing import Any

import pytest
from complaints import complaint
from made_records import column, record_of, texts, titles
from tiny import TINY, write_tiny

from dann.config.experiment import Experiment
from dann.errors import BadInput
from dann.reporting.experiment_tables import make_tables
from dann.reporting.selection_table import selection_tables
from dann.runner.records import Record

RULES = ["last", "source_val", "oracle"]


def experiment_of(**changes: Any) -> Experiment:
    return Experiment(**{**TINY, "selections": RULES, "published": {}, **changes})


def records() -> list[Record]:
    """Their source validation accuracy is best at the steps 20 and 30, the target's at 20."""
    return [record_of(variant, seed) for variant in TINY["variants"] for seed in (0, 1)]


def test_each_rule_has_a_column() -> None:
    (table,) = selection_tables(experiment_of(), records())
    assert titles(table) == ["last", "source_val", "oracle (upper bound)"]
    row = {name: texts(table, name)["DANN"] for name in titles(table)}
    assert row == {"last": "60.0 ± 0.0", "source_val": "65.0 ± 0.0", "oracle (upper bound)": "70.0 ± 0.0"}
    assert table.corner == "accuracy by selection rule" and "where each rule chooses the step." in table.notes[0]
    assert "source_val: at the step with the best source validation accuracy." in table.notes


def test_published_numbers_stand_beside_their_rule() -> None:
    published = {"DANN": {"source_val": 0.6, "oracle": 0.75}, "source only": 0.5}
    experiment = experiment_of(published=published)
    main, *_, table = make_tables(experiment, records())
    assert titles(table) == ["last", "source_val", "source_val, published", "source_val, − published",
                             "oracle (upper bound)", "oracle, published", "oracle, − published"]  # fmt: skip
    assert texts(table, "source_val, − published")["DANN"] == "+5.0"
    assert texts(table, "oracle, − published") == {
        name: "−5.0" if name == "DANN" else "—" for name in experiment.variants
    }
    assert column(main, "published")["source only"].facts == 0.5
    assert column(main, "published")["DANN"].facts is None


def test_of_another_metric_the_oracle_and_the_published_numbers_are_its_own() -> None:
    with_f1 = records()
    for record in with_f1:
        for place, evaluation in enumerate(record.evaluations):
            evaluation["target_test_macro_f1"] = 0.1 * place
    experiment = experiment_of(
        metrics=["macro_f1", "accuracy"], published_metric="macro_f1", published={"DANN": {"oracle": 0.2}}
    )
    of_f1, of_accuracy = selection_tables(experiment, with_f1)
    assert texts(of_f1, "oracle (upper bound)")["DANN"] == "30.0 ± 0.0"  # the last step, which accuracy ranks third
    assert texts(of_f1, "oracle, − published")["DANN"] == "+10.0"
    assert titles(of_accuracy) == ["last", "source_val", "oracle (upper bound)"]


def test_without_rules_or_target_labels_there_is_no_table() -> None:
    assert selection_tables(experiment_of(selections=[]), records()) == []
    unlabelled = records()
    for record in unlabelled:
        for evaluation in record.evaluations:
            del evaluation["target_test"]
    assert selection_tables(experiment_of(), unlabelled) == []


def test_a_rule_without_scores_is_refused_when_the_table_is_made() -> None:
    with pytest.raises(BadInput, match=r"selections: dev: these runs have no such score: set diagnose"):
        selection_tables(experiment_of(selections=["dev"]), records())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"selections": ["best"]}, "selections.0.* should be one of last, source_val"),
        ({"selections": ["reverse"]}, "selections: reverse needs diagnose.reverse_steps, which is off: set it"),
        ({"selections": ["last"], "published": {"DANN": {"im": 0.7}}}, "unknown task or rule of selections under pub"),
        ({"published_metric": "f2"}, "published_metric.* should be one of accuracy"),
    ],
)
def test_bad_rules_are_refused_before_anything_trains(
    changes: dict[str, Any], says: str, tmp_path: Path, capsys: Any
) -> None:
    file = write_tiny(tmp_path / "tiny.yaml", **changes)
    assert re.search(says, complaint(capsys, "run", file, "--out", tmp_path / "runs"))
