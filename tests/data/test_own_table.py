"""Tables of numbers in CSV files."""

from pathlib import Path

import numpy as np
import pytest

from dann.data.datasets.own_table import table
from dann.data.readers.table_csv import looks_like_table, read_features, read_table
from dann.data.shared_shape import share_shape
from dann.errors import BadInput


def write(path: Path, *lines: str) -> str:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def test_features_labels_and_a_test_split(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "age;Class;height;split", "1;cat;2.5;train", "3;dog;;train", "5;cat;1e2;test")
    domain = table(path=file)
    assert domain.columns == ("age", "height") and domain.classes == ("cat", "dog") and domain.name == "a"
    assert np.array_equal(domain.train.x.numpy(), np.array([[1, 2.5], [3, np.nan]], np.float32), equal_nan=True)
    assert domain.train.y.tolist() == [0, 1] and domain.test is not None
    assert domain.test.x.tolist() == [[5.0, 100.0]] and domain.test.y.tolist() == [0]


def test_columns_and_labels_are_named(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "id,b,a,kind", "x1,1,2,u", "x2,3,4,v")
    domain = table(path=file, label="kind", columns=["a", "b"])
    assert domain.train.x.tolist() == [[2.0, 1.0], [4.0, 3.0]] and domain.classes == ("u", "v")
    assert read_features(Path(file), "gone", ["b"]).tolist() == [[1.0], [3.0]]


def test_a_table_without_labels_and_a_test_file(tmp_path: Path) -> None:
    file, test = write(tmp_path / "a.csv", "p,q", "1,2"), write(tmp_path / "b.csv", "q,p,label", "3,4,7")
    domain = table(path=file, test=test)
    assert domain.train.y.tolist() == [-1] and domain.test is not None
    assert domain.test.x.tolist() == [[4.0, 3.0]] and domain.classes == ("7",)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["1,2", "3,4"], "its first line holds numbers: write a line of column names above it"),
        (["a,a", "3,4"], "two columns of its first line have one name"),
        (["a,label"], "has no example below its first line"),
        (["a,label", "3"], "line 2: 1 fields, the first line 2"),
        (["a,label", "red,x"], "line 2: a is 'red', not a number"),
        (["a,label", "1e99,x"], "line 2: a is 1e99, too large"),
        (["a,label,class", "1,x,y"], "label and class may both be the labels: set label: label"),
        (["label", "x"], "has no column of features"),
        (["a,split", "1,dev"], "line 2: split is 'dev': write train or test"),
        (["a,split", "1,test"], "has no example of training"),
        (["a,label", "1,0.5", "2,1.5"], "is a number that is no integer"),
        ([""], "is empty"),
    ],
)
def test_defects_are_one_line(lines: list[str], says: str, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", *lines)
    with pytest.raises(BadInput, match=says) as error:
        table(path=file)
    assert "\n" not in str(error.value)


def test_wrong_names_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "a,b", "1,2")
    for options, says in (({"label": "z"}, "no column z, which label names; it has a, b"),
                          ({"columns": ["a", "z"]}, "no column z for a feature"),
                          ({"columns": ["a", "a"]}, "names one twice")):  # fmt: skip
        with pytest.raises(BadInput, match=says):
            table(path=file, **options)  # type: ignore[arg-type]


def test_tables_are_recognised(tmp_path: Path) -> None:
    yes = [["a,label", "1,x"], ["name,a", "x,1"], ["target,a", "0,", "1,2.5"]]
    no = [["a,label", "red,x"], ["1,2", "3,4"], ["label,split", "1,train"], ["a,b"], ["hello world, it is 1"]]
    for lines in (*yes, *no):
        assert looks_like_table(Path(write(tmp_path / "a.csv", *lines))) == (lines in yes), lines


def test_columns_of_two_tables_have_to_agree(tmp_path: Path) -> None:
    one, less, turned = (table(path=write(tmp_path / f"{name}.csv", *lines)) for name, lines in
                         (("one", ["a,b,label", "1,2,0"]), ("less", ["a,c,label", "1,2,0"]),
                          ("turned", ["b,a,label", "1,2,0"])))  # fmt: skip
    assert share_shape([one, one]) == [one, one]
    with pytest.raises(BadInput, match="data: less has no column b, but one has: name them alike, or set columns"):
        share_shape([one, less])
    with pytest.raises(BadInput, match="the columns of turned are those of one in another order"):
        share_shape([one, turned])


def test_parts_and_labels_of_the_reader(tmp_path: Path) -> None:
    read = read_table(Path(write(tmp_path / "a.csv", "a,label", "1,x", "2,")))
    assert read.columns == ["a"] and list(read.x) == ["train"] and read.labels == {"train": ["x", ""], "test": []}
