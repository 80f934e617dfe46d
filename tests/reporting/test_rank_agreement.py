"""How ranks without training agree with accuracies, and the page of it."""

import json
import re
from pathlib import Path
from typing import Any

import pages
import publish
import pytest
import ranking
from made_records import record_of
from measured_parts import read_parts
from tiny import TINY, write_tiny

from dann.cli.main import main
from dann.config.experiment import Experiment
from dann.errors import BadInput
from dann.evaluation.candidate_order import ScoredCandidate
from dann.reporting.rank_agreement import agreement_table
from dann.runner.records import Record

SOURCES = ("a", "b", "c")


def candidate(task: str, variants: list[str], logme: float, distance: float, network: str = "n") -> ScoredCandidate:
    scores = {"logme": logme, "a_distance": distance}
    return ScoredCandidate(task, task, "t", network, network, [(task, each) for each in variants], scores, {}, 50)


def experiment_of(**changes: Any) -> Experiment:
    tasks: dict[str, Any] = {source: {} for source in SOURCES}
    return Experiment(**{**TINY, "seeds": [0], "tasks": tasks, "published": {}, **changes})


def records_of(variant: str, *accuracies: float) -> list[Record]:
    return [record_of(variant, 0, accuracy, source) for source, accuracy in zip(SOURCES, accuracies, strict=True)]


def test_correlation_and_regret_of_each_score() -> None:
    rows = ["source only", "DANN"]
    candidates = [candidate("a", rows, 3, 1.0), candidate("b", rows, 1, 0.1), candidate("c", rows, 2, 1.0)]
    records = [*records_of("source only", 0.5, 0.7, 0.6), *records_of("DANN", 0.9, 0.5, 0.7)]
    table = agreement_table(experiment_of(), records, [candidates])
    facts = {row: [cell.facts for cell in cells] for row, cells in table.rows.items()}
    assert [column.title for column in table.columns] == ["rank", "LogME", "A-distance", "random"]
    assert facts["source only"][1]["correlation"] == pytest.approx(-1)  # LogME prefers the worst
    assert facts["source only"][1]["regret"] == pytest.approx(0.2)
    assert facts["source only"][2] == facts["source only"][0]  # one network: the distance alone decides
    assert facts["source only"][2]["correlation"] == pytest.approx(0.866, abs=1e-3)
    assert facts["source only"][2]["regret"] == 0 and facts["source only"][3] == pytest.approx(0.1)
    assert facts["DANN"][1] == {"correlation": pytest.approx(1), "regret": 0}
    assert facts["DANN"][2]["regret"] == pytest.approx(0.4)
    assert table.rows["DANN"][1].text == "+1.00 (0.0)" and "3 for t" in " ".join(table.notes)


def test_equal_scores_prefer_none() -> None:
    candidates = [candidate(source, ["DANN"], 1, 2.0) for source in SOURCES]
    table = agreement_table(experiment_of(), records_of("DANN", 0.6, 0.7, 0.8), [candidates])
    assert list(table.rows) == ["DANN"]
    assert [cell.text for cell in table.rows["DANN"]] == ["— (10.0)", "— (10.0)", "— (10.0)", "10.0"]


def test_variants_with_one_method_on_several_networks_are_one_row() -> None:
    networks = {"n": 1.0, "m": 2.0}
    variants = {f"source only, {name}": {"method": {"name": "source_only"}, "network": {"hidden": width}}
                for name, width in (("n", 4), ("m", 8))}  # fmt: skip
    experiment = experiment_of(variants=variants)
    candidates = [candidate(source, [f"source only, {name}"], logme, 1.0, name)
                  for source in SOURCES for name, logme in networks.items()]  # fmt: skip
    records = [record for name, accuracy in (("n", 0.5), ("m", 0.8))
               for record in records_of(f"source only, {name}", *[accuracy] * 3)]  # fmt: skip
    table = agreement_table(experiment, records, [candidates])
    assert list(table.rows) == ["source_only"]
    assert table.column("logme")["source_only"].facts == {"correlation": pytest.approx(1), "regret": 0}


@pytest.mark.slow
def test_the_page_is_made_of_scores_and_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    sources = {f"{points} points": {"data": {"source": {"points": points}}} for points in (20, 40)}
    file = str(write_tiny(Path("experiments/ranked.yaml"), tasks=sources, seeds=[0]))
    assert ranking.main([file]) == 2
    assert capsys.readouterr().err == f"{file}: no results to compare ranks with: make publish FILE={file}\n"
    assert main(["run", file]) == 0 and publish.main([file]) == 0
    assert ranking.main([file]) == 0
    page = Path("results/ranking.md")
    text = page.read_text()
    assert "## [Tiny moons](ranked.md)" in text and "2 for moons_rotated" in text
    assert re.search(r"^\| DANN \| \S+ \(\d", text, flags=re.MULTILINE)
    assert json.loads(Path("results/ranking.json").read_text())["ranked"]["examples"] == 1000
    page.write_text("old")
    assert pages.main([]) == 0 and page.read_text() == text


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "ranking.json").write_text("[1]")
    with pytest.raises(BadInput, match=r"ranking\.json: not what make rank writes: restore it, or run make rank"):
        read_parts(tmp_path / "ranking.json", "make rank")
