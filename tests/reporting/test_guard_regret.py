"""The table of what the guard reports, its regret by hand, and the page of all experiments."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import guard
import pages
import pytest
from made_records import record_of
from tiny import TINY, write_tiny

from dann.config.experiment import Experiment
from dann.evaluation.guard import Guard
from dann.reporting.experiment_tables import make_tables
from dann.reporting.guard_regret import Case, by_family, family_of, gather_cases, judge_guard
from dann.reporting.guard_table import gather_evidence, guard_tables
from dann.reporting.html.page import write_report
from dann.reporting.scores import apply_rule
from dann.runner.experiment_records import pack_records
from dann.runner.records import Record

SEEDS = (0, 1, 2)
ROWS: dict[str, Any] = {
    "source only": {"method": {"name": "source_only"}},
    "DANN": {},
    "MCC": {"method": {"name": "mcc"}},
    "collapsed": {"method": {"name": "afn"}},
}


def experiment_of(**changes: Any) -> Experiment:
    return Experiment(**{**TINY, "seeds": list(SEEDS), "variants": ROWS, "published": {}, "guard": True, **changes})


def made(variant: str, im: float, target: float, task: str | None = None, **values: Any) -> list[Record]:
    """Records of three seeds, whose scores vary a little around a value."""
    records = [record_of(variant, seed, target, task) for seed in SEEDS]
    scores = [{"score_im": im + 0.01 * seed, "score_bnm": im / 2 + 0.02 * seed * (im > 1), **values} for seed in SEEDS]
    declared = experiment_of().merge_configuration(variant, None)
    return [replace(record, declared=declared, evaluations=[{**record.evaluations[-1], **each}])
            for record, each in zip(records, scores, strict=True)]  # fmt: skip


def records_of(task: str | None = None, best: float = 0.9) -> list[Record]:
    lost = made("collapsed", 2.0, 0.1, task, source_validation=0.5)
    alarms = [{"alarm": "collapse", "step": 40, "text": "few classes"}]
    return [
        *made("source only", 1.0, 0.6, task),
        *made("DANN", 1.0, 0.7, task),
        *made("MCC", 1.5, best, task),
        *[replace(record, alarms=alarms) for record in lost],
    ]


def test_the_table_names_the_reported_row_and_what_the_others_fail() -> None:
    experiment, records = experiment_of(), records_of()
    (table,) = guard_tables(apply_rule(experiment, records))
    assert {row: cells[0].text for row, cells in table.rows.items()} == {
        "source only": "—",
        "DANN": "im, bnm",
        "MCC": "reported",
        "collapsed": "source_val, alarms",
    }
    assert table.rows["MCC"][0].facts == {"reported": True, "fails": []}
    assert table.markdown() in [each.markdown() for each in make_tables(experiment, records)]
    assert guard_tables(apply_rule(experiment.model_copy(update={"guard": False}), records)) == []


def test_source_only_is_reported_where_no_row_passes_and_targets_need_no_labels() -> None:
    records = [*made("source only", 1.0, 0.6), *made("DANN", 1.0, 0.7)]
    unlabelled = [replace(record, evaluations=[{key: value for key, value in each.items() if "target_test" not in key}
                  for each in record.evaluations]) for record in records]  # fmt: skip
    experiment = experiment_of(variants={name: ROWS[name] for name in ("source only", "DANN")})
    (table,) = guard_tables(apply_rule(experiment, unlabelled))
    assert table.rows["source only"][0].text == "reported" and table.rows["DANN"][0].text == "im, bnm"
    assert gather_cases(apply_rule(experiment, unlabelled)) == []


def test_negative_transfer_is_no_evidence_as_it_reads_target_labels() -> None:
    records = records_of()
    flagged = [replace(record, alarms=[{"alarm": "negative transfer", "step": 40, "text": ""}]) for record in records]
    evidence = gather_evidence(apply_rule(experiment_of(), flagged))[None]
    assert all(not names for row in evidence.values() for names in row.alarms.values())


def cases_of(records: Mapping[str, list[Record]]) -> list[Case]:
    experiment = experiment_of(tasks={task: {} for task in records})
    return gather_cases(apply_rule(experiment, [record for runs in records.values() for record in runs]))


def test_regret_excess_and_what_is_forgone_and_saved() -> None:
    """On one task the guard and the vote report MCC, which is best; on the other MCC loses, and never adapting wins."""
    cases = cases_of({"gains": records_of("gains"), "loses": records_of("loses", best=0.4)})
    assert [case.source_only for case in cases] == ["source only"] * 2 and list(by_family(cases)) == ["moons"]
    regret = judge_guard(cases, Guard())
    assert regret.guard == pytest.approx((0.0 + 0.3) / 2) and regret.never == pytest.approx((0.3 + 0.1) / 2)
    assert regret.vote == pytest.approx(0.15) and regret.excess == pytest.approx(0.0)
    assert (regret.adapted, regret.below, regret.tasks) == (2, 1, 2)
    strict = judge_guard(cases, Guard(margin=1e9))
    assert strict.guard == strict.never and strict.adapted == 0
    assert strict.forgone == pytest.approx(0.15) and strict.saved == pytest.approx(0.1)
    assert strict.guard == pytest.approx(strict.vote + strict.forgone - strict.saved)
    assert not strict.meets_goal and regret.meets_goal


def test_families_go_by_the_target() -> None:
    assert family_of("amazon_reviews/books") == "reviews" and family_of("usps") == "digits"
    assert family_of("my_photos/x") == "my_photos"


def test_the_html_page_has_the_table(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    file = write_tiny(tmp_path / "guarded.yaml", seeds=list(SEEDS), variants=ROWS, published={}, guard=True)
    pack_records(records_of(), folder)
    (folder / "experiment.yaml").write_bytes(file.read_bytes())
    assert "What the guard reports" in write_report([folder], tmp_path / "out", "last").read_text()


def test_the_page_is_made_from_committed_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = write_tiny(Path("experiments/guarded.yaml"), seeds=list(SEEDS), variants=ROWS, published={})
    pack_records(records_of(), Path("results/guarded"))
    Path("results/guarded/experiment.yaml").write_bytes(file.read_bytes())
    assert guard.main() == 0
    text = Path("results/guard.md").read_text()
    assert "| moons: [Tiny moons](guarded.md) | 0.0 | 30.0 | 0.0 | 0.0 | 0.0 | 0.0 | 1 of 1 | 0 |" in text
    assert Path("results/guard.png").stat().st_size > 1000
    Path("results/guard.md").write_text("old")
    assert pages.main([]) == 0 and Path("results/guard.md").read_text() == text
