"""Remedies for splits without examples to test or validate on: only those that work for the data at hand."""

from dann.data.domain import Split
from dann.data.labels import count_classes
from dann.data.splits import hold_out
from dann.options import name_some

SHARES = (0.2, 0.25, 0.3, 0.34, 0.4, 0.5, 0.6, 0.7, 0.8)
SHOWN = 3


def suggest_share(option: str, split: Split, classes: tuple[str, ...], seed: int, every_class: bool) -> str:
    """The share to set, or the classes to add examples to where no share helps.

    Args:
        option: the key of the share.
        split: the labelled examples that are divided.
        classes: names of the K classes; empty where labels are numbers.
        seed: of the division.
        every_class: whether an example of each class has to be held out.
    """
    whole = ", or set data.transductive: true, which tests on all of the target" if option == "data.test" else ""
    if not classes:
        enough = [share for share in SHARES if len(hold_out(split, share, seed)[1])]
        return f"set {option}: {enough[0]:g}" if enough else f"add examples{whole}"
    counts = count_classes(split, len(classes))
    for share in SHARES:
        held = count_classes(hold_out(split, share, seed)[1], len(classes))
        if all(held[k] for k, count in enumerate(counts) if count) if every_class else any(held):
            return f"set {option}: {share:g}"
    rare = [classes[k] for k, count in enumerate(counts) if count == 1]
    have = "has one example, which is" if len(rare) == 1 else "have one example each, which are"
    return f"{name_some(rare, SHOWN)} {have} kept for training: add examples{whole}"
