"""Differences between the configuration of a run and of an experiment file."""

from dann.config.comparison import difference


def test_an_option_that_a_later_version_added_as_null_is_no_difference() -> None:
    before = {"data": {"target": {"name": "csv", "path": "a.csv"}}}
    now = {"data": {"target": {"name": "csv", "path": "a.csv", "unlabelled": None}}}
    assert difference(before, now) is None and difference(now, before) is None
    set_now = {"data": {"target": {"name": "csv", "path": "a.csv", "unlabelled": ["NA"]}}}
    assert difference(before, set_now) == 'data.target.unlabelled: not set there, ["NA"] now'
