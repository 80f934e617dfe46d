"""``dann run`` and what follows it on targets without labels or with a few, of every form, from the command line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from complaints import complaint
from tiny import Silent, write_tiny

from dann.cli.main import main
from dann.config.experiment import read_experiment
from dann.reporting.experiment_tables import make_tables
from dann.runner.experiment_records import read_records
from dann.runner.planning import launch
from dann.runner.records import Record, read_record

RANDOM = np.random.default_rng(0)
LABEL_FREE = "source accuracy, %", "entropy score", "im score", "snd score", "bnm score", "dev score", "rankme score"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory, with a labelled source and two targets: no label, and labels for a quarter."""
    monkeypatch.chdir(tmp_path)
    y = np.arange(80) % 2
    for name in ("source", "target"):
        x = RANDOM.normal(size=(80, 3)).astype(np.float32) + 2 * y[:, None]
        labels = {"source": {"y": y}, "target": {}}[name]
        np.savez(f"{name}.npz", x=x, **labels)
    np.savez("part.npz", x=x, y=np.where(np.arange(80) < 20, y.astype(float), np.nan))


def experiment(target: str, **changes: Any) -> Path:
    data = {
        side: {"name": "arrays", "path": f"{name}.npz"} for side, name in (("source", "source"), ("target", target))
    }
    base = {
        "data": {**data, "batch_size": 16},
        "diagnose": {"examples": 20},
        "train": {"steps": 4, "evaluate_every": 2},
    }
    return write_tiny(Path("mine.yaml"), base=base, **changes)


@pytest.mark.slow
def test_an_unlabelled_target_from_the_run_to_the_report(capsys: Any) -> None:
    file = experiment("target", seeds=[0])
    assert main(["run", str(file), "--out", "runs", "--device", "cpu", "--only", "DANN"]) == 0
    out = capsys.readouterr().out
    assert "0.2 of the target held out for testing; the target has no test labels" in out
    assert "target train 64 examples, 0 labelled, 0 dropped; target test 16 examples, 0 labelled, 0 dropped" in out
    assert "target: none of 80 examples has a label" in out and "DANN, seed 0: no target test labels, source" in out
    assert "The target has no test labels" in " ".join(out.split()) and "bars.png" not in out
    record = read_record(Path("runs/mine/dann/seed-0"))
    assert record.evaluations and not any("target_test" in key for each in record.evaluations for key in each)
    assert all({"source_test", "score_im", "share_distance"} <= each.keys() for each in record.evaluations)
    assert record.confusion.keys() == record.reliability.keys() == {"source_test"} and len(record.shares) == 2
    for rule in ("last", "source_val", "entropy", "im", "snd", "bnm", "dev", "rankme", "vote"):
        assert main(["table", "runs/mine", "--selection", rule, "--format", "json"]) == 0
        (table,) = json.loads(capsys.readouterr().out)
        assert tuple(table["columns"])[:7] == LABEL_FREE
    assert "the target has no test labels" in complaint(capsys, "table", "runs/mine", "--selection", "oracle")
    assert main(["report", "runs/mine", "--out", "page"]) == 0 and Path("page/report.html").is_file()
    assert main(["predict", "runs/mine/dann/seed-0", "target.npz", "--out", "p.csv"]) == 0
    assert len(Path("p.csv").read_text().splitlines()) == 81


def made(file: Path, folder: str) -> tuple[Silent, dict[str, Record]]:
    """The records of an experiment's runs by variant and setting, with the observer of the runs."""
    read, observer = read_experiment(file), Silent()
    launch(read, list(read.runs()), Path(folder), torch.device("cpu"), observer, file, 1)
    return observer, {f"{each.variant} {each.setting}": each for each in read_records(read, Path(folder)).values()}


@pytest.mark.slow
def test_labels_of_a_target_change_the_report_and_nothing_else() -> None:
    first, records = made(experiment("part", seeds=[0]), "runs")
    assert first.data["splits"]["target_train"] == {"examples": 60, "labelled": 0, "dropped": 0}
    assert first.data["splits"]["target_test"] == {"examples": 20, "labelled": 20, "dropped": 0}
    assert first.data["label_notes"] == ["part: 60 examples without a label: 60 empty"]
    content = dict(np.load("part.npz"))
    np.savez("part.npz", x=content["x"], y=1 - content["y"])
    others = made(experiment("part", seeds=[0]), "flipped")[1]
    for name, record in records.items():
        assert (record.losses, record.shares) == (others[name].losses, others[name].shares)
        accuracies = [each.evaluations[-1]["target_test"] for each in (record, others[name])]
        assert sum(accuracies) == pytest.approx(1)


@pytest.mark.slow
def test_a_search_chooses_without_target_labels() -> None:
    search = {"kind": "grid", "budget": 2, "rule": "im", "keys": {"optimizer.lr": [0.01, 0.1]}}
    file = experiment("target", search=search, seeds=[0])
    records = list(made(file, "runs")[1].values())
    (table,) = make_tables(read_experiment(file), records)
    best = max((each for each in records if each.variant == "DANN"), key=lambda each: each.evaluations[-1]["score_im"])
    assert table.column("setting")["DANN"].facts == [{"task": None, "setting": best.setting}]
