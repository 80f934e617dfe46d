"""A sample of the soak that ``make faults`` measures: nothing is left behind."""

from pathlib import Path

import pytest
from soak import measure


@pytest.mark.slow
def test_runs_leave_no_files_and_processes(tmp_path: Path) -> None:
    outcomes = measure(8, 0, tmp_path)
    assert outcomes and all(outcome.cases == 8 and not outcome.wrong for outcome in outcomes), outcomes
