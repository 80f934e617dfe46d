"""Construction of a pair: test and validation splits are cut, classes aligned, images brought to one shape."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from dann.data.domain import UNLABELLED, Domain, Split
from dann.data.labels import align_labels
from dann.data.pair import Pair
from dann.data.preprocessing.degradation import Degradation, degrade
from dann.data.splits import concatenate_splits, hold_out, take_few_shot
from dann.data.store import RgbStore
from dann.errors import BadInput

TEST_SEED = 1  # of the test splits held out of domains that define none; validation splits use 0


@dataclass(frozen=True)
class PairOptions:
    """The protocol by which domains become a pair.

    Args:
        validation: share of the source's training examples that is held out, of each class.
        test: the same for a test split, where a data set defines none.
        transductive: the target's training and test examples are trained on without their labels and are the test
            examples too, as papers do on Office and PACS; a source without a test split trains on all.
        partial: the target may have a part of the source's classes.
        target_classes: the classes to which the target is cut down.
        target_labelled: number of labelled training examples of the target, of each class, that join the labelled side.
        source_degradation: defects made in each source, once its test split is cut.
        target_degradation: the same of the target.
    """

    validation: float = 0.1
    test: float = 0.2
    transductive: bool = False
    partial: bool = False
    target_classes: list[str] | None = None
    target_labelled: int = 0
    source_degradation: Degradation | None = None
    target_degradation: Degradation | None = None


def build_pair(sources: Sequence[Domain], target: Domain, options: PairOptions) -> Pair:
    """Build the pair of some sources and a target.

    Raises:
        BadInput: the domains do not fit together, or one is empty.
    """
    protocol = _name_protocol(target, options)
    # Test splits come first: cutting classes down afterwards leaves each example on its side of the split.
    test = 0.0 if options.transductive else options.test
    *sources, target = (_with_test_split(domain, test) for domain in (*sources, target))
    sources = [degrade(source, options.source_degradation) for source in sources]
    target = degrade(target, options.target_degradation)
    partial = options.partial or options.target_classes is not None
    sources, target = align_labels(sources, target, partial=partial, target_classes=options.target_classes)
    *sources, target = _share_shape([*sources, target])
    return _divide(sources, target, replace(options, partial=partial), protocol)


def _divide(sources: list[Domain], target: Domain, options: PairOptions, protocol: str) -> Pair:
    """Divide domains that fit together and have test splits into the splits of a pair."""
    on_target = any(_is_same(domain, target) for domain in sources)
    _check(sources, target, options.transductive and on_target)
    source = concatenate_splits([_set_domain(domain.train, i) for i, domain in enumerate(sources)])
    source_test = concatenate_splits([_set_domain(_test_split(domain), i) for i, domain in enumerate(sources)]).labelled
    train, validation = hold_out(source.labelled, options.validation)
    whole = concatenate_splits([target.train, _test_split(target)]) if options.transductive else target.train
    # Where the target is a source too, its labelled examples are on the labelled side already.
    shots, rest = take_few_shot(whole, 0 if on_target else options.target_labelled, target.classes, options.partial)
    target_test = (rest if options.transductive else _test_split(target)).labelled
    return Pair(
        classes=target.classes,
        train=concatenate_splits([train, _set_domain(shots, len(sources))]) if len(shots) else train,
        validation=validation,
        unlabelled=replace(rest, y=torch.full_like(rest.y, UNLABELLED)),
        source_test=source_test if len(source_test) else None,
        target_test=target_test,
        partial=options.partial,
        description={
            "source": _describe_side(sources, len(source.labelled), len(source_test)),
            "target": _describe_side([target], len(rest), len(target_test)),
            "protocol": protocol,
            "source_examples_without_label": len(source) - len(source.labelled),
            "target_labelled_examples": len(shots),
        },
        checksums={
            "source_examples": "+".join(domain.checksum_examples() for domain in sources),
            "target_examples": target.checksum_examples(),
        },
    )


def _check(sources: list[Domain], target: Domain, labels_seen: bool) -> None:
    """Raise for domains that cannot be trained on; ``labels_seen``: training would see the target's test labels."""
    if any(_is_same(one, other) for i, one in enumerate(sources) for other in sources[:i]):
        raise BadInput("data.source: a domain is named twice: leave one out")
    if labels_seen:
        raise BadInput(
            f"data.transductive: {target.name} is source and target, so that training would see the labels of the "
            "test examples: leave transductive out, or that row"
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


def _share_shape(domains: list[Domain]) -> list[Domain]:
    """Bring domains to one input shape: grey images are shown as RGB beside colour images."""
    colour = any(len(domain.input_shape) == 3 and domain.input_shape[0] == 3 for domain in domains)
    domains = [_show_as_rgb(domain) if colour else domain for domain in domains]
    first = domains[0]
    for other in domains[1:]:
        if other.input_shape != first.input_shape:
            raise BadInput(
                f"data: an example of {first.name} has shape {first.input_shape} and of {other.name} "
                f"{other.input_shape}: choose domains of one shape, or one `size` for all where they have that option"
            )
    return domains


def _show_as_rgb(domain: Domain) -> Domain:
    if len(domain.input_shape) != 3 or domain.input_shape[0] != 1:
        return domain
    train = replace(domain.train, store=RgbStore(domain.train.store))
    test = None if domain.test is None else replace(domain.test, store=RgbStore(domain.test.store))
    return replace(domain, train=train, test=test)


def _with_test_split(domain: Domain, share: float) -> Domain:
    """``domain`` with a test split, held out where the data set defines none; of share 0 it is empty."""
    if domain.test is not None:
        return domain
    train, test = hold_out(domain.train, share, TEST_SEED)
    return replace(domain, train=train, test=test)


def _test_split(domain: Domain) -> Split:
    return domain.train.take(torch.arange(0)) if domain.test is None else domain.test


def _set_domain(split: Split, domain: int) -> Split:
    return replace(split, domain=torch.full_like(split.y, domain))


def _name_protocol(target: Domain, options: PairOptions) -> str:
    if options.transductive:
        return "transductive: trained without labels on the target's test examples"
    own = "the data set's own test split of the target"
    return own if target.test is not None else f"{options.test:g} of the target held out for testing"


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
