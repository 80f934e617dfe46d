"""Spelled labels: which are classes, which mean no label, and the notes on them."""

from collections import Counter
from pathlib import Path

import pytest

from dann.data.datasets.own_images import read_labels
from dann.data.readers.label_spellings import Unlabelled, read_spellings
from dann.data.readers.labelled_csv import read_rows
from dann.errors import BadInput


@pytest.mark.parametrize(
    ("labels", "unlabelled", "classes", "without"),
    [
        ("cat dog", None, ("cat", "dog"), ""),
        ("10 9 2", None, ("2", "9", "10"), ""),
        ("-1 1", None, ("-1", "1"), ""),
        ("-1 +1", None, ("-1", "+1"), ""),
        ("-1 0 1", None, ("-1", "0", "1"), ""),
        ("-1.0 0.0 1.0", None, ("-1", "0", "1"), ""),
        ("-2 -1 0 1 2", None, ("-2", "-1", "0", "1", "2"), ""),
        ("-3 2", None, ("-3", "2"), ""),
        ("-1 0", None, ("0",), "-1"),
        ("-1 0 1 2", None, ("0", "1", "2"), "-1"),
        ("-1.0 1 2", None, ("1", "2"), "-1.0"),
        ("-1 cat dog", None, ("cat", "dog"), "-1"),
        ("-1", None, (), "-1"),
        ("none crack", None, ("crack", "none"), ""),
        ("NA EU", None, ("EU", "NA"), ""),
        ("NA 0 1", None, ("0", "1"), "NA"),
        ("null none 0.0 1.0", None, ("0", "1"), "null none"),
        ("NA", None, (), "NA"),
        ("unlabelled cat dog", None, ("cat", "dog"), "unlabelled"),
        ("NA 0 1", [], ("0", "1", "NA"), ""),
        ("-1 0 1", [-1], ("0", "1"), "-1"),
        ("? none crack", ["?", "none"], ("crack",), "? none"),
        ("-1.0 0.0 2.0", [-1], ("0", "2"), "-1.0"),
        ("-1.0 cat", [-1], ("cat",), "-1.0"),
        ("1 1.0 2", None, ("1", "2"), ""),
        ("7 007", None, ("007", "7"), ""),
        ("1e5 abc", None, ("1e5", "abc"), ""),
    ],
)
def test_classes_and_spellings_of_no_label(
    labels: str, unlabelled: Unlabelled, classes: tuple[str, ...], without: str
) -> None:
    reading = read_spellings(Counter(labels.split()), unlabelled)
    assert reading.classes == classes
    assert {label for label, index in reading.index.items() if index == -1} == set(without.split())
    said = " ".join(reading.notes.sentences)
    assert all(repr(label) in said for label in without.split() if reading.classes)


def test_an_empty_label_is_never_a_class_and_what_is_taken_how_is_said_with_its_count() -> None:
    read = read_spellings({"": 3, "NA": 2, "-1": 4, "0": 5, "2": 6})
    assert read.classes == ("0", "2")
    assert read.notes.sentences == (
        "9 examples without a label: 3 empty, 2 'NA', 4 '-1'; set unlabelled: [] if '-1' and 'NA' are classes",
    )
    assert read.notes.assumed == {"NA", "-1"}
    assert read_spellings({"": 3, "0": 5}, []).index == {"": -1, "0": 0}
    assert read_spellings({"": 3}).notes.sentences == ("none of 3 examples has a label",)
    signs = read_spellings({"-1": 7, "1": 7})
    assert signs.notes.sentences == ("'-1' is a class of 7 examples; set unlabelled: ['-1'] if it means no label",)
    assert read_spellings({"none": 7, "b": 7}).notes.sentences[0].startswith("'none' is a class of 7 examples")
    assert read_spellings({"a": 7, "b": 7}).notes.sentences == ()


def test_what_is_offered_keeps_the_other_spellings_as_they_are() -> None:
    both = read_spellings({"None": 2, "NA": 3, "cat": 4, "unlabelled": 5})
    assert both.notes.sentences[1] == (
        "'None' is a class of 2 examples and 'NA' is a class of 3 examples; "
        "set unlabelled: ['unlabelled', 'None', 'NA'] if they mean no label"
    )
    assert read_spellings({"None": 2, "cat": 4, "unlabelled": 5}, ["unlabelled", "None"]).classes == ("cat",)
    assumed = read_spellings({"-1": 2, "0": 3, "2": 4, "unlabelled": 5}).notes.sentences[0]
    assert assumed.endswith("; set unlabelled: ['unlabelled'] if '-1' is a class")


def test_an_option_that_names_no_label_is_noticed() -> None:
    assert read_spellings({"a": 7, "b": 7}, ["?", "a", ""]).notes.sentences == (
        "7 examples without a label: 7 'a'",
        "unlabelled names '?', which no example has as its label",
    )


@pytest.mark.parametrize("labels", [{"0.5": 3, "1.5": 4}, {"0": 3, "1e-3": 4}, {".5": 1, "NA": 2, "1": 3}])
def test_fractions_are_no_classes_of_any_reader(labels: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is a number that is no integer: write integers, or words such as v"):
        read_spellings(labels)
    file = tmp_path / "rows.csv"
    file.write_text("path,label\n" + "".join(f"{each}.png,{each}\n" for each in labels))
    with pytest.raises(BadInput, match=r"rows\.csv: label .* is a number that is no integer"):
        read_labels([(file, read_rows(file))], None)
    assert read_spellings({**labels, "a": 3}).classes  # beside words they are words
