"""Examples that a CSV file names more than once: reported all at once, or dropped."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from dann.data.readers.labelled_csv import Row
from dann.errors import BadInput

Duplicates = Literal["error", "drop"]
Parts = list[tuple[Path, list[Row]]]  # the rows of training and, if there is one, of the test split, with their file
Entry = tuple[Path, Row, int]  # a row with its file and the number of its part
SHOWN = 20


def separate_parts(
    parts: Parts, key: Callable[[Path, Row], str], what: str, duplicates: Duplicates, within: bool
) -> tuple[Parts, tuple[str, ...]]:
    """Keep one of the rows with the same example, that of the test split if it has one, and note the number dropped.

    Args:
        key: equal for rows with the same example.
        what: the beginning of the message, with ``{name}`` for an example.
        duplicates: ``error`` refuses them.
        within: whether ``error`` means those within one split too, of which one might be held out.

    Raises:
        BadInput: there are some, and ``duplicates`` is ``error``; names all by their lines.
    """
    first: dict[str, Entry] = {}  # the row of each example that is kept, and its part
    dropped: list[Entry] = []
    for part in reversed(range(len(parts))):
        place, rows = parts[part]
        for row in rows:
            entry = place, row, part
            if first.setdefault(key(place, row), entry) is not entry:
                dropped.append(entry)
    crossing = [each for each in dropped if each[2] != first[key(each[0], each[1])][2]]
    if duplicates == "error" and (wrong := dropped if within else crossing):
        raise BadInput(_message(wrong, first, key, what))
    if duplicates == "error" or not dropped:
        return parts, ()
    gone = {(part, row.number) for _, row, part in dropped}
    kept = [
        (place, [row for row in rows if (part, row.number) not in gone]) for part, (place, rows) in enumerate(parts)
    ]
    return kept, (
        f"{len(dropped)} repeated examples were dropped, {len(crossing)} of them as test examples in training",
    )


def _message(wrong: Sequence[Entry], first: dict[str, Entry], key: Callable[[Path, Row], str], what: str) -> str:
    """All repeated examples by their lines, the later row of each first."""
    both = [(each, first[key(each[0], each[1])]) for each in wrong]
    pairs = [sorted(pair, key=lambda entry: (entry[2], entry[1].number)) for pair in both]
    (earlier, row, _), (place, later, _) = pairs[0]
    lines = later.file is None
    others = ", ".join(str(second.number) if lines else str(second.file) for _, (_, second, _) in pairs[1:SHOWN])
    also = f"also {'lines ' * lines}{others}{', …' if len(wrong) > SHOWN else ''}"
    more = f"; {len(wrong)} in all, {also}" if len(wrong) > 1 else ""
    return (
        f"{later.place(place)}: {what.format(name=later.name[:80])} ({row.place(earlier)}){more}: "
        "remove one of each two, or set duplicates: drop, or one may be trained on and the other held out"
    )
