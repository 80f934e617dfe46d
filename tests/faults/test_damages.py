"""A sample of the damage that ``make faults`` measures."""

from pathlib import Path

import pytest
from damages import measure


@pytest.mark.slow
def test_damage_is_named_or_made_good(tmp_path: Path) -> None:
    outcomes = measure(20, 1, tmp_path)
    assert sum(outcome.cases for outcome in outcomes) == 20
    assert not [outcome for outcome in outcomes if outcome.wrong]
