"""Splits of labelled sources and an unlabelled target, as an experiment uses them."""

from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from dann.data.absent_source import AbsentSource
from dann.data.domain import Split
from dann.data.labels import check_classes_present, count_classes, imbalance_ratio
from dann.data.preprocessing.preprocessor import NO_PREPROCESSING, Preprocessor
from dann.errors import BadInput


@dataclass(frozen=True)
class Pair:
    """A labelled source, of one domain or several, and an unlabelled target, with one input shape.

    Args:
        classes: the K names of the source's classes.
        train: the labelled side of training.
        validation: labelled source examples that are held out.
        unlabelled: the target's training examples; all their labels are −1.
        source_test: None where neither the source defines a test split nor one is held out.
        target_test: labelled target examples, which training never sees but in the transductive protocol; of a target
            without test labels, the unlabelled ones by which its predictions are watched.
        hidden_labels: those of ``unlabelled``, shape ``(N,)``, for the purity of self-training, an oracle, alone.
        partial: whether the target may lack classes.
        description: for the record: where the examples come from, the protocol, and what was left out.
        preprocessor: fitted preprocessing that the raw examples went through.
        unseen: the indices of the classes without a labelled training example.
        class_vectors: an embedding of each class, shape ``(K, E)``; None if classes have an index alone.
        absent: what is known of the source where its examples are not at hand; then ``train`` and ``validation`` are
            empty, and no split.
        checksums: of the examples of ``source`` and ``target`` without their labels, and of the class vectors; those
            of examples and labels are in ``description``.

    Raises:
        BadInput: a split or a class has no examples.
    """

    classes: tuple[str, ...]
    train: Split
    validation: Split
    unlabelled: Split
    source_test: Split | None
    target_test: Split
    hidden_labels: Tensor
    partial: bool
    description: dict[str, Any]
    preprocessor: Preprocessor = NO_PREPROCESSING
    unseen: tuple[int, ...] = ()
    class_vectors: Tensor | None = None
    checksums: dict[str, str] = field(default_factory=dict)
    absent: AbsentSource | None = None

    def __post_init__(self) -> None:
        if self.absent is None:
            self._check_source()
        target = self.description["target"]["name"]
        if not self.partial and self.has_target_labels:
            remedy = "add some to it, or set data.partial: true if the target has fewer classes"
            check_classes_present(self.target_test, self.classes, f"the test split of {target}", remedy)
        if len(self.unlabelled) < 2:
            raise BadInput(
                f"data: {target} has {len(self.unlabelled)} unlabelled example(s), but at least 2 are needed: add some"
            )

    def _check_source(self) -> None:
        if len(self.train) + len(self.validation) == 0:
            raise BadInput("data.source: no labelled example of it is left: leave fewer out")
        if len(self.validation) == 0:
            raise BadInput(f"data.validation leaves none of {len(self.train)} labelled source examples: raise it")
        remedy = "add some, or leave the class out"
        check_classes_present(self.train, self.classes, "the source's training split", remedy, self.unseen)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.unlabelled.store.shape

    @property
    def prior(self) -> list[float]:
        """The share of each class among the labelled training examples, shape ``(K,)``, known of an absent source."""
        if self.absent is not None:
            return list(self.absent.prior)
        counts = count_classes(self.train, len(self.classes))
        return [count / sum(counts) for count in counts]

    @property
    def has_target_labels(self) -> bool:
        """Whether the target's test examples have labels; else no metric on the target exists."""
        return len(self.target_test.labelled) > 0

    @property
    def splits(self) -> dict[str, Split]:
        """The five splits by name; without a test split of the source four, and without a source two."""
        named = {
            "train": self.train if self.absent is None else None,
            "unlabelled": self.unlabelled,
            "source_validation": self.validation if self.absent is None else None,
            "source_test": self.source_test,
            "target_test": self.target_test,
        }
        return {name: split for name, split in named.items() if split is not None}

    def with_splits(self, splits: dict[str, Split], **more: Any) -> "Pair":
        """The pair with other splits of the same names; ``more`` is added to the description."""
        return replace(
            self,
            train=splits.get("train", self.train),
            validation=splits.get("source_validation", self.validation),
            unlabelled=splits["unlabelled"],
            source_test=splits.get("source_test"),
            target_test=splits["target_test"],
            description={**self.description, **more},
        )

    def describe(self) -> dict[str, Any]:
        """The data as the record has them: ``description``, sizes, class counts, imbalance ratio of training."""
        tallied = count_classes(self.train, len(self.classes))
        tested = {"target_test": count_classes(self.target_test, len(self.classes))} if self.has_target_labels else {}
        target = {"train": len(self.unlabelled), "test": len(self.target_test)}
        return {
            **self.description,
            "target": {**self.description["target"], **target},
            "shape": list(self.input_shape),
            "trained_on": len(self.train),
            "validated_on": len(self.validation),
            "class_counts": {"train": tallied, **tested},
            "imbalance": imbalance_ratio(tallied),
            **({} if self.absent is None else {"prior": [round(share, 6) for share in self.prior]}),
        }
