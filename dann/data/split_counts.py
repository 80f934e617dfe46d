"""Counts of the examples that each split of a pair was read with and was left with."""

from collections.abc import Sequence
from typing import Any

from dann.data.domain import Domain, LabelNotes, Split

Counts = dict[str, int]  # examples, those with a label, and those that were dropped


def count_split(read: Sequence[Split | None], used: int) -> Counts:
    """Count one split.

    Args:
        read: its parts as they were read.
        used: the number of examples that are left.
    """
    parts = [split for split in read if split is not None]
    examples = sum(map(len, parts))
    return {"examples": examples, "labelled": sum(len(split.labelled) for split in parts), "dropped": examples - used}


def list_label_notes(domains: Sequence[Domain]) -> dict[str, Any]:
    """How the labels of a user's domains were read, for the record; empty where there is nothing to note."""
    notes = [f"{domain.name}: {note}" for domain in domains for note in (domain.label_notes or LabelNotes()).sentences]
    return {"label_notes": list(dict.fromkeys(notes))} if notes else {}
