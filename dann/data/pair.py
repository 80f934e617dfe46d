"""Sources and a target as an experiment uses them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from dann.data.domain import UNLABELLED, Domain, Split
from dann.data.labels import aligned, check_counts, counts, imbalance
from dann.data.preprocessing.degradation import Degradation, lacking
from dann.data.preprocessing.preparation import UNPREPARED, Preparation
from dann.data.splits import few_shot, hold_out
from dann.data.store import Coloured, joined
from dann.errors import BadInput

TEST_SEED = 1  # of the test splits held out of domains that define none; validation splits use 0


@dataclass(frozen=True)
class Pair:
    """A labelled source, of one domain or several, and an unlabelled target, with one input shape.

    Args:
        classes: the K names of the source's classes.
        train: the labelled side of training.
        validation: labelled source examples that are held out.
        unlabelled: the target's training examples; all their labels are −1.
        source_test: None where neither the source defines a test split nor one is held out.
        target_test: labelled target examples, which training never sees but in the transductive protocol.
        partial: whether the target may lack classes.
        described: for the record: where the examples come from, the protocol, and what was left out.
        preparation: what was done to the raw examples.
        unseen: the indices of the classes of which no labelled example is trained on.
        class_vectors: by which classes are told, shape ``(K, E)``; None if they are told by their index alone.

    Raises:
        BadInput: a split or a class has no examples.
    """

    classes: tuple[str, ...]
    train: Split
    validation: Split
    unlabelled: Split
    source_test: Split | None
    target_test: Split
    partial: bool
    described: dict[str, Any]
    preparation: Preparation = UNPREPARED
    unseen: tuple[int, ...] = ()
    class_vectors: Tensor | None = None

    @staticmethod
    def of(
        sources: Sequence[Domain],
        target: Domain,
        *,
        validation: float = 0.1,
        test: float = 0.2,
        transductive: bool = False,
        partial: bool = False,
        target_classes: list[str] | None = None,
        target_labelled: int = 0,
        lacks: tuple[Degradation | None, Degradation | None] = (None, None),
    ) -> "Pair":
        """The pair of some domains.

        Args:
            validation: share of the source's training examples that is held out, of each class.
            test: the same for a test split, where a data set defines none.
            transductive: the target's examples, training and test ones, are trained on without their labels and are
                the test examples too, as papers do on Office and PACS; a source without a test split trains on all.
            partial: the target may have a part of the source's classes.
            target_classes: cuts the target down to these.
            target_labelled: that many labelled training examples of the target a class join the labelled side.
            lacks: what each source and the target are made to lack, once their test splits are cut.

        Raises:
            BadInput: the domains do not fit together, or one is empty.
        """
        protocol = _protocol(target, transductive, test)
        # Test splits come first: cutting classes down afterwards leaves each example on its side of the split.
        *sources, target = (_tested(domain, 0.0 if transductive else test) for domain in (*sources, target))
        sources, target = [lacking(source, lacks[0]) for source in sources], lacking(target, lacks[1])
        partial = partial or target_classes is not None
        sources, target = aligned(sources, target, partial=partial, target_classes=target_classes)
        *sources, target = _one_shape([*sources, target])
        return _divided(sources, target, validation, transductive, partial, target_labelled, protocol)

    def __post_init__(self) -> None:
        target = self.described["target"]["name"]
        if len(self.train) + len(self.validation) == 0:
            raise BadInput("data.source: no labelled example is left of it: leave fewer out")
        if len(self.validation) == 0:
            raise BadInput(f"data.validation leaves none of {len(self.train)} labelled source examples: raise it")
        remedy = "add some, or leave the class out"
        check_counts(self.train, self.classes, "the source's training split", remedy, self.unseen)
        if len(self.target_test) == 0:
            raise BadInput(f"data.target: {target} has no labelled test example: there is nothing to report")
        if not self.partial:
            remedy = "set data.partial: true if the target has fewer classes"
            check_counts(self.target_test, self.classes, f"the test split of {target}", remedy)
        if len(self.unlabelled) < 2:
            raise BadInput(f"data: {target} has {len(self.unlabelled)} unlabelled example(s): at least 2 are needed")

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.train.store.shape

    @property
    def splits(self) -> dict[str, Split]:
        """The five splits, or four, by name."""
        named = {
            "train": self.train,
            "unlabelled": self.unlabelled,
            "source_validation": self.validation,
            "source_test": self.source_test,
            "target_test": self.target_test,
        }
        return {name: split for name, split in named.items() if split is not None}

    def with_splits(self, splits: dict[str, Split], **described: Any) -> "Pair":
        """The pair with other splits of the same names, and more for the record."""
        return replace(
            self,
            train=splits["train"],
            validation=splits["source_validation"],
            unlabelled=splits["unlabelled"],
            source_test=splits.get("source_test"),
            target_test=splits["target_test"],
            described={**self.described, **described},
        )

    def reported(self) -> dict[str, Any]:
        """What the record says of the data: ``described``, sizes, class counts and the imbalance ratio of training."""
        tallied = counts(self.train, len(self.classes))
        target = {"train": len(self.unlabelled), "test": len(self.target_test)}
        return {
            **self.described,
            "target": {**self.described["target"], **target},
            "trained_on": len(self.train),
            "validated_on": len(self.validation),
            "class_counts": {
                "train": tallied,
                "target_test": counts(self.target_test, len(self.classes)),
            },
            "imbalance": imbalance(tallied),
        }


def _divided(
    sources: list[Domain],
    target: Domain,
    validation: float,
    transductive: bool,
    partial: bool,
    target_labelled: int,
    protocol: str,
) -> Pair:
    """Domains that fit together, with test splits, as the splits of a pair; arguments as of ``Pair.of``."""
    on_target = any(_same(domain, target) for domain in sources)
    _check(sources, target, transductive and on_target)
    source = concatenated([_of(domain.train, i) for i, domain in enumerate(sources)])
    source_test = concatenated([_of(_test(domain), i) for i, domain in enumerate(sources)])
    train, held = hold_out(source.labelled, validation)
    whole = concatenated([target.train, _test(target)]) if transductive else target.train
    # Where the target is a source too, its labelled examples are on the labelled side already.
    shots, rest = few_shot(whole, 0 if on_target else target_labelled, target.classes, partial)
    target_test = rest if transductive else _test(target)
    described = {
        "source": _described(sources, len(source.labelled), len(source_test.labelled)),
        "target": _described([target], len(rest), len(target_test.labelled)),
        "protocol": protocol,
        "source_examples_without_label": len(source) - len(source.labelled),
        "target_labelled_examples": len(shots),
    }
    return Pair(
        classes=target.classes,
        train=concatenated([train, _of(shots, len(sources))]) if len(shots) else train,
        validation=held,
        unlabelled=replace(rest, y=torch.full_like(rest.y, UNLABELLED)),
        source_test=source_test.labelled if len(source_test.labelled) else None,
        target_test=target_test.labelled,
        partial=partial,
        described=described,
    )


def _check(sources: list[Domain], target: Domain, labels_seen: bool) -> None:
    """Refuse domains that cannot be trained on; ``labels_seen`` says that the target's test labels would be."""
    if any(_same(one, other) for i, one in enumerate(sources) for other in sources[:i]):
        raise BadInput("data.source: a domain is named twice: leave one out")
    if labels_seen:
        raise BadInput(
            f"data.transductive: {target.name} is source and target, so that training would see the labels of the "
            "test examples: leave transductive out, or that row"
        )
    for domain in (*sources, target):
        if len(domain.train) < 2:
            raise BadInput(f"data: {domain.name} has {len(domain.train)} training example(s): at least 2 are needed")


def _same(one: Domain, other: Domain) -> bool:
    """Whether two domains hold the same examples, as far as their names, origins and contents tell."""
    stores = one.train.store, other.train.store
    named = (one.name, one.origin) == (other.name, other.origin)
    return named or (len(stores[0]) == len(stores[1]) and stores[0].checksum() == stores[1].checksum())


def _one_shape(domains: list[Domain]) -> list[Domain]:
    """The domains with one input shape; grey images are shown as RGB beside colour images."""
    colour = any(len(domain.input_shape) == 3 and domain.input_shape[0] == 3 for domain in domains)
    domains = [_coloured(domain) if colour else domain for domain in domains]
    first = domains[0]
    for other in domains[1:]:
        if other.input_shape != first.input_shape:
            raise BadInput(
                f"data: an example of {first.name} has shape {first.input_shape} and of {other.name} "
                f"{other.input_shape}: choose domains of one shape, or one `size` for all where they have that option"
            )
    return domains


def _coloured(domain: Domain) -> Domain:
    if len(domain.input_shape) != 3 or domain.input_shape[0] != 1:
        return domain
    train = replace(domain.train, store=Coloured(domain.train.store))
    test = None if domain.test is None else replace(domain.test, store=Coloured(domain.test.store))
    return replace(domain, train=train, test=test)


def _tested(domain: Domain, share: float) -> Domain:
    """``domain`` with a test split, held out where the data set defines none; of share 0 it is empty."""
    if domain.test is not None:
        return domain
    train, test = hold_out(domain.train, share, TEST_SEED)
    return replace(domain, train=train, test=test)


def _test(domain: Domain) -> Split:
    return domain.train.take(torch.arange(0)) if domain.test is None else domain.test


def _of(split: Split, domain: int) -> Split:
    """``split`` with all its examples of one domain index."""
    return replace(split, domain=torch.full_like(split.y, domain))


def concatenated(splits: list[Split]) -> Split:
    """The splits as one."""
    if len(splits) == 1:
        return splits[0]
    rows, first = [], 0
    for split in splits:
        rows.append(split.rows + first)
        first += len(split.store)
    y, domain = (torch.cat([getattr(split, name) for split in splits]) for name in ("y", "domain"))
    return Split(joined([split.store for split in splits]), torch.cat(rows), y, domain)


def _protocol(target: Domain, transductive: bool, test: float) -> str:
    if transductive:
        return "transductive: trained without labels on the target's test examples"
    own = "the data set's own test split of the target"
    return own if target.test is not None else f"{test:g} of the target held out for testing"


def _described(domains: list[Domain], train: int, test: int) -> dict[str, Any]:
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
