"""CSV files of examples: fields of any length, files without a header line, and repeated examples."""

import csv
from pathlib import Path

import pytest

from dann.data.datasets import own_images
from dann.data.readers.labelled_csv import PATHS, Row, read_rows
from dann.data.readers.row_duplicates import Duplicates, Parts, separate_parts
from dann.errors import BadInput

TEXTS = ("text", "sentence", "review")


def write(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def test_texts_of_any_length_leave_the_csv_module_as_it_was(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    long = "word " * 100_000 + "end"
    rows = read_rows(write(tmp_path / "a.csv", f'text,label\n"{long}",0\nshort,1\n'), TEXTS)
    assert [row.name for row in rows] == [long, "short"] and csv.field_size_limit() == before
    headerless = write(tmp_path / "b.csv", f'"{long}",0\n')
    assert read_rows(headerless, TEXTS, ["text", "label"])[0].name == long
    with pytest.raises(BadInput, match="unexpected end of data"):
        read_rows(write(tmp_path / "c.csv", f'text,label\n"{long}'), TEXTS)
    assert csv.field_size_limit() == before


def test_a_file_without_a_header_line_is_offered_its_option(tmp_path: Path) -> None:
    for content, examples, option in (
        ("good film,1\nbad film,0\n", TEXTS, ["text", "label"]),
        ("good film;1;x\nbad film;0;y\n", TEXTS, ["text", "label", "other1"]),
        ("good film\nbad film\n", TEXTS, ["text"]),
        ("img/a.png\t0\n", PATHS, ["path", "label"]),
    ):
        file = write(tmp_path / "a.csv", content)
        with pytest.raises(BadInput) as caught:
            read_rows(file, examples)
        assert f"set columns: [{', '.join(option)}], in the order of the fields" in str(caught.value)
        rows = read_rows(file, examples, option)
        assert len(rows) == content.count("\n") and rows[0].number == 1
    reordered = read_rows(write(tmp_path / "a.csv", "1,good\n0,bad\n"), TEXTS, ["Class", "Review"])
    assert reordered == [Row(1, "good", "1", ""), Row(2, "bad", "0", "")]


def test_columns_that_do_not_fit(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "text,label\ngood,1\n")
    for columns, says in (
        (["text", "label"], "its first line names its columns already: leave columns out"),
        (["a", "label"], "has no text: write columns"),
        (["text", "label", "split"], "has not 3 fields"),
    ):
        with pytest.raises(BadInput, match=says):
            read_rows(file, TEXTS, columns)


def parts_of(*names: str) -> Parts:
    """A training and a test split; the names of each, separated by blanks."""
    return [
        (Path(f"{part}.csv"), [Row(line, name, "", "") for line, name in enumerate(some.split(), 2)])
        for part, some in zip(("train", "test"), names, strict=False)
    ]


def separate(parts: Parts, duplicates: Duplicates, within: bool = False) -> tuple[list[list[str]], tuple[str, ...]]:
    def key(file: Path, row: Row) -> str:
        return row.name

    kept, notes = separate_parts(parts, key, "this test text is one of training", duplicates, within)
    return [[row.name for row in rows] for _, rows in kept], notes


def test_all_duplicates_are_listed_at_once_and_dropped_by_one_option() -> None:
    parts = parts_of("a b c d e b", "x c b a y")
    with pytest.raises(BadInput) as caught:
        separate(parts, "error")
    message = str(caught.value)
    assert "4 in all" in message and "set duplicates: drop" in message and "\n" not in message
    assert message.startswith("test.csv, line 5: this test text is one of training (train.csv, line 2)")
    kept, notes = separate(parts, "drop")
    assert kept == [["d", "e"], ["x", "c", "b", "a", "y"]]
    assert notes == ("4 repeated examples were dropped, 4 of them as test examples in training",)
    assert separate(parts_of("a b", "c"), "drop") == ([["a", "b"], ["c"]], ())


def test_duplicates_within_a_split() -> None:
    assert separate(parts_of("a b a"), "error") == ([["a", "b", "a"]], ())
    with pytest.raises(BadInput, match=r"train.csv, line 4: .*\(train.csv, line 2\): remove"):
        separate(parts_of("a b a"), "error", within=True)
    assert separate(parts_of("a b a"), "drop", within=True)[0] == [["a", "b"]]


def test_images_that_are_named_twice_are_dropped(tmp_path: Path) -> None:
    from image_folders import write_image

    for i in range(4):
        write_image(tmp_path / f"{i}.png", i)
    content = "0.png,a,train\n1.png,b,train\n./0.png,a,train\n2.png,a,test\n3.png,b,test\n1.png,b,test\n"
    file = write(tmp_path / "list.csv", content)
    columns = ["path", "label", "split"]
    with pytest.raises(BadInput, match=r"is named before .*; 2 in all, also lines 3"):
        own_images.csv(path=str(file), columns=columns, size=8)
    domain = own_images.csv(path=str(file), columns=columns, duplicates="drop", size=8)
    assert domain.test is not None and len(domain.train) == 1 and len(domain.test) == 3
    assert domain.notes == ("2 repeated examples were dropped, 1 of them as test examples in training",)


def test_without_the_option_a_file_without_header_is_offered_a_first_line(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("a.png,cat\nb.png,dog\n")
    with pytest.raises(BadInput, match=r"set columns: \[path, label\], in the order"):
        read_rows(file)
    with pytest.raises(BadInput, match="write path,label above it, in the order") as caught:
        read_rows(file, can_name=False)
    assert "columns:" not in str(caught.value)
