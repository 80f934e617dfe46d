"""Committed records put back under runs/, so that rows can be added to a published table."""

import shutil
from pathlib import Path
from typing import Any

import publish
import pytest
import unpack
import yaml

from dann.cli.main import main
from dann.runner.experiment_records import PACKED

FILE = "experiments/theme/tiny.yaml"


@pytest.mark.slow
def test_a_row_is_added_to_a_published_table(project: Path, capsys: Any) -> None:
    assert publish.main([FILE]) == 0
    packed = project / "results/theme/tiny" / PACKED
    before = packed.read_bytes()
    shutil.rmtree(project / "runs")
    capsys.readouterr()
    assert unpack.main([FILE]) == 0
    assert capsys.readouterr().out == "runs/theme/tiny: 4 records written\n"
    assert unpack.main([FILE]) == 0 and "0 records written" in capsys.readouterr().out
    assert publish.main([FILE]) == 0 and packed.read_bytes() == before

    content = yaml.safe_load(Path(FILE).read_text())
    content["variants"]["DANN, weak"] = {"method": {"weight": 0.1}}
    Path(FILE).write_text(yaml.safe_dump(content, sort_keys=False))
    assert main(["run", FILE, "--jobs", "1"]) == 0
    assert capsys.readouterr().out.count("already there") == 4
    assert publish.main([FILE]) == 0
    assert "| DANN, weak | " in (project / "results/theme/tiny.md").read_text()


def test_without_committed_records_nothing_is_written(project: Path, capsys: Any) -> None:
    assert unpack.main([FILE, "--runs", "other"]) == 2
    assert f"{FILE}: has no committed records: dann run {FILE} makes its runs" in capsys.readouterr().err
    assert not (project / "other").exists()
