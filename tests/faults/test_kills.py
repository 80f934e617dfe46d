"""A sample of the kills that ``make faults`` measures."""

from pathlib import Path

import pytest
from kills import measure


@pytest.mark.slow
def test_killed_runs_end_as_undisturbed_ones(tmp_path: Path) -> None:
    outcomes = measure(2, 1, tmp_path)
    assert [(outcome.cases, outcome.wrong) for outcome in outcomes] == [(1, 0), (1, 0)]
