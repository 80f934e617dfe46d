"""Runs of an experiment that have no result, at the end of ``dann run``."""

import sys
from collections import defaultdict
from collections.abc import Mapping

from dann.cli.progress import Progress
from dann.config.naming import printable
from dann.errors import BadInput
from dann.options import name_some

NAMED = 4  # runs that are named where many have no result for one reason
SOME_FAILED = 1  # exit status


def refuse_if_none(progress: Progress, runs: int) -> None:
    """Refuse an experiment of which no run can be made, all for one reason that the user can correct.

    Raises:
        BadInput: with that reason.
    """
    if len(progress.refused) == runs and len(set(progress.refused.values())) == 1:
        raise BadInput(next(iter(progress.refused.values())))


def report_failures(progress: Progress, runs: int) -> int:
    """Print why runs have no result, and on the last line which they are; returns the exit status."""
    reasons = {**progress.refused, **progress.broken, **progress.failed}
    if not reasons:
        return 0
    by_reason: dict[str, list[str]] = defaultdict(list)
    for name, reason in reasons.items():
        by_reason[reason].append(name)
    for reason, names in by_reason.items():
        print(printable(f"dann: {_list(names)}: {reason}"), file=sys.stderr)
    last = f"dann: {len(reasons)} of {runs} runs have no result: {_remedies(progress)}"
    print(printable(last), file=sys.stderr)
    return SOME_FAILED


def _remedies(progress: Progress) -> str:
    missing: Mapping[str, str] = {**progress.refused, **progress.broken}
    again = f"the same command tries again: {_list(list(missing))}" if missing else ""
    failed = f"--redo failed makes them again: {_list(list(progress.failed))}" if progress.failed else ""
    return "; ".join(filter(None, (again, failed)))


def _list(names: list[str]) -> str:
    return name_some(names, NAMED, "; ")
