"""Splits of labelled sources and an unlabelled target, as an experiment uses them."""

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from dann.data.absent_source import AbsentSource
from dann.data.domain import Split, Task
from dann.data.labels import check_classes_present, count_classes, imbalance_ratio
from dann.data.number_labels import LabelScale
from dann.data.preprocessing.preprocessor import NO_PREPROCESSING, Preprocessor
from dann.errors import BadInput


@dataclass(frozen=True)
class Pair:
    """A labelled source, of one domain or several, and an unlabelled target, with one input shape.

    Args:
        classes: the K names of the source's classes; none where labels are numbers.
        train: the labelled side of training.
        validation: labelled source examples that are held out.
        unlabelled: the target's training examples; all their labels are −1 or NaN.
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
        BadInput: a split or a class has no examples, or all labels of a split are the same number.
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
        if self.task == "regression":
            self._check_numbers(target)
        if self.classes and not self.partial and self.has_target_labels:
            remedy = "add some to it, or set data.partial: true if the target has fewer classes"
            check_classes_present(self.target_test, self.classes, f"the test split of {target}", remedy)
        if len(self.unlabelled) < 2:
            raise BadInput(
                f"data: {target} has {len(self.unlabelled)} unlabelled example(s), but at least 2 are needed: add some"
            )

    def _check_numbers(self, target: str) -> None:
        """Raise if a split is scored whose labels are all the same, as R² has no meaning there."""
        scored = {"the source's validation split": self.validation, "the source's test split": self.source_test,
                  f"the test split of {target}": self.target_test}  # fmt: skip
        for name, split in scored.items():
            y = torch.empty(0) if split is None else split.labelled.y
            if len(y) and bool((y == y[0]).all()):
                raise BadInput(f"data: all labels of {name} are {float(y[0]):g} ({len(y)} examples): hold out more, or "
                               "add examples")  # fmt: skip

    @property
    def task(self) -> Task:
        """What the labels are: classes, or numbers."""
        return "regression" if self.train.y.is_floating_point() else "classification"

    @property
    def outputs(self) -> int:
        """The number of outputs of a network: one for each class, or one for a number."""
        return len(self.classes) if self.task == "classification" else 1

    @property
    def label_scale(self) -> LabelScale | None:
        """The scale on which networks learn numbers, that of the labelled training examples; None for classes."""
        return LabelScale.of(self.train.y) if self.task == "regression" else None

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
        """The share of each class among the labelled training examples, shape ``(K,)``, known of an absent source.

        Empty for numbers.
        """
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
        """The data as the record has them: ``description``, sizes, class counts, imbalance ratio of training.

        Of numbers it has the least and the largest that are trained on, and their scale, in place of counts.
        """
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
            **({} if (scale := self.label_scale) is None else {"labels": self._describe_numbers(scale)}),
            **({} if self.absent is None else {"prior": [round(share, 6) for share in self.prior]}),
        }

    def _describe_numbers(self, scale: LabelScale) -> dict[str, float]:
        y = self.train.y
        return {"mean": scale.mean, "deviation": scale.deviation, "least": float(y.min()), "largest": float(y.max())}
