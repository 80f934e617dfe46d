"""Examples that training and test splits share, by content: counted, and left out of the test splits by option."""

import hashlib
import math
from collections.abc import Collection
from dataclasses import replace

import numpy as np
import torch

from dann.data.domain import Split
from dann.data.labels import count_classes
from dann.data.loading.read_ahead import read_chunks
from dann.data.pair import Pair
from dann.errors import BadInput

LARGEST = 2**29  # values of all splits that are compared; more would delay each start by seconds
TRAINED = {"labelled": ("train", "source_validation"), "unlabelled": ("unlabelled",)}
NAMES = {"labelled": "labelled training", "unlabelled": "the target's training"}
Counts = dict[str, dict[str, int]]  # of test examples that training holds too, by test split and group of ``TRAINED``
Digests = dict[str, list[bytes]]  # of the examples of each split, in order


def treat_duplicates(pair: Pair, *, transductive: bool, drop: bool) -> Pair:
    """The pair with the counts of test examples that training holds too in its description, and notes on them.

    Splits that are read from files, or that are too large, are compared only where ``drop`` asks for it.

    Args:
        transductive: whether the target's test examples are trained on by intent.
        drop: whether the test splits lose what training and validation hold; these stay as they are.

    Raises:
        BadInput: ``drop`` leaves a class without a test example.
    """
    splits = pair.splits
    size = sum(len(split) * math.prod(split.store.shape) for split in splits.values())
    if not drop and (size > LARGEST or any(split.store.streamed for split in splits.values())):
        return pair
    digests = {name: digest_examples(split) for name, split in splits.items()}
    exempt = {("target_test", "unlabelled")} if transductive or _watches_training(pair) else set()
    counts: Counts = {
        tested: {group: count_identical([each for name in names for each in digests.get(name, [])], digests[tested])
                 for group, names in TRAINED.items() if (tested, group) not in exempt and names[0] in digests}
        for tested in ("source_test", "target_test") if tested in digests
    }  # fmt: skip
    if not drop:
        return replace(pair, description={**pair.description, "duplicates": counts, **_notes(pair, counts)})
    return _drop(pair, digests, exempt, counts)


def count_identical(trained: Collection[bytes], tested: Collection[bytes]) -> int:
    """The number of tested examples that equal a trained one in all values, by their digests."""
    known = set(trained)
    return sum(digest in known for digest in tested)


def digest_examples(split: Split) -> list[bytes]:
    """A digest of the values of each example; 0 and −0 are equal, and so is NaN to itself."""
    found = []
    for chunk in read_chunks(split):
        x = np.ascontiguousarray(chunk.cpu().numpy())
        if x.dtype.kind == "f":
            x = np.where(np.isnan(x), np.nan, x).astype(x.dtype) + 0.0
        found += [hashlib.blake2b(example.data, digest_size=16).digest() for example in x]
    return found


def _watches_training(pair: Pair) -> bool:
    """Whether the examples by which an unlabelled target is watched are its training examples."""
    watched, trained = pair.target_test, pair.unlabelled
    return not pair.has_target_labels and watched.store is trained.store and torch.equal(watched.rows, trained.rows)


def _notes(pair: Pair, counts: Counts) -> dict[str, list[str]]:
    sentences = [
        f"{count} of {len(pair.splits[tested])} {tested.replace('_', ' ')} examples are identical to {NAMES[group]} "
        "examples: set data.drop_duplicates: true to leave them out of the test split, unless examples repeat by nature"
        for tested, groups in counts.items()
        for group, count in groups.items()
        if count
    ]
    return {"notes": [*pair.description.get("notes", []), *sentences]} if sentences else {}


def _drop(pair: Pair, digests: Digests, exempt: set[tuple[str, str]], counts: Counts) -> Pair:
    """The pair whose test splits hold no example of training and validation; these stay as they are."""
    splits, dropped = pair.splits, {}
    for tested in counts:
        names = [name for group in TRAINED if (tested, group) not in exempt for name in TRAINED[group]]
        known = {digest for name in names for digest in digests.get(name, [])}
        kept = splits[tested].take(torch.tensor([digest not in known for digest in digests[tested]], dtype=torch.bool))
        _check_left(pair, tested, splits[tested], kept)
        dropped[tested], splits[tested] = len(splits[tested]) - len(kept), kept
    description = {**pair.description, "duplicates": {**counts, "dropped": dropped}}
    for tested, count in dropped.items():
        side, read = tested.removesuffix("_test"), description["splits"][tested]
        description[side] = {**description[side], "test": description[side]["test"] - count}
        description["splits"] = {**description["splits"], tested: {**read, "dropped": read["dropped"] + count}}
    return replace(pair.with_splits(splits), description=description)


def _check_left(pair: Pair, name: str, before: Split, after: Split) -> None:
    counts = (count_classes(split.labelled, len(pair.classes)) for split in (before, after))
    lost = [label for label, one, other in zip(pair.classes, *counts, strict=True) if one and not other]
    if not len(after) or (lost and not pair.partial):
        of_class = f" of class {lost[0]}" if lost else ""
        raise BadInput(
            f"data.drop_duplicates: every {name.replace('_', ' ')} example{of_class} is in training too: leave it out, "
            "or name other test examples"
        )
