"""``dann status``: its tables, its exit status, and what it leaves alone."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from made_records import record_of
from tiny import TINY
from unfinished_runs import evaluation, losses, write_lock, write_unfinished

from dann.cli.main import main
from dann.config.experiment import Experiment, write_experiment
from dann.reporting.status_tables import LISTED, format_duration
from dann.runner.records import write_record


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose experiment has one finished run, one under way, one interrupted and one not begun."""
    monkeypatch.chdir(tmp_path)
    write_experiment(Experiment(**TINY), tmp_path / "runs/theme/tiny/experiment.yaml")
    folder = tmp_path / "runs/theme/tiny"
    write_record(record_of("source only", 0), folder / "source-only/seed-0")
    alarm = {"alarm": "collapse", "step": 10, "text": "few classes"}
    write_unfinished(folder / "dann/seed-0", [evaluation(10, 900.0), alarm, losses(20)])
    write_lock(folder / "dann/seed-0")
    write_unfinished(folder / "source-only/seed-1", [losses(10)], began=3600.0)
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(["status", *arguments, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_tables_of_an_experiment(watched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overview, runs = printed(capsys)
    row = overview["rows"]["runs/theme/tiny"]
    assert row["finished"] == {"runs": 1, "of": 4}
    assert (row["running"], row["interrupted"], row["not begun"]) == (1, 1, 1)
    assert row["alarms"] == [{"alarm": "collapse", "runs": 1, "of": 3}]
    assert row["end"]["wait"] > 1800.0
    assert runs["title"] == "Tiny moons (runs/theme/tiny)"
    assert list(runs["rows"]) == ["DANN, seed 0", "source only, seed 1"]
    assert runs["rows"]["DANN, seed 0"]["step"] == {"step": 20, "of": 40}
    assert runs["rows"]["DANN, seed 0"]["process"] == {"host": "node-7", "pid": 4711, "since": "12:00:00"}


@pytest.mark.parametrize("path", ["runs", "runs/theme", "runs/theme/tiny"])
def test_a_folder_of_one_experiment_or_of_several(path: str, watched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", path]) == 0
    out = capsys.readouterr().out
    assert "| runs/theme/tiny | 1 of 4 | 1 | 1 | 1 | collapse (1 of 3) | " in out
    assert (
        "| DANN, seed 0 | running | 20 of 40 | collapse (step 10) |" in out
        and "process 4711 on node-7 since 12:00:00" in out
    )
    assert "Interrupted: the same dann run goes on with it." in out and "Error" not in out


def test_it_writes_nothing(watched: Path) -> None:
    def times() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in watched.rglob("*")}

    before = times()
    assert main(["status"]) == 0
    assert times() == before


def test_what_is_over_is_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_experiment(Experiment(**TINY | {"seeds": [0]}), tmp_path / "experiment.yaml")
    for variant in ("source only", "DANN"):
        write_record(record_of(variant, 0), tmp_path / variant.lower().replace(" ", "-") / "seed-0")
    (overview,) = printed(capsys, str(tmp_path))
    assert overview["rows"][str(tmp_path)]["end"] == {"work": 0.0, "wait": 0.0} and overview["notes"] == []


def test_a_damaged_record_does_not_hide_other_experiments(watched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_experiment(Experiment(**TINY), watched / "runs/other/experiment.yaml")
    (watched / "runs/other/dann/seed-0").mkdir(parents=True)
    (watched / "runs/other/dann/seed-0/record.json").write_text("{}")
    assert main(["status"]) == 1
    shown = capsys.readouterr()
    assert "runs/theme/tiny" in shown.out and "runs/other" not in shown.out
    assert "runs/other/dann/seed-0/record.json: not a record of this version" in shown.err


def test_long_lists_are_cut_on_the_terminal_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seeds = list(range(LISTED + 5))
    write_experiment(Experiment(**TINY | {"seeds": seeds}), tmp_path / "experiment.yaml")
    for seed in seeds:
        write_unfinished(tmp_path / f"dann/seed-{seed}", [losses(10)])
    assert main(["status", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.count("| interrupted |") == LISTED + 1 and "And 5 more; --format json lists all." in out
    assert len(printed(capsys, str(tmp_path))[1]["rows"]) == LISTED + 5


def test_no_runs_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", str(tmp_path)]) == 2
    assert "neither an experiment file nor a folder with runs" in capsys.readouterr().err


def test_a_pipe_in_place_of_a_log_is_refused(watched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = watched / "runs/theme/tiny/dann/seed-0.unfinished/metrics.jsonl"
    log.unlink()
    os.mkfifo(log)
    assert main(["status"]) == 1
    assert "metrics.jsonl: a FIFO, not a file" in capsys.readouterr().err


def test_durations_have_two_units() -> None:
    spans = (5.4, 59.9, 90, 3599, 3600, 3600 * 25 + 60)
    assert [format_duration(span) for span in spans] == ["5 s", "1 min", "1 min", "59 min", "1 h 0 min", "1 d 1 h"]
