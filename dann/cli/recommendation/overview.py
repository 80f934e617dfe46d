"""What two domains hold: sizes, class balance, missing values, duplicates across them, and their label sets."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from dann.cli.recommendation.subject import Subject
from dann.cli.shape_text import describe_shape
from dann.data.domain import Domain, Split
from dann.data.duplicates import LARGEST, count_identical, digest_examples
from dann.data.labels import count_classes, imbalance_ratio
from dann.data.loading.read_ahead import read_chunks
from dann.data.text_store import holds_texts
from dann.options import name_some
from dann.reporting.advice import Listing, Part, Statement

RARE_RATIO = 10.0  # of the largest to the smallest class of the source, from which a class counts as rare
NAMED = 5  # classes or features that a sentence names
SHOWN = 15  # classes of a table


@dataclass(frozen=True)
class Overview:
    """What later decisions read, and the part of the report.

    Args:
        is_partial: the target's labels name fewer classes than the source has; None where it has no labels.
        has_rare_class: the source's imbalance ratio is at least ``RARE_RATIO``.
        has_missing: values are missing on either side.
        shared: examples of the target that are equal to one of the source; None if they were not compared.
    """

    is_partial: bool | None
    has_rare_class: bool
    has_missing: bool
    shared: int | None
    part: Part


def look_over(subject: Subject) -> Overview:
    """Count what both domains hold. Of the target's labels, only the names of classes are read."""
    sides = [*subject.sources, subject.target]
    missing = [_count_missing(domain) for domain in sides]
    shared = _count_shared(subject)
    ratio = _find_ratio(subject.sources)
    classes, named = subject.sources[0].classes, subject.labelled_target.classes
    statements = [_describe_size(domain, domain is subject.target) for domain in sides]
    statements += [_describe_balance(subject.sources, ratio), *_compare_labels(classes, named)]
    statements += [_describe_missing(sides, missing, subject.config.data.missing), *_describe_shared(shared, subject)]
    return Overview(
        is_partial=bool(set(classes) - set(named)) if named else None,
        has_rare_class=ratio is None or ratio >= RARE_RATIO,
        has_missing=any(count for count, _ in missing),
        shared=shared,
        part=Part("What there is", [Statement(text) for text in statements], _list_classes(subject)),
    )


def _splits(domain: Domain) -> list[Split]:
    return [split for split in (domain.train, domain.test) if split is not None]


def _describe_size(domain: Domain, is_target: bool) -> str:
    parts = [len(split) for split in _splits(domain)]
    own = f", of which {parts[1]} are its own test split" if len(parts) > 1 else ""
    kind = "raw texts" if holds_texts(domain.train.store) else describe_shape(domain.input_shape)
    labelled = sum(len(split.labelled) for split in _splits(domain))
    use = "trained on without labels" if is_target else f"{labelled} labelled"
    return f"{'Target' if is_target else 'Source'} {domain.name}: {sum(parts)} examples{own}, {use}; {kind}."


def _counts(sources: Sequence[Domain]) -> list[int]:
    """The labelled examples of each class of the first source in all sources, test splits included."""
    counts: Counter[str] = Counter()
    for domain in sources:
        for split in _splits(domain):
            counts.update(dict(zip(domain.classes, count_classes(split, len(domain.classes)), strict=True)))
    return [counts[name] for name in sources[0].classes]


def _find_ratio(sources: Sequence[Domain]) -> float | None:
    return imbalance_ratio(_counts(sources))


def _describe_balance(sources: Sequence[Domain], ratio: float | None) -> str:
    counts, classes = _counts(sources), sources[0].classes
    places = sorted(range(len(counts)), key=counts.__getitem__)
    least, most = places[0], places[-1]
    text = (
        f"Class balance of the source: from {counts[least]} examples ({classes[least]}) to {counts[most]} "
        f"({classes[most]}) in {len(classes)} classes"
    )
    return f"{text}, a ratio of {ratio:.1f}." if ratio else f"{text}: a class is empty."


def _compare_labels(classes: Sequence[str], named: Sequence[str]) -> list[str]:
    """Sentences on the label sets; the label of no single example is used."""
    if not named:
        return [
            "Label sets: the target has no labels, so nothing shows whether it lacks classes of the source or "
            "has others. Every method here predicts classes of the source alone."
        ]
    lacking = [name for name in classes if name not in set(named)]
    other = [name for name in named if name not in set(classes)]
    sentences = []
    if other:
        sentences.append(
            f"Label sets: the target's labels name {name_some(other, NAMED)}, which the source has not: no method here "
            "can predict them. The file leaves these examples out (target_classes), the pilot cannot know them."
        )
    if lacking:
        sentences.append(f"Label sets: the target's labels do not name {name_some(lacking, NAMED)} of the source.")
    return sentences or [
        f"Label sets: the target's labels name the same {len(classes)} classes. Which example has which is not read."
    ]


def _count_missing(domain: Domain) -> tuple[int, int]:
    """The values that are missing in a domain, and all values."""
    if holds_texts(domain.train.store) or len(domain.input_shape) == 3:
        return 0, 0
    missing = whole = 0
    for split in _splits(domain):
        for x in read_chunks(split):
            missing, whole = missing + int(x.isnan().sum()) if x.is_floating_point() else missing, whole + x.numel()
    return missing, whole


def _describe_missing(domains: Sequence[Domain], missing: Sequence[tuple[int, int]], remedy: str) -> str:
    if not any(count for count, _ in missing):
        return "Missing values: none."
    shares = [f"{domain.name} {100 * count / max(whole, 1):.1f} %" for domain, (count, whole)
              in zip(domains, missing, strict=True)]  # fmt: skip
    return f"Missing values: {', '.join(shares)}. The configuration has data.missing: {remedy}."


def _count_shared(subject: Subject) -> int | None:
    """The target examples that equal a source example in all values; None where comparing would take long."""
    splits = [split for domain in (*subject.sources, subject.target) for split in _splits(domain)]
    size = sum(len(split) * math.prod(split.store.shape) for split in splits)
    if size > LARGEST:
        return None
    known = [digest for domain in subject.sources for split in _splits(domain) for digest in digest_examples(split)]
    return count_identical(known, [digest for split in _splits(subject.target) for digest in digest_examples(split)])


def _describe_shared(shared: int | None, subject: Subject) -> list[str]:
    if shared is None:
        return ["Duplicates across the domains: not counted, as the data are large."]
    if not shared:
        return ["Duplicates across the domains: no target example equals a source example in all values."]
    count = sum(len(split) for split in _splits(subject.target))
    return [
        f"Duplicates across the domains: {shared} of {count} target examples equal a source example in all values. "
        "Accuracy on them says nothing about new examples: remove them, unless examples repeat by nature."
    ]


def _list_classes(subject: Subject) -> Listing:
    """The labelled source examples of each class, and whether the target's labels name it."""
    classes, named = subject.sources[0].classes, set(subject.labelled_target.classes)
    lines = [
        [name, str(count), ("yes" if name in named else "no") if named else "unknown"]
        for name, count in zip(classes, _counts(subject.sources), strict=True)
    ]
    return Listing(["class", "source examples", "named by the target's labels"], lines).cut(SHOWN)
