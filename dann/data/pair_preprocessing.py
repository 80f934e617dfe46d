"""Preprocessing of a pair's examples, once: vocabulary, imputation, term weights, features, synthetic examples."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from dann.data.domain import Split
from dann.data.pair import Pair
from dann.data.preprocessing.imputation import Imputer, Missing, check_complete, is_complete
from dann.data.preprocessing.msda import MsdaOptions, fit_msda, msda_features
from dann.data.preprocessing.msda_cache import cached_msda_features
from dann.data.preprocessing.preprocessor import LARGEST, Preprocessor, size_of_mappings
from dann.data.preprocessing.resampling import apply_smote
from dann.data.preprocessing.term_weighting import TermOptions, TermWeights, check_counts
from dann.data.preprocessing.vocabulary import Vocabulary, VocabularyOptions
from dann.data.store import TensorStore
from dann.data.text_store import holds_texts, read_texts
from dann.errors import BadInput

Splits = dict[str, Split]
RAW = "raw texts need data.vocabulary, such as vocabulary: {size: 5000}, or the tokenizer of an encoder: set one"
FITTED = ("train", "unlabelled")  # the splits that all is fitted on


def preprocess_pair(
    pair: Pair,
    *,
    vocabulary: VocabularyOptions | None = None,
    missing: Missing,
    terms: TermOptions | None,
    msda: MsdaOptions | None,
    smote: bool,
) -> Pair:
    """Turn the texts, vectors or series of a pair into what the network gets; images are left as they are.

    All is fitted on the training splits of the source and the target, never on an example held out.

    Args:
        vocabulary: turns raw texts into vectors.
        missing: the treatment of NaN.
        terms: weights of the terms of bags of words, which replace their counts.
        msda: a stacked denoising autoencoder whose features replace the vectors.
        smote: whether synthetic examples balance the classes of the labelled side.

    Raises:
        BadInput: values are missing and ``missing`` is ``error``; an option does not suit the examples.
    """
    pair, known = _number_texts(pair, vocabulary)
    pair, imputer = _impute(pair, missing)
    weights: TermWeights | None = None
    mappings: list[Tensor] | None = []
    if terms is not None:
        pair, weights = _weigh_terms(pair, terms)
    if msda is not None:
        pair, mappings = _replace_by_msda_features(pair, msda)
    preprocessor = (
        Preprocessor(dropped=True) if mappings is None else Preprocessor.of(imputer, mappings, weights, known)
    )
    if smote:
        pair = _add_synthetic_examples(pair)
    return replace(pair, preprocessor=preprocessor)


def preprocess_as_before(pair: Pair, preprocessor: Preprocessor) -> Pair:
    """Turn the examples of a target whose source is absent into what the network gets, by what was fitted before.

    Raises:
        BadInput: values are missing that nothing fills in, or the examples are texts and training had none.
    """
    splits = pair.splits
    if holds_texts(pair.unlabelled.store):
        if preprocessor.vocabulary is None:
            raise BadInput(f"data: {pair.description['target']['name']} has raw texts, and training had none")
        texts = {name: preprocessor.vocabulary(read_texts(split.store, split.rows)) for name, split in splits.items()}
        splits = {name: replace(split, store=TensorStore(texts[name]), rows=torch.arange(len(split)))
                  for name, split in splits.items()}  # fmt: skip
    for name, split in splits.items():
        if len(split.store.shape) != 3:
            preprocessor.check(split.x, f"data: {name.replace('_', ' ')} split")
    if preprocessor.imputer or preprocessor.terms or preprocessor.mappings:
        splits = _map_splits(splits, preprocessor)
    return replace(pair.with_splits(splits), preprocessor=preprocessor)


def _number_texts(pair: Pair, options: VocabularyOptions | None) -> tuple[Pair, Vocabulary | None]:
    """The pair with vectors in place of raw texts, by the vocabulary of its training texts."""
    if not holds_texts(pair.train.store):
        if options is not None:
            raise BadInput("data.vocabulary is for raw texts, but the examples are numbers already: leave it out")
        return pair, None
    if options is None:
        raise BadInput(f"data: {RAW}")
    texts = {name: read_texts(split.store, split.rows) for name, split in pair.splits.items()}
    vocabulary = Vocabulary.fit(options, [text for name in FITTED for text in texts[name]])
    splits = {
        name: replace(split, store=TensorStore(vocabulary(texts[name])), rows=torch.arange(len(split)))
        for name, split in pair.splits.items()
    }
    empty = {name: int((split.x <= 0).all(dim=1).sum()) for name, split in splits.items()}
    facts = {"terms": len(vocabulary.terms), "texts_without_terms": {name: n for name, n in empty.items() if n}}
    return pair.with_splits(splits, vocabulary=facts), vocabulary


def _impute(pair: Pair, missing: Missing) -> tuple[Pair, Imputer | None]:
    if len(pair.input_shape) != 3:
        return _fill_gaps(pair, missing)
    if missing != "error":
        raise BadInput(f"data.missing: {missing} is for vectors, but the examples are images: leave it out")
    return pair, None


def _weigh_terms(pair: Pair, options: TermOptions) -> tuple[Pair, TermWeights]:
    if len(pair.input_shape) != 1:
        raise BadInput("data.terms weighs the features of vectors, but the examples are none: leave it out")
    for name, split in pair.splits.items():
        check_counts(split.x, f"data: {name.replace('_', ' ')} split")
    weights = TermWeights.fit(options, torch.cat([pair.train.x, pair.unlabelled.x]))
    return pair.with_splits(_map_splits(pair.splits, weights)), weights


def _replace_by_msda_features(pair: Pair, options: MsdaOptions) -> tuple[Pair, list[Tensor] | None]:
    """The pair of features, and the mappings to compute them by; None for mappings too large to be kept."""
    if len(pair.input_shape) != 1:
        raise BadInput("data.msda computes features of vectors, but the examples are none: leave it out")
    if options.span or size_of_mappings(pair.input_shape[0], options.layers) > LARGEST:  # no run keeps them
        inputs = {name: split.x for name, split in pair.splits.items()}
        features = cached_msda_features(inputs, FITTED, options)
        splits = {name: replace(split, store=TensorStore(features[name]), rows=torch.arange(len(split)))
                  for name, split in pair.splits.items()}  # fmt: skip
        return pair.with_splits(splits), None
    fitted = torch.cat([pair.train.x, pair.unlabelled.x])
    mappings = fit_msda(fitted, layers=options.layers, corruption=options.corruption)
    return pair.with_splits(_map_splits(pair.splits, lambda x: msda_features(x, mappings))), mappings


def _add_synthetic_examples(pair: Pair) -> Pair:
    train = apply_smote(pair.train)
    synthetic = {"examples": len(train) - len(pair.train), "imbalance_without": pair.describe()["imbalance"]}
    return pair.with_splits({**pair.splits, "train": train}, synthetic=synthetic)


def _fill_gaps(pair: Pair, missing: Missing) -> tuple[Pair, Imputer | None]:
    """``pair`` without missing values, and the imputer that filled them in, if one did."""
    gaps = {name: ~is_complete(split.x) for name, split in pair.splits.items()}
    affected: dict[str, Any] = {name: int(mask.sum()) for name, mask in gaps.items() if mask.any()}
    if not affected:
        return pair, None
    if missing == "error":
        for name, split in pair.splits.items():
            check_complete(split.x, f"data: {name.replace('_', ' ')} split")
        raise AssertionError("a gap was there and is gone")
    imputer = None if missing == "drop" else Imputer.fit(missing, pair.train.x, pair.unlabelled.x)
    if imputer is None:
        splits = {name: split.take(~gaps[name]) for name, split in pair.splits.items()}
        pair = replace(pair, hidden_labels=pair.hidden_labels[~gaps["unlabelled"]])
    else:
        splits = _map_splits(pair.splits, imputer.apply)
    return pair.with_splits(splits, missing={"how": missing, "examples": affected}), imputer


def _map_splits(splits: Splits, function: Callable[[Tensor], Tensor]) -> Splits:
    return {
        name: replace(split, store=TensorStore(function(split.x)), rows=torch.arange(len(split)))
        for name, split in splits.items()
    }
