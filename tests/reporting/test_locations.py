"""The folders of experiments below a path."""

from pathlib import Path
from typing import Any

import pytest

from dann.errors import BadInput
from dann.reporting import locations
from dann.reporting.locations import find_experiments

TEXT = """
title: t
seeds: [0]
base: {data: {source: {name: moons}, target: {name: moons}, batch_size: 8}, network: {name: mlp}, train: {steps: 1},
       optimizer: {name: sgd}, method: {name: dann}}
variants: {a: {}}
"""


def test_a_whole_file_system_is_not_searched(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(locations, "MOST_FOLDERS", 10)
    for name in ("deep/runs/one", "deep/runs/one/two"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "experiment.yaml").write_text(TEXT)
    for number in range(20):  # those of an experiment's runs do not count
        (tmp_path / f"deep/runs/one/a/seed-{number}").mkdir(parents=True)
    (tmp_path / "deep/link").symlink_to(tmp_path)
    folders = [folder for _, folder in find_experiments(tmp_path)]
    assert folders == [tmp_path / "deep/runs/one", tmp_path / "deep/runs/one/two"]
    for number in range(20):
        (tmp_path / f"other/{number}").mkdir(parents=True)
    with pytest.raises(BadInput, match="more than 10 folders in it, too many to search: name one under runs"):
        find_experiments(tmp_path)
