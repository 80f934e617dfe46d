"""Construction of a pair: test and validation splits are cut, classes aligned, images brought to one shape."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from dann.data.absent_source import AbsentSource
from dann.data.domain import Domain, Split, Task, remove_labels
from dann.data.duplicates import treat_duplicates
from dann.data.evaluation_splits import (
    TEST_SEED,
    has_few_labels,
    hold_out_test_split,
    join_test_split,
    use_labels_to_test,
)
from dann.data.hold_out_remedies import suggest_share
from dann.data.labels import align_labels, check_classes_present, count_classes, read_minus_one_as_source_does
from dann.data.number_labels import check_numbers, check_task
from dann.data.pair import Pair
from dann.data.preprocessing.degradation import Degradation, degrade
from dann.data.shared_contents import keep_apart
from dann.data.shared_shape import share_shape
from dann.data.split_counts import Counts, count_split, list_label_notes
from dann.data.splits import concatenate_splits, hold_out, take_few_shot
from dann.errors import BadInput

FEW_LABELS = "the target's labelled examples, which are the fewer, test and never train"
NO_TEST_LABELS = "the target has no test labels"


@dataclass(frozen=True)
class PairOptions:
    """The protocol by which domains become a pair.

    Args:
        task: what the labels are: classes, or numbers, which have no classes to align or to divide by.
        validation: share of the source's training examples that is held out, of each class.
        test: the same for a test split, where a data set defines none.
        transductive: the target's training and test examples are trained on without their labels and are the test
            examples too, as papers do on Office and PACS; a source without a test split trains on all.
        partial: the target may have a part of the source's classes.
        target_classes: the classes to which the target is cut down.
        target_labelled: number of labelled training examples of the target, of each class, that join the labelled side.
        disjoint: source and target are trained on different things where the target is made of the source's examples.
        drop_duplicates: the test splits lose the examples that training or validation holds too.
        source_degradation: defects made in each source, once its test split is cut.
        target_degradation: the same of the target.
    """

    task: Task = "classification"
    validation: float = 0.1
    test: float = 0.2
    transductive: bool = False
    partial: bool = False
    target_classes: list[str] | None = None
    target_labelled: int = 0
    disjoint: bool = False
    drop_duplicates: bool = False
    source_degradation: Degradation | None = None
    target_degradation: Degradation | None = None


def build_target(absent: AbsentSource, target: Domain, options: PairOptions) -> Pair:
    """Build the pair of a source that is not at hand and a target; the errors are those of ``build_pair``."""
    return build_pair([absent.domain], target, options, absent)


def build_pair(
    sources: Sequence[Domain], target: Domain, options: PairOptions, absent: AbsentSource | None = None
) -> Pair:
    """Build the pair of some sources and a target.

    Args:
        absent: what is known of the only source, where it has no examples.

    Raises:
        BadInput: the domains do not fit together, or one is empty.
    """
    *sources, target = check_task([*sources, target], options.task)
    target = read_minus_one_as_source_does(target, sources[0])
    few = not options.transductive and has_few_labels(target)
    protocol = _name_protocol(target, options, few)
    # Test splits come first: cutting classes down afterwards leaves each example on its side of the split.
    test = 0.0 if options.transductive else options.test
    read = [hold_out_test_split(domain, test) for domain in sources]
    read.append(use_labels_to_test(target) if few else hold_out_test_split(target, test))
    *sources, target = read
    if options.disjoint:
        sources, target = keep_apart(sources, target)
    sources = [degrade(source, options.source_degradation) for source in sources]
    target = degrade(target, options.target_degradation)
    partial = options.partial or options.target_classes is not None
    if options.task == "regression":
        for source in sources:
            check_numbers(source)
    else:
        sources, target = align_labels(sources, target, partial=partial, target_classes=options.target_classes)
    *sources, target = share_shape([*sources, target])
    pair = _divide(sources, target, replace(options, partial=partial), protocol, read, absent)
    notes = [f"{domain.name}: {note}" for domain in read for note in domain.notes]
    if notes:
        pair = replace(pair, description={**pair.description, "notes": list(dict.fromkeys(notes))})
    return treat_duplicates(pair, transductive=options.transductive, drop=options.drop_duplicates)


def _divide(
    sources: list[Domain],
    target: Domain,
    options: PairOptions,
    protocol: str,
    read: list[Domain],
    absent: AbsentSource | None,
) -> Pair:
    """Divide domains that fit together and have test splits into the splits of a pair.

    Args:
        read: the same domains before examples were dropped.
    """
    on_target = any(_is_same(domain, target) for domain in sources)
    tests_on_training = options.transductive or protocol == FEW_LABELS
    _check([] if absent else sources, target, tests_on_training and on_target and read[-1].has_labels)
    source = concatenate_splits([_set_domain(domain.train, i) for i, domain in enumerate(sources)])
    source_test = concatenate_splits([_set_domain(_test_split(domain), i) for i, domain in enumerate(sources)]).labelled
    train, validation = _hold_out_validation(source.labelled, options.validation, target.classes)
    # Where the target is a source too, its labelled examples are on the labelled side already.
    shots, rest, test = _divide_target(target, replace(options, target_labelled=0) if on_target else options, protocol)
    labelled = test.labelled
    if protocol == _describe_held_out(options.test) and len(labelled) and target.classes and not options.partial:
        _check_test_classes(target, rest, labelled, read[-1])
    target_test = labelled if len(labelled) else test if len(test) else rest
    return Pair(
        classes=target.classes,
        train=concatenate_splits([train, _set_domain(shots, len(sources))]) if len(shots) else train,
        validation=validation,
        unlabelled=replace(rest, y=remove_labels(rest.y)),
        source_test=source_test if len(source_test) else None,
        target_test=target_test,
        hidden_labels=rest.y,
        partial=options.partial,
        description={
            "source": _describe_side(sources, len(source.labelled), len(source_test))
            | ({} if absent is None else absent.description),
            "target": _describe_side([target], len(rest), len(target_test)),
            "protocol": protocol if len(target_test.labelled) else f"{protocol}; {NO_TEST_LABELS}",
            "source_examples_without_label": len(source) - len(source.labelled),
            "target_labelled_examples": len(shots),
            "splits": {
                "source_train": count_split([domain.train for domain in read[:-1]], len(source.labelled)),
                "source_test": count_split([domain.test for domain in read[:-1]], len(source_test)),
                **_count_target(read[-1], len(rest), len(target_test), len(shots), protocol),
            },
            **list_label_notes([*sources, target]),
        },
        checksums={
            "source_examples": "+".join(domain.checksum_examples() for domain in sources),
            "target_examples": target.checksum_examples(),
        }
        | ({} if absent is None or absent.checksum is None else {"source_examples": absent.checksum}),
        absent=absent,
    )


def _hold_out_validation(labelled: Split, share: float, classes: tuple[str, ...]) -> tuple[Split, Split]:
    """The source's training and validation examples.

    Raises:
        BadInput: none would be held out.
    """
    train, validation = hold_out(labelled, share)
    if len(train) and not len(validation):
        remedy = suggest_share("data.validation", labelled, classes, 0, every_class=False)
        raise BadInput(f"data.validation leaves none of {len(train)} labelled source examples: {remedy}")
    return train, validation


def _check_test_classes(target: Domain, rest: Split, labelled: Split, read: Domain) -> None:
    """Raise if a class of the target has examples, but none among those held out for testing.

    Args:
        rest: the target's training examples.
        labelled: its labelled test examples.
        read: the target before examples were dropped.
    """
    remedy = suggest_share("data.test", join_test_split(read), read.classes, TEST_SEED, every_class=True)
    trained = count_classes(rest, len(target.classes))
    absent = [k for k, tested in enumerate(count_classes(labelled, len(target.classes))) if not tested + trained[k]]
    check_classes_present(labelled, target.classes, f"the test split of {target.name}", remedy, absent)


def _divide_target(target: Domain, options: PairOptions, protocol: str) -> tuple[Split, Split, Split]:
    """The labelled examples of the target that are trained on, the others of its training, and its test examples.

    Raises:
        BadInput: there are not as many labelled examples, or labels are there but none to test with.
    """
    own, share = _test_split(target), (options.target_labelled, target.classes, options.partial)
    if protocol == FEW_LABELS:
        shots, test = take_few_shot(own, *share)
        return shots, target.train, test
    whole = concatenate_splits([target.train, own]) if options.transductive else target.train
    shots, rest = take_few_shot(whole, *share)
    if len(rest.labelled) and not len(own) and not options.transductive:
        remedy = suggest_share("data.test", target.train.labelled, target.classes, TEST_SEED, every_class=True)
        raise BadInput(f"data.test leaves none of {len(rest.labelled)} labelled examples of {target.name}: {remedy}")
    return shots, rest, rest if options.transductive else own


def _count_target(read: Domain, trained: int, tested: int, shots: int, protocol: str) -> dict[str, Counts]:
    """Counts of the target's training and test examples; those of few-shot training are dropped from neither."""
    if protocol == FEW_LABELS:
        counts = count_split([read.train], trained), count_split([read.test], tested + shots)
    elif protocol.startswith("transductive"):
        whole = [read.train, read.test]
        counts = count_split(whole, trained + shots), count_split(whole, tested + shots)
    else:
        counts = count_split([read.train], trained + shots), count_split([read.test], tested)
    return dict(zip(("target_train", "target_test"), counts, strict=True))


def _check(sources: list[Domain], target: Domain, labels_seen: bool) -> None:
    """Raise for domains that cannot be trained on; ``labels_seen``: training would see the target's test labels."""
    if any(_is_same(one, other) for i, one in enumerate(sources) for other in sources[:i]):
        raise BadInput("data.source: a domain is named twice: leave one out")
    if labels_seen:
        raise BadInput(
            f"data: {target.name} is source and target, so that training would see the labels of the test examples: "
            "leave transductive out, name a file of test examples, or leave that row out"
        )
    for domain in (*sources, target):
        if len(domain.train) < 2:
            raise BadInput(
                f"data: {domain.name} has {len(domain.train)} training example(s), but at least 2 are needed: add some"
            )


def _is_same(one: Domain, other: Domain) -> bool:
    """Whether two domains hold the same examples, as far as names, origins and contents show."""
    stores = one.train.store, other.train.store
    named = (one.name, one.origin) == (other.name, other.origin)
    return named or (len(stores[0]) == len(stores[1]) and stores[0].checksum() == stores[1].checksum())


def _test_split(domain: Domain) -> Split:
    return domain.train.take(torch.arange(0)) if domain.test is None else domain.test


def _set_domain(split: Split, domain: int) -> Split:
    return replace(split, domain=torch.full_like(split.domain, domain))


def _name_protocol(target: Domain, options: PairOptions, few_labels: bool) -> str:
    if options.transductive:
        return "transductive: trained without labels on the target's test examples"
    if few_labels:
        return FEW_LABELS
    own = "the data set's own test split of the target"
    return own if target.test is not None else _describe_held_out(options.test)


def _describe_held_out(share: float) -> str:
    return f"{share:g} of the target held out for testing"


def _describe_side(domains: list[Domain], train: int, test: int) -> dict[str, Any]:
    """One side for the record; several domains are named together."""
    described: dict[str, Any] = {
        key: joint.join([getattr(domain, key) for domain in domains])
        for key, joint in (("name", " + "), ("origin", "; "))
    }
    checksums = [domain.checksum() for domain in domains]
    described["checksum"] = checksums[0] if len(domains) == 1 else "+".join(checksums)
    described |= {"train": train, "test": test}
    skipped = [name for domain in domains for name in domain.skipped]
    return {**described, "skipped": skipped} if skipped else described
