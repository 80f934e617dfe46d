"""The note on rows with self-training."""

from made_records import record_of

from dann.reporting.self_training_notes import self_training_notes


def test_the_note_has_each_rows_mean_share_and_purity() -> None:
    records = [record_of("source only", 0), record_of("DANN", 0), record_of("DANN", 1)]
    assert self_training_notes(records) == []
    for record, share, purity in zip(records[1:], (0.9, 0.8), (0.97, 0.95), strict=True):
        record.evaluations[-1] |= {"self_training_share": share, "self_training_purity_oracle": purity}
    start = "Self-training, share of the target with a given label: DANN: 85.0 %"
    assert self_training_notes(records) == [f"{start}, of which 96.0 % are right (oracle)."]
    for record in records[1:]:
        del record.evaluations[-1]["self_training_purity_oracle"]
    assert self_training_notes(records) == [f"{start}."]
