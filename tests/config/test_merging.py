"""Merging of nested mappings, dotted keys, and the short forms of domains."""

from typing import Any

import pytest

from dann.config.merging import flatten, merge, nest, parse_assignment, spell_out_domains
from dann.errors import BadInput

OLD: dict[str, Any] = {"method": {"name": "dann", "weight": 1.0}, "train": {"steps": 3, "log_every": 1}}


def test_merge_lays_mappings_over_one_another_and_replaces_a_component_of_another_name() -> None:
    over = {"method": {"weight": 0.5}, "train": {"steps": 9}, "new": [1]}
    merged = merge(OLD, over)
    assert merged == {"method": {"name": "dann", "weight": 0.5}, "train": {"steps": 9, "log_every": 1}, "new": [1]}
    assert merge(OLD, {"method": {"name": "mcc"}})["method"] == {"name": "mcc"}
    assert over["new"] == [1] and OLD["train"]["steps"] == 3


def test_nest_is_the_inverse_of_flatten() -> None:
    assert flatten(OLD) == {"method.name": "dann", "method.weight": 1.0, "train.steps": 3, "train.log_every": 1}
    assert nest(flatten(OLD)) == OLD


def test_an_assignment_is_a_dotted_key_and_yaml() -> None:
    assert parse_assignment("a.b={c: 1e-3}") == {"a": {"b": {"c": 0.001}}}
    for text in ("a.b", "=1", "a..b=1"):
        with pytest.raises(BadInput, match=r"write a\.b=c"):
            parse_assignment(text)


@pytest.mark.parametrize(
    ("data", "spelled"),
    [
        ({"source": "mnist", "target": {"name": "usps"}}, {"source": {"name": "mnist"}, "target": {"name": "usps"}}),
        ({"source": ["a", "b"]}, {"source": [{"name": "a"}, {"name": "b"}]}),
        ({"dataset": "pacs", "source": "photo"}, {"source": {"name": "pacs", "domain": "photo"}}),
        ({"dataset": {"name": "uci_har", "x": 1}, "target": 3}, {"target": {"name": "uci_har", "x": 1, "domain": 3}}),
        ({"source": "target", "target": "usps"}, {"source": {"name": "usps"}, "target": {"name": "usps"}}),
        ({"source": 5}, {"source": 5}),
    ],
)
def test_short_forms_of_domains(data: dict[str, Any], spelled: dict[str, Any]) -> None:
    assert spell_out_domains({"data": data}) == {"data": spelled}
    assert spell_out_domains({"data": "?"}) == {"data": "?"}
