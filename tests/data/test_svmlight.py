"""svmlight files of the user's own."""

from pathlib import Path

import pytest

from dann.data.datasets.own_arrays import svmlight
from dann.data.domain import Domain
from dann.errors import BadInput


def write_svmlight(folder: Path, *lines: str, name: str = "a.svm") -> str:
    (folder / name).write_text("\n".join(lines) + "\n")
    return str(folder / name)


def rows(domain: Domain) -> list[list[float]]:
    listed: list[list[float]] = domain.train.x.tolist()
    return listed


def test_svmlight_counts_from_one_by_default(tmp_path: Path) -> None:
    one = write_svmlight(tmp_path, "3 1:0.5 3:2", "-2 2:nan  # a comment", "10 ", name="one.txt")
    domain = svmlight(path=one)
    assert domain.classes == ("-2", "3", "10") and domain.train.y.tolist() == [1, 0, 2]
    assert str(rows(domain)) == "[[0.5, 0.0, 2.0], [0.0, nan, 0.0], [0.0, 0.0, 0.0]]"
    zero = write_svmlight(tmp_path, "1 0:1", "2 3:1", name="zero.txt")
    assert rows(svmlight(path=zero, first=0)) == [[1, 0, 0, 0], [0, 0, 0, 1]]
    lacking = write_svmlight(tmp_path, "1 1:1", "2 3:1", name="lacking.txt")
    assert rows(svmlight(path=lacking, first=0, features=5)) == [[0, 1, 0, 0, 0], [0, 0, 0, 1, 0]]
    assert rows(svmlight(path=lacking, features=5)) == [[1, 0, 0, 0, 0], [0, 0, 1, 0, 0]]


def test_svmlight_labels_follow_the_rule_of_all_readers(tmp_path: Path) -> None:
    signs = svmlight(path=write_svmlight(tmp_path, "+1 1:1", "-1 1:2", "-1 1:3"))
    assert signs.classes == ("-1", "1") and signs.train.y.tolist() == [1, 0, 0]
    marked = write_svmlight(tmp_path, "3 1:1", "-1 1:2", "4 1:3", name="marked.svm")
    assert svmlight(path=marked).train.y.tolist() == [0, -1, 1]
    assert svmlight(path=marked, unlabelled=[]).classes == ("-1", "3", "4")
    assert svmlight(path=write_svmlight(tmp_path, "nan 1:1", "nan 1:2", name="without.svm")).classes == ()


def test_svmlight_labels_may_be_words_or_missing(tmp_path: Path) -> None:
    words = svmlight(path=write_svmlight(tmp_path, "cat 1:1", "", "dog 1:2 # a comment", "? 2:3", "NA 1:4"))
    assert words.classes == ("?", "NA", "cat", "dog") and words.train.y.tolist() == [2, 3, 0, 1]
    assert rows(words) == [[1, 0], [2, 0], [0, 3], [4, 0]]
    numbers = write_svmlight(tmp_path, "1 1:1", "NA 1:2", "-2.0 1:3", "1:4", name="numbers.svm")
    assert svmlight(path=numbers).classes == ("-2", "1") and svmlight(path=numbers).train.y.tolist() == [1, -1, 0, -1]
    both = svmlight(path=write_svmlight(tmp_path, "1 1:1", "nan 1:3", "-2 1:1", name="whole.svm"), test=numbers)
    assert both.test is not None and both.train.y.tolist() == [1, -1, 0] and both.test.y.tolist() == [1, -1, 0, -1]
    without = svmlight(path=write_svmlight(tmp_path, "1:1 2:5", "1:2", name="without.svm"))
    assert without.classes == () and rows(without) == [[1, 5], [2, 0]]


def test_svmlight_parts_share_features_and_classes(tmp_path: Path) -> None:
    train = write_svmlight(tmp_path, "1 1:1", "4 2:1", "nan 1:1")
    test = write_svmlight(tmp_path, "4 0:1 5:1", "2 1:1", name="b.svm")
    with pytest.raises(BadInput, match=r"b.svm: has a feature of index 0: set first: 0"):
        svmlight(path=train, test=test)
    domain = svmlight(path=train, test=test, first=0)
    assert domain.test is not None
    assert domain.classes == ("1", "2", "4") and domain.train.y.tolist() == [0, 2, -1]
    assert domain.train.x.shape == (3, 6) and domain.test.x.shape == (2, 6)
    assert domain.train.x[0].tolist() == [0, 1, 0, 0, 0, 0] and domain.test.y.tolist() == [2, 1]
    with pytest.raises(BadInput, match="named for training and for test"):
        svmlight(path=train, test=train)


def test_wrong_svmlight_is_named(tmp_path: Path) -> None:
    for number, (lines, options, says) in enumerate(
        (
            (["1 1:1", "2 6:1"], {"features": 5}, "feature 6 is not one of 1 to 5"),
            (["1 0:1", "2 5:1"], {"features": 5, "first": 0}, "feature 5 is not one of 0 to 4"),
            (["1 0:1", "2 5:1"], {}, "has a feature of index 0: set first: 0"),
            (["1 1:1", "2 1,5:1"], {}, "not a readable svmlight file"),
            (["1,2 1:1", "2 1:1"], {}, "line 1: 1,2 are several labels: write one class"),
            (["1.5 1:1"], {}, "label 1.5 is not an integer"),
            (["1 2:1 1:1"], {}, "not a readable svmlight file"),
            (["1 1:inf"], {}, "infinite values"),
            (["1 2147483000:1"] * 1000, {}, "GiB, too much for"),
            ([""], {}, "no examples there"),
        )
    ):
        path = write_svmlight(tmp_path, *lines, name=f"{number}.svm")
        with pytest.raises(BadInput, match=says) as caught:
            svmlight(path=path, **options)  # type: ignore[arg-type]
        assert path in str(caught.value)
    (tmp_path / "cut.svm.gz").write_bytes(b"\x1f\x8b\x08\0 cut")
    for path in (tmp_path, tmp_path / "cut.svm.gz"):
        with pytest.raises(BadInput, match=r"not a readable svmlight file|a folder, not a file"):
            svmlight(path=str(path))
