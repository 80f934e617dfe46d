"""A note on rows with self-training: what share of the target has been given a label, and how many are right."""

from collections.abc import Sequence
from statistics import fmean

from dann.runner.records import Record

SHARE, PURITY = "self_training_share", "self_training_purity_oracle"


def self_training_notes(records: Sequence[Record]) -> list[str]:
    """Nothing where no run has self-training; means over runs, after their last step."""
    rows: dict[str, list[Record]] = {}
    for record in records:
        if SHARE in record.evaluations[-1]:
            rows.setdefault(record.variant, []).append(record)
    texts = [f"{variant}: {_text(own)}" for variant, own in rows.items()]
    return [f"Self-training, share of the target with a given label: {'; '.join(texts)}."] if texts else []


def _text(records: Sequence[Record]) -> str:
    share = f"{100 * fmean(record.evaluations[-1][SHARE] for record in records):.1f} %"
    known = [record.evaluations[-1][PURITY] for record in records if PURITY in record.evaluations[-1]]
    return f"{share}, of which {100 * fmean(known):.1f} % are right (oracle)" if known else share
