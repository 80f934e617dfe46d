"""The rule of labels: which spellings in a file are classes, and which mean that an example has no label.

The rule is the same for every reader of a user's data; dann/data/README.md states it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dann.data.domain import UNLABELLED, LabelNotes
from dann.errors import BadInput

EMPTY = ""  # an empty field, None or NaN
NAMED = frozenset({"unlabelled", "unlabeled"})
MARKS = frozenset({"nan", "na", "n/a", "none", "null"})  # beside numbers; beside words they may be names of classes
DIGITS = re.compile(r"[+-]?\d{1,18}", re.ASCII)
FLOAT = re.compile(r"[+-]?\d{1,18}\.\d*(e[+-]?\d{1,2})?", re.ASCII | re.IGNORECASE)  # as programs write 1.0
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
SHOWN = 5

Unlabelled = list[str | int] | None  # the option of a data set: spellings that mean no label; None for the rule


@dataclass(frozen=True)
class LabelReading:
    """What the spelled labels of a domain mean.

    Args:
        classes: the names of the K classes in their order.
        index: the class index of each spelling, −1 where it means no label.
    """

    classes: tuple[str, ...]
    index: Mapping[str, int]
    notes: LabelNotes


def read_spellings(counts: Mapping[str, int], unlabelled: Unlabelled = None) -> LabelReading:
    """Find the classes among spelled labels; integers in the order of their values, then words in that of the alphabet.

    Args:
        counts: the number of examples with each spelling, surrounding blanks removed.
        unlabelled: the spellings that mean no label, beside an empty one.

    Raises:
        BadInput: the labels are numbers, of which some are fractions, as those of a regression.
    """
    without = find_unlabelled(counts, unlabelled)
    kept = [label for label in counts if label not in without]
    numbers = [label for label in kept if label.lower() not in MARKS]
    fractions = [label for label in numbers if not _is_integer(label)]
    if fractions and all(map(NUMBER.fullmatch, numbers)):
        raise BadInput(f"label {fractions[0]} is a number that is no integer: write integers, or words such as "
                       f"v{fractions[0]}, or name it under unlabelled if it means none; numbers to be predicted, of "
                       "table and arrays, need data.task: regression")  # fmt: skip
    names = _class_names(kept)
    classes = tuple(sorted(set(names.values()), key=_rank))
    places = {name: place for place, name in enumerate(classes)}
    index = {label: places[names[label]] if label in names else UNLABELLED for label in counts}
    return LabelReading(classes, index, describe_labels(counts, without, unlabelled))


def find_unlabelled(counts: Iterable[str], unlabelled: Unlabelled = None) -> set[str]:
    """The spellings that mean no label."""
    labels = set(counts)
    if unlabelled is not None:
        named = {EMPTY, *map(str, unlabelled)}
        return {label for label in labels if label in named or _plain(label) in named}
    without = {label for label in labels if label == EMPTY or label.lower() in NAMED}
    marks = {label for label in labels if label.lower() in MARKS}
    values = {label: _value(label) for label in labels if _is_integer(label)}
    minus = {label for label, value in values.items() if value == UNLABELLED}
    if labels > without | marks | values.keys():  # words are classes, and −1 is none of them
        return without | minus
    others = set(values.values()) - {UNLABELLED}
    is_class = others in ({1}, {0, 1}) or any(value < UNLABELLED for value in others)
    return without | marks | (set() if is_class else minus)


def describe_labels(counts: Mapping[str, int], without: set[str], unlabelled: Unlabelled) -> LabelNotes:
    """A sentence for each spelling that means no label, or might have been intended so."""
    missing = {label: count for label, count in counts.items() if label in without}
    total = sum(missing.values())
    spelled = ", ".join(f"{count} {repr(label) if label else 'empty'}" for label, count in missing.items())
    assumed = frozenset(label for label in without if label and label.lower() not in NAMED and unlabelled is None)
    if without == {EMPTY} == set(counts):
        return LabelNotes((f"none of {total} examples has a label",))
    notes = []
    if without:
        names, others = " and ".join(map(repr, sorted(assumed))), sorted(without - assumed - {EMPTY})
        undo = f"; set unlabelled: {others} if {names} {'is a class' if len(assumed) == 1 else 'are classes'}"
        notes.append(f"{total} examples without a label: {spelled}{undo if assumed else ''}")
    kept = [label for label in counts if label not in without]
    integers = all(map(_is_integer, kept))
    doubtful = [each for each in kept if each.lower() in MARKS or (integers and _value(each) < 0)][:SHOWN]
    if unlabelled is None and doubtful:
        classes = " and ".join(f"{label!r} is a class of {counts[label]} examples" for label in doubtful)
        mean = "it means" if len(doubtful) == 1 else "they mean"
        option = [*sorted(without - {EMPTY}), *doubtful]  # it replaces the rule, so that it names these too
        notes.append(f"{classes}; set unlabelled: {option} if {mean} no label")
    absent = sorted({*map(str, unlabelled or ())} - {EMPTY, *counts, *map(_plain, counts)})
    if absent:
        notes.append(f"unlabelled names {', '.join(map(repr, absent))}, which no example has as its label")
    return LabelNotes(tuple(notes), assumed, frozenset(without - {EMPTY}))


def _class_names(labels: Sequence[str]) -> dict[str, str]:
    """The class of each label: as it is written, but 1 for 1.0 where all are integers."""
    if not all(map(_is_integer, labels)):
        return {label: label for label in labels}
    return {label: _plain(label) for label in labels}


def _plain(label: str) -> str:
    """A label as it is written, but 1 for 1.0."""
    return str(_value(label)) if FLOAT.fullmatch(label) and _is_integer(label) else label


def _rank(name: str) -> tuple[bool, int, str]:
    number = DIGITS.fullmatch(name) is not None
    return not number, int(name) if number else 0, name


def _is_integer(label: str) -> bool:
    return DIGITS.fullmatch(label) is not None or (FLOAT.fullmatch(label) is not None and float(label).is_integer())


def _value(label: str) -> int:
    return int(label) if DIGITS.fullmatch(label) else int(float(label))
