"""Settings that give the same bits, and those that may not, as the page of experiments lists them.

Tests elsewhere: a resumed run (``test_resume.py``), diagnosis (``tests/diagnostics/test_measurements.py``), what ran
before (``test_run.py``), the kill of a process at any moment (``tests/faults``).
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from image_folders import write_classes
from test_pages import ROOT
from tiny import Silent, write_tiny

from dann.config.experiment import read_experiment
from dann.config.merging import merge
from dann.runner.planning import launch
from dann.runner.record_comparison import is_same_machine
from dann.runner.records import read_record
from dann.training.checkpoint import read_method

CPU = torch.device("cpu")
DIGITS: dict[str, Any] = {
    "data": {"source": {"name": "digits"}, "target": {"name": "digits_m"}, "batch_size": 8, "transform": {"shift": 1}},
    "network": {"name": "mnist", "batch_norm": True, "dropout": 0.5},
    "train": {"steps": 6, "evaluate_every": 3, "log_every": 3},
}
SAME: dict[str, tuple[dict[str, Any], int]] = {  # changes of the configuration, and worker processes
    "`evaluate_every`, `log_every`": ({"train": {"evaluate_every": 1, "log_every": 1}}, 1),
    "`diagnose`": ({"diagnose": {"examples": 10}}, 1),
    "`--jobs` from 2 on": ({}, 2),
}
OTHER: dict[str, tuple[dict[str, Any], int]] = {  # the same, and threads
    "threads": ({}, 2),
    "`precision`": ({"train": {"precision": "bf16"}}, 1),
    "`replicas`": ({"train": {"replicas": 2}}, 1),
}


def made(folder: Path, changes: dict[str, Any], workers: int = 1, threads: int = 1) -> dict[int, Path]:
    """The folders of the runs of seeds 0 and 1."""
    file = write_tiny(folder / "e.yaml", base=merge(DIGITS, changes))
    experiment = read_experiment(file)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        launch(experiment, list(experiment.runs(["DANN"])), folder / "runs", CPU, Silent(), file, workers)
    finally:
        torch.set_num_threads(before)
    return {seed: folder / f"runs/dann/seed-{seed}" for seed in (0, 1)}


def assert_same(one: Path, other: Path) -> None:
    records = read_record(one), read_record(other)
    states = read_method(one / "checkpoint.pt"), read_method(other / "checkpoint.pt")
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    last = [record.evaluations[-1] for record in records]
    assert last[1] | last[0] == last[1] and records[0].confusion == records[1].confusion


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    return made(tmp_path_factory.mktemp("plain"), {})


@pytest.mark.slow
@pytest.mark.parametrize("setting", SAME)
def test_a_setting_changes_no_bit(setting: str, plain: dict[int, Path], tmp_path: Path) -> None:
    changes, workers = SAME[setting]
    for seed, place in made(tmp_path, changes, workers).items():
        assert_same(plain[seed], place)


@pytest.mark.slow
@pytest.mark.parametrize("setting", OTHER)
def test_a_setting_that_may_change_bits_is_recorded(setting: str, plain: dict[int, Path], tmp_path: Path) -> None:
    changes, threads = OTHER[setting]
    place = made(tmp_path, changes, threads=threads)[0]
    assert not is_same_machine(read_record(plain[0]), read_record(place))


def test_images_from_memory_and_from_files_give_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images of the cache, and those that reader processes decode ahead because they exceed the memory budget."""
    sides = {}
    for side in ("source", "target"):
        path = write_classes(tmp_path / side, ("a", "b"), count=8)
        sides[side] = {"name": "folder", "path": str(path), "size": 28}
    changes = {"data": {**sides, "batch_size": 4, "partial": True}}
    held = made(tmp_path / "held", changes)
    monkeypatch.setenv("DANN_MEMORY", "0")
    assert_same(held[0], made(tmp_path / "streamed", changes)[0])


def test_the_members_of_a_stack_do_not_depend_on_each_other(tmp_path: Path) -> None:
    """As many runs at a time, whichever: the same seed beside two others."""
    places = []
    for name, seeds in (("a", [0, 1]), ("b", [0, 5])):
        file = write_tiny(tmp_path / name / "e.yaml", base={"train": {"replicas": 2}}, seeds=seeds)
        experiment = read_experiment(file)
        launch(experiment, list(experiment.runs(["DANN"])), tmp_path / name, CPU, Silent(), file)
        places.append(tmp_path / name / "dann/seed-0")
    assert_same(*places)


def test_the_page_lists_these_settings() -> None:
    page = (ROOT / "dann/runner/README.md").read_text(encoding="utf-8")
    section = page.partition("## The same bits")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| ")]
    stated = {row[0].removeprefix("| "): row[1] for row in rows if len(row) == 3}
    assert all(stated[setting].startswith("the same") for setting in SAME), stated
    assert all(stated[setting].startswith("others") for setting in OTHER), stated
