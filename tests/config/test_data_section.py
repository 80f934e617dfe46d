"""The data section of an experiment file: names of data sets and their options."""

from pathlib import Path

import pytest
from tiny import MOONS, write_tiny

from dann.config.compatibility import check_data
from dann.config.experiment import read_experiment
from dann.config.schema import resolve
from dann.errors import BadInput


def test_words_name_domains_of_a_data_set(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("""
title: words
seeds: [0]
base: {data: {dataset: {name: pacs, size: 64}, target: sketch}}
variants:
  one: {data: {source: photo}}
  several: {data: {source: [photo, {name: pacs, domain: cartoon, size: 32}]}}
  on target: {data: {source: target}}
  numbers: {data: {dataset: uci_har, source: 2, target: 11}}
  plain: {data: {source: {name: mnist}}}
""")
    experiment = read_experiment(file)
    photo, sketch = ({"name": "pacs", "size": 64, "domain": name} for name in ("photo", "sketch"))
    assert experiment.merge_configuration("one", None)["data"] == {"source": photo, "target": sketch}
    several = [photo, {"name": "pacs", "domain": "cartoon", "size": 32}]
    assert experiment.merge_configuration("several", None)["data"] == {"source": several, "target": sketch}
    assert experiment.merge_configuration("on target", None)["data"] == {"source": sketch, "target": sketch}
    numbers = {"source": {"name": "uci_har", "domain": 2}, "target": {"name": "uci_har", "domain": 11}}
    assert experiment.merge_configuration("numbers", None)["data"] == numbers
    assert experiment.merge_configuration("plain", None)["data"]["source"] == {"name": "mnist"}


@pytest.mark.parametrize("dataset", [5, {"size": 16}, ["pacs"]])
def test_a_data_set_without_a_name_is_refused(dataset: object, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"data.dataset should be the name of a data set"):
        read_experiment(write_tiny(tmp_path / "a.yaml", base={"data": {"dataset": dataset}}))


def test_domains_state_one_range(tmp_path: Path) -> None:
    sides = {side: {"name": "arrays", "path": "a.npz", "range": [0.0, 1.0]} for side in ("source", "target")}
    resolve({**MOONS, "data": sides}, "a.yaml")
    sides["target"]["range"] = [0.0, 4095.0]
    with pytest.raises(BadInput, match=r"range \[0.0, 1.0\] and \[0.0, 4095.0\]: save their images in one range"):
        check_data(resolve({**MOONS, "data": sides}, "a.yaml").data)
