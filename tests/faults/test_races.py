"""A sample of the races that ``make faults`` measures."""

from pathlib import Path

import pytest
from races import measure


@pytest.mark.slow
def test_processes_on_one_folder_make_each_run_once(tmp_path: Path) -> None:
    outcomes = measure(6, 0, tmp_path, members=3, kills=2)
    assert outcomes and all(outcome.cases == 6 and not outcome.wrong for outcome in outcomes), outcomes
