"""Texts as users' files have them: encodings, empty and long texts, names of labels, folders."""

from pathlib import Path
from typing import Any

import pytest
import torch

from dann.cli.own_data import inspect_side
from dann.config.components import read_component
from dann.data.datasets.all_datasets import DOMAINS
from dann.data.domain import UNLABELLED, Domain, Split
from dann.data.splits import concatenate_splits
from dann.data.text_store import TextStore, holds_texts, read_texts
from dann.errors import BadInput


def texts(path: Path, **options: Any) -> Domain:
    entry = {"name": "texts", "path": str(path), **options}
    return read_component(entry, "data.source", DOMAINS, "data set", "test").build()


def contents(split: Split | None) -> list[str]:
    assert split is not None
    return read_texts(split.store, split.rows)


def test_a_csv_file_in_another_encoding(tmp_path: Path) -> None:
    rows = "text;label\nтак себе;плохо\n«хорошо», да;хорошо\n"
    (tmp_path / "a.csv").write_bytes(rows.encode("cp1251"))
    domain = texts(tmp_path / "a.csv", encoding="cp1251")
    assert contents(domain.train) == ["так себе", "«хорошо», да"] and domain.classes == ("плохо", "хорошо")
    with pytest.raises(BadInput, match=r"a\.csv, line 2: not UTF-8 text: save it as UTF-8, or set encoding"):
        texts(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_bytes(rows.encode("utf-16"))  # as "Unicode text" of Excel
    assert contents(texts(tmp_path / "b.csv").train) == contents(domain.train)


def test_empty_texts_are_examples_and_noted(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text,label,split\n,pos,train\ngood,pos,train\n"  ",neg,train\n,neg,test\n,,\n')
    domain = texts(tmp_path / "a.csv")
    assert contents(domain.train) == ["", "good", ""] and contents(domain.test) == [""]
    assert domain.train.y.tolist() == [1, 1, 0] and domain.notes == ("3 texts are empty, the first: line 2",)
    (tmp_path / "b.csv").write_text('text\n""\ngood\n\n')
    assert contents(texts(tmp_path / "b.csv").train) == ["", "good"]  # but a blank line is none


def test_long_texts_are_read_whole(tmp_path: Path) -> None:
    long = "word " * 100_000 + "end"
    (tmp_path / "a.csv").write_text(f'text,label\n"{long}",0\nshort,1\n')
    assert contents(texts(tmp_path / "a.csv").train) == [long, "short"]


def test_labels_are_named_as_they_are_spelled(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("review,class\ngood,Positive review\nbad,negative\nso-so,\n")
    domain = texts(tmp_path / "a.csv")
    assert domain.classes == ("Positive review", "negative") and domain.train.y.tolist() == [0, 1, UNLABELLED]
    (tmp_path / "b.txt").write_text(
        '1\tgood, "very" good\n0\tbad\n1\tbetter\n'
    )  # a label, a tab and a text on each line
    domain = texts(tmp_path / "b.txt", columns=["label", "text"])
    assert contents(domain.train) == ['good, "very" good', "bad", "better"] and domain.classes == ("0", "1")


def write_folder(root: Path, **classes: list[str]) -> Path:
    for name, every in classes.items():
        (root / name).mkdir(parents=True)
        for number, text in enumerate(every):
            (root / name / (f"{number}.txt" if number else "first")).write_text(text)
    return root


def test_a_folder_of_text_files(tmp_path: Path) -> None:
    train = write_folder(tmp_path / "train", sport=["a goal\n", "a match\nwon"], space=["the moon", ""])
    test = write_folder(tmp_path / "test", sport=["a race"], space=["a star"])
    (train / "space" / "picture.png").write_bytes(b"\xff")
    domain = texts(train, test=str(test))
    assert domain.classes == ("space", "sport") and domain.train.y.tolist() == [0, 0, 1, 1]
    assert sorted(contents(domain.train)) == ["", "a goal", "a match\nwon", "the moon"]
    assert contents(domain.test) == ["a star", "a race"]
    assert domain.notes == ("1 texts are empty, the first: 1.txt",) and "folder train, 4 + 2 texts" in domain.origin
    side = inspect_side(str(train))
    assert side.form == "texts" and side.entry == {"name": "texts", "path": str(train)} and len(side.counts) == 2


def test_a_folder_of_texts_without_labels(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "b.txt").write_text("two")
    domain = texts(tmp_path)
    assert domain.classes == () and contents(domain.train) == ["one", "two"]
    assert domain.label_notes is not None and domain.label_notes.sentences == ("none of 2 examples has a label",)


def test_defects_of_folders_are_named(tmp_path: Path) -> None:
    train = write_folder(tmp_path / "train", a=["one"], b=["two"])
    test = write_folder(tmp_path / "test", a=["three"], b=["two"])
    (tmp_path / "a.csv").write_text("text\none\n")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=r"test.b.first: this test text is one of training \(.*train.b.first\)"):
        texts(train, test=str(test))
    assert contents(texts(train, test=str(test), duplicates="drop").train) == ["one"]
    for options, says in (
        ({"columns": ["text"]}, "this is a folder: leave them out"),
        ({"test": str(tmp_path / "a.csv")}, "both be folders or both files"),
        ({"test": str(tmp_path / "train")}, "path and test are both"),
        ({"length": 5}, "length is of the tokens of a tokenizer"),
    ):
        with pytest.raises(BadInput, match=says):
            texts(train, **options)
    with pytest.raises(BadInput, match="no texts and no class folders there"):
        texts(tmp_path / "empty")
    (train / "a" / "first").write_bytes(b"caf\xe9")
    with pytest.raises(BadInput, match=r"train.a.first, line 1: not UTF-8 text"):
        texts(train)


def test_texts_are_compared_by_digests() -> None:
    one, other = TextStore(("a", "b", "a")), TextStore(("b",))
    joined = concatenate_splits([Split.of(store, torch.zeros(len(store), dtype=torch.int64)) for store in (one, other)])
    x = joined.x
    assert x.shape == (4, 16) and x[0].equal(x[2]) and x[1].equal(x[3]) and not x[0].equal(x[1])
    assert holds_texts(joined.store) and read_texts(joined.store, joined.rows) == ["a", "b", "a", "b"]
    assert one.checksum() != other.checksum() and len(joined.store.checksum()) == 64
