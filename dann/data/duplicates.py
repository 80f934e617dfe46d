"""Examples that training and test splits share, compared by content."""

import hashlib
import math
from collections.abc import Sequence

import numpy as np

from dann.data.domain import Split
from dann.data.loading.read_ahead import read_chunks
from dann.data.pair import Pair

LARGEST = 2**29  # values of all splits that are compared; more would delay each start by seconds


def count_identical(trained: Sequence[Split], tested: Split) -> int:
    """The number of examples of ``tested`` that equal an example of ``trained`` in all values."""
    known = {digest for split in trained for digest in _digests(split)}
    return sum(digest in known for digest in _digests(tested))


def _digests(split: Split) -> list[bytes]:
    return [
        hashlib.blake2b(example.data, digest_size=16).digest()
        for x in read_chunks(split)
        for example in np.ascontiguousarray(x.cpu().numpy())
    ]


def describe_duplicates(pair: Pair, transductive: bool) -> list[str]:
    """A sentence on each test split that shares examples with a training split.

    Splits that are read from files, or that are too large, are not compared.

    Args:
        transductive: whether the target's test examples are trained on by intent.
    """
    splits = list(pair.splits.values())
    size = sum(len(split) * math.prod(split.store.shape) for split in splits)
    if size > LARGEST or any(split.store.streamed for split in splits):
        return []
    labelled, sentences = [pair.train, pair.validation], []
    compared = [("source test", pair.source_test, "labelled training", labelled)]
    compared += [("target test", pair.target_test, "labelled training", labelled)]
    if not transductive:
        compared += [("target test", pair.target_test, "the target's training", [pair.unlabelled])]
    for name, tested, where, trained in compared:
        if tested is not None and (count := count_identical(trained, tested)):
            sentences.append(
                f"{count} of {len(tested)} {name} examples are identical to {where} examples: leave them out of one of "
                "the two, unless examples repeat by nature; data sets csv and texts do so by duplicates: drop"
            )
    return sentences
