"""Vocabularies against counting by hand, and what they are fitted on."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_domains import config_of

from dann.data.preprocessing.preprocessor import Preprocessor
from dann.data.preprocessing.vocabulary import Vocabulary, VocabularyOptions
from dann.data.text_store import read_texts
from dann.errors import BadInput
from dann.training.pair_loading import load_pair, read_pair

TEXTS = ["A good book, a GOOD film.", "not good", "bad film", ""]


def bags(vocabulary: Vocabulary, texts: list[str]) -> list[dict[str, int]]:
    return [{vocabulary.terms[j]: int(row[j]) for j in row.nonzero().flatten().tolist()} for row in vocabulary(texts)]


def test_terms_are_those_of_most_texts_and_bags_count_them() -> None:
    vocabulary = Vocabulary.fit(VocabularyOptions(min_texts=1), TEXTS)
    assert vocabulary.terms == ("film", "good", "a", "bad", "book", "not")  # equals by the alphabet
    assert bags(vocabulary, TEXTS) == [{"a": 2, "good": 2, "book": 1, "film": 1}, {"not": 1, "good": 1},
                                       {"bad": 1, "film": 1}, {}]  # fmt: skip
    assert Vocabulary.fit(VocabularyOptions(size=2, min_texts=1), TEXTS).terms == ("film", "good")
    assert Vocabulary.fit(VocabularyOptions(), TEXTS).terms == ("film", "good")  # in two texts at least
    assert bags(vocabulary, ["a new good thing"]) == [{"a": 1, "good": 1}]


def test_words_in_a_row_are_terms_too() -> None:
    vocabulary = Vocabulary.fit(VocabularyOptions(min_texts=1, ngrams=2), TEXTS[1:])
    assert set(vocabulary.terms) == {"not", "good", "not good", "bad", "film", "bad film"}
    assert bags(vocabulary, ["not good not good"]) == [{"not": 2, "good": 2, "not good": 2}]


def test_words_keep_their_apostrophes_and_one_spelling_of_accents() -> None:
    options = VocabularyOptions()
    assert options.split("Don't e-mail CAFÉ cafe\u0301 don’t 'quoted' x_1") == [
        *("don't", "e", "mail", "café", "café", "don’t", "quoted", "x_1")
    ]  # fmt: skip


def test_characters_are_terms_of_scripts_without_blanks() -> None:
    vocabulary = Vocabulary.fit(VocabularyOptions(unit="character", ngrams=2, min_texts=1), ["很好", "不 好"])
    assert vocabulary.terms[0] == "好" and set(vocabulary.terms) == {"好", "很", "不", "很好", "不好"}


def test_ids_are_numbers_of_words_unknown_ones_and_the_end() -> None:
    vocabulary = Vocabulary.fit(VocabularyOptions(form="ids", length=4, min_texts=1), TEXTS)
    rows = vocabulary(["good new film", "", "film film film film film"])
    assert rows.dtype == torch.float32
    assert rows.tolist() == [[2, 0, 1, -1], [-1] * 4, [1] * 4]  # film, good, …; long texts are cut
    assert Vocabulary.fit(VocabularyOptions(form="ids"), TEXTS).width == 256


def test_a_text_of_a_million_words_is_counted_whole() -> None:
    vocabulary = Vocabulary.fit(VocabularyOptions(min_texts=1), ["good", "bad"])
    assert bags(vocabulary, ["good " * 1_000_000 + "bad"]) == [{"good": 1_000_000, "bad": 1}]


def test_a_vocabulary_is_restored() -> None:
    for options in (VocabularyOptions(min_texts=1, ngrams=2), VocabularyOptions(form="ids", min_texts=1)):
        vocabulary = Vocabulary.fit(options, TEXTS)
        preprocessor = Preprocessor.restore(Preprocessor(vocabulary=vocabulary).state())
        assert preprocessor.vocabulary == vocabulary
        assert preprocessor.vocabulary(TEXTS).equal(vocabulary(TEXTS))


def test_texts_without_a_frequent_term_are_refused() -> None:
    with pytest.raises(BadInput, match=r"data\.vocabulary: no term is in 2 training texts: lower min_texts"):
        Vocabulary.fit(VocabularyOptions(), ["one", "two", "", "..."])


def test_texts_that_would_fill_the_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    vocabulary = Vocabulary.fit(VocabularyOptions(min_texts=1), TEXTS)
    monkeypatch.setattr("dann.files.input_limits.memory", lambda: 8)
    with pytest.raises(BadInput, match="4 texts as 6 numbers"):
        vocabulary(TEXTS)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"form": "ids", "ngrams": 2}, "ngrams are of bags"),
        ({"length": 10}, "length is of ids"),
        ({"size": 0}, "vocabulary.size"),
        ({"form": "bags"}, "vocabulary.form"),
    ],
)
def test_options_that_exclude_each_other_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        config_of({"source": {"name": "texts", "path": "a"}, "target": {"name": "texts", "path": "b"},
                   "vocabulary": options})  # fmt: skip


def sides(folder: Path, **options: Any) -> dict[str, Any]:
    """Two CSV files with test splits; each text has a word of its own beside shared ones."""
    for side in ("source", "target"):
        with (folder / f"{side}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label", "split"])
            for i in range(40):
                words = f"{side} {side}{i} {'good' if i % 2 else 'bad'} film"
                writer.writerow([words, ["neg", "pos"][i % 2], "test" if i >= 30 else "train"])
    named = {side: {"name": "texts", "path": str(folder / f"{side}.csv")} for side in ("source", "target")}
    return {**named, "batch_size": 8, **options}


def test_the_vocabulary_is_fitted_on_both_training_splits_and_no_text_held_out(tmp_path: Path) -> None:
    data = config_of(sides(tmp_path, vocabulary={"min_texts": 1})).data
    raw, pair = read_pair(data), load_pair(data)
    texts = {name: read_texts(split.store, split.rows) for name, split in raw.splits.items()}
    trained = {word for name in ("train", "unlabelled") for text in texts[name] for word in text.split()}
    vocabulary = pair.preprocessor.vocabulary
    assert vocabulary is not None and set(vocabulary.terms) == trained
    held = {word for name in ("source_validation", "source_test", "target_test") for word in texts[name][0].split()}
    assert held - trained  # words that only examples held out have
    for name, split in pair.splits.items():
        expected = np.array([[Counter(text.split())[term] for term in vocabulary.terms] for text in texts[name]])
        np.testing.assert_array_equal(split.x.numpy(), expected)
        assert split.y.equal(raw.splits[name].y)
    assert pair.classes == ("neg", "pos") and pair.input_shape == (len(trained),)
    assert pair.description["vocabulary"] == {"terms": len(trained), "texts_without_terms": {}}


def test_tf_idf_follows_the_counts(tmp_path: Path) -> None:
    plain = load_pair(config_of(sides(tmp_path, vocabulary={})).data)
    weighed = load_pair(config_of(sides(tmp_path, vocabulary={}, terms={})).data)
    fitted = torch.cat([plain.train.x, plain.unlabelled.x]).double()
    idf = ((1 + len(fitted)) / (1 + (fitted > 0).sum(0))).log() + 1
    expected = torch.nn.functional.normalize(plain.target_test.x.double().log1p() * idf)
    torch.testing.assert_close(weighed.target_test.x.double(), expected, rtol=1e-5, atol=1e-6)


def test_texts_without_terms_are_counted(tmp_path: Path) -> None:
    data = sides(tmp_path, vocabulary={})
    (tmp_path / "target.csv").write_text("text,label,split\n" + "good,pos,train\nbad,neg,train\n" * 9
                                         + '"",pos,test\nnowhere,neg,test\nbad bad,neg,test\n')  # fmt: skip
    pair = load_pair(config_of(data).data)
    assert pair.description["vocabulary"]["texts_without_terms"] == {"target_test": 2}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, r"raw texts need data\.vocabulary"),
        ({"source": {"name": "moons"}, "target": {"name": "moons_rotated"}, "vocabulary": {}}, "no domain holds any"),
        ({"vocabulary": {"form": "ids"}, "terms": {}}, r"data\.terms is for quantities"),
        ({"vocabulary": {"form": "ids"}, "msda": {}}, r"data\.msda is for quantities"),
        ({"vocabulary": {}, "source_degradation": {"values": 0.5}}, r"source_degradation\.values blanks numbers"),
        ({"vocabulary": {}, "target": {"name": "texts", "path": "b", "tokenizer": "t"}}, "give all of them the same"),
    ],
)
def test_texts_and_vocabulary_need_each_other(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        load_pair(config_of({**sides(tmp_path), **changes}).data)
