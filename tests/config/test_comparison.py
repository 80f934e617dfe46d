"""Differences between the configuration of a run and of an experiment file."""

from dann.config.comparison import declared_difference, difference


def test_an_option_that_a_later_version_added_as_null_is_no_difference() -> None:
    before = {"data": {"target": {"name": "csv", "path": "a.csv"}}}
    now = {"data": {"target": {"name": "csv", "path": "a.csv", "unlabelled": None}}}
    assert difference(before, now) is None and difference(now, before) is None
    set_now = {"data": {"target": {"name": "csv", "path": "a.csv", "unlabelled": ["NA"]}}}
    assert difference(before, set_now) == 'data.target.unlabelled: not set there, ["NA"] now'


def test_a_schedule_is_named_by_a_word_or_in_a_mapping() -> None:
    word, named = {"optimizer": {"schedule": "inverse"}}, {"optimizer": {"schedule": {"name": "inverse"}}}
    resolved = {"optimizer": {"schedule": {"name": "inverse", "gamma": 10.0}}}
    assert difference(word, named) is None and declared_difference(word, resolved, named) is None
    written_out = {"optimizer": {"schedule": {"name": "inverse", "gamma": 10.0}}}
    assert declared_difference(word, resolved, written_out) is None
    assert (
        declared_difference(
            {}, {"optimizer": {"schedule": {"name": "constant"}}}, {"optimizer": {"schedule": "constant"}}
        )
        is None
    )
    steeper = {"optimizer": {"schedule": {"name": "inverse", "gamma": 5.0}}}
    assert declared_difference(word, resolved, steeper) == "optimizer.schedule.gamma: not set there, 5.0 now"
