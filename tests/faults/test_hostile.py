"""A sample of hostile input."""

from pathlib import Path

from hostile import measure


def test_hostile_input_is_refused(tmp_path: Path) -> None:
    outcomes = measure(20, 0, tmp_path)
    assert outcomes and not [outcome for outcome in outcomes if outcome.wrong]
