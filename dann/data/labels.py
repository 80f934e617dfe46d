"""Class labels of several domains in one order, and their counts."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from dann.data.domain import UNLABELLED, Domain, Split
from dann.errors import BadInput
from dann.options import name_some

ALIKE = "; or, if they are the same classes counted from 0 on one side and from 1 on the other, number them alike"
NAMED = 5  # classes in a message
OFFERED = 2  # with more names, they are classes rather than spellings of no label


def count_classes(split: Split, classes: int) -> list[int]:
    """Count the examples of each class; unlabelled ones are not counted, and numbers have no class."""
    if not classes:
        return []
    tallied: list[int] = torch.bincount(split.labelled.y, minlength=classes).tolist()
    return tallied


def imbalance_ratio(counts: Sequence[int]) -> float | None:
    """The imbalance ratio: the largest class over the smallest; None if a class is empty, or there is none."""
    return round(max(counts) / min(counts), 4) if counts and min(counts) else None


def align_labels(
    sources: Sequence[Domain], target: Domain, *, partial: bool, target_classes: list[str] | None
) -> tuple[list[Domain], Domain]:
    """Convert the labels of the domains to indices into the classes of the first source.

    Args:
        partial: whether the target may have a part of the source's classes only (Cao et al. 2018).
        target_classes: the classes to which the target is cut down, which chooses its examples by their labels.

    Raises:
        BadInput: the label sets do not fit; names the classes.
    """
    classes = sources[0].classes
    _check_classes(sources[0])
    if target_classes is not None:
        _check_known(target_classes, target)
        target = _cut_down(target, target_classes)
    for domain in (*sources[1:], target):
        _check_signs(sources[0], domain)
        extra = sorted(set(domain.classes) - set(classes))
        missing = sorted(set(classes) - set(domain.classes))
        if extra:
            remedy = "data.target_classes can leave them out" if domain is target else "leave that source out"
            if not set(classes) & set(domain.classes):
                remedy = f"write them alike ({sources[0].name} has {name_some(list(classes), NAMED)})"
            raise BadInput(
                f"data: {domain.name} has classes that {sources[0].name} has not ({name_some(extra, NAMED)}): {remedy}"
                + (ALIKE if are_numbered_apart(classes, domain.classes) else _offer_unlabelled(domain, extra))
            )
        if missing and not (domain is target and (partial or not domain.classes)):
            remedy = "set data.partial: true to allow it" if domain is target else "leave that source out"
            raise BadInput(
                f"data: {domain.name} lacks classes of {sources[0].name} ({name_some(missing, NAMED)}): {remedy}"
                + (_offer_unlabelled(domain, domain.classes) if len(domain.classes) == 1 else "")
                + _offer_unlabelled(sources[0], [name for name in missing if name == "-1"])
            )
    return [_relabel(domain, classes) for domain in sources], _relabel(target, classes)


def _check_classes(source: Domain) -> None:
    """Raise for a source with fewer than two classes."""
    notes = "".join(f"; {note}" for note in source.label_notes.sentences) if source.label_notes else ""
    if not source.classes:
        remedy = "choose a labelled source, or leave that row out"
        raise BadInput(f"data.source: {source.name} has no labels: {remedy}{notes}")
    if len(source.classes) == 1:
        raise BadInput(
            f"data.source: {source.name} has one class, {source.classes[0]}, so that any model is right: add labelled "
            f"examples of another{notes}"
        )


def read_minus_one_as_source_does(target: Domain, source: Domain) -> Domain:
    """The target with −1 as no label where it stands beside 0 and 1, but the source has the classes 0 and 1 alone.

    Raises:
        BadInput: −1 is a class of the source, but no label of the target by the rule that reads each for itself.
    """
    if target.label_notes is None:
        return target
    if "-1" in source.classes and "-1" in target.label_notes.assumed:
        raise BadInput(
            f"data: -1 is a class of {source.name}, but in {target.name} it would mean no label, for 1 is not there: "
            f"set unlabelled: {sorted(target.label_notes.without - {'-1'})} for the target where it is a class, or "
            f"unlabelled: {sorted(target.label_notes.without)}"
        )
    if set(target.classes) != {"-1", "0", "1"} or set(source.classes) != {"0", "1"}:
        return target
    splits = [split for split in (target.train, target.test) if split is not None]
    count = sum(int((split.y == target.classes.index("-1")).sum()) for split in splits)
    others = [sentence for sentence in target.label_notes.sentences if " is a class of " not in sentence]
    note = f"{count} examples without a label: {count} '-1', which is no class of {source.name}"
    without = target.label_notes.without | {"-1"}
    notes = replace(target.label_notes, sentences=(*others, note), without=without)
    return _relabel(replace(target, label_notes=notes), source.classes)


def _check_signs(source: Domain, other: Domain) -> None:
    """Raise if one side's two classes are −1 and 1, and the other's 0 and 1."""
    written = [{*source.classes}, {*other.classes}]
    if {"-1", "1"} in written and {"0", "1"} in written:
        raise BadInput(
            f"data: the labels of {source.name} are {' and '.join(source.classes)}, those of {other.name} "
            f"{' and '.join(other.classes)}: write both alike"
        )


def are_numbered_apart(classes: Sequence[str], others: Sequence[str]) -> bool:
    """Whether classes are whole numbers on both sides, as many, but counted from 0 on one and from 1 on the other."""
    numbers = [
        sorted(int(name) for name in names if name.isascii() and name.isdecimal()) for names in (classes, others)
    ]
    if [len(classes), len(others)] != [len(each) for each in numbers] or not numbers[0]:
        return False
    first, second = numbers
    shifted = [each + 1 for each in first] == second or [each + 1 for each in second] == first
    return shifted and {first[0], second[0]} == {0, 1}


def _offer_unlabelled(domain: Domain, names: Sequence[str]) -> str:
    """The remedy for names of which some may mean that there is no label."""
    if domain.label_notes is None or not 0 < len(names) <= OFFERED:
        return ""
    option = [*sorted(domain.label_notes.without), *names]  # it replaces the rule, so that it names all
    return f"; or, if that means no label, set unlabelled: {option} for {domain.name}"


def check_classes_present(
    split: Split, classes: tuple[str, ...], what: str, remedy: str, exempt: Sequence[int] = ()
) -> None:
    """Raise if a class that is not exempt has no examples.

    Raises:
        BadInput: names the classes without an example.
    """
    tallied = enumerate(count_classes(split, len(classes)))
    empty = [classes[k] for k, count in tallied if count == 0 and k not in exempt]
    if empty:
        raise BadInput(f"data: {what} has no labelled example of {name_some(empty, NAMED)}: {remedy}")


def _check_known(target_classes: list[str], target: Domain) -> None:
    if not target.classes:
        raise BadInput(f"data.target_classes: {target.name} has no labels to choose its examples by: leave it out")
    unknown = [name for name in target_classes if name not in target.classes]
    if unknown or not target_classes or len(set(target_classes)) < len(target_classes):
        what = (
            f"{target.name} has no class {name_some(unknown, NAMED)}"
            if unknown
            else "name each class once, at least one"
        )
        raise BadInput(f"data.target_classes: {what} (known: {', '.join(target.classes)})")


def _cut_down(domain: Domain, classes: list[str]) -> Domain:
    chosen = torch.tensor([name in classes for name in domain.classes])

    def cut(split: Split | None) -> Split | None:
        return None if split is None else split.take((split.y != UNLABELLED) & chosen[split.y])

    train = cut(domain.train)
    assert train is not None
    kept = tuple(name for name in domain.classes if name in classes)
    return _relabel(replace(domain, train=train, test=cut(domain.test)), kept)


def _relabel(domain: Domain, classes: tuple[str, ...]) -> Domain:
    """Convert the labels of ``domain`` to indices into ``classes``."""
    if domain.classes == classes:
        return domain
    index = [classes.index(name) if name in classes else UNLABELLED for name in domain.classes]
    places = torch.tensor([*index, UNLABELLED])  # −1, no label, reads the last entry

    def convert(y: Tensor) -> Tensor:
        return places[y]

    train = replace(domain.train, y=convert(domain.train.y))
    test = None if domain.test is None else replace(domain.test, y=convert(domain.test.y))
    return replace(domain, train=train, test=test, classes=classes)
