"""Outcome of one kind of fault that was provoked many times."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """One row of results/reliability.md.

    Args:
        what: the fault and what it was done to, such as "SIGKILL at a random moment, DANN".
        right: the expected outcome, such as "weights and log equal to an undisturbed run's".
        cases: how many times it was provoked.
        wrong: how many of them had another outcome.
        detail: other figures, such as "memory grew by 1.2 %".
    """

    what: str
    right: str
    cases: int
    wrong: int
    detail: str = ""
