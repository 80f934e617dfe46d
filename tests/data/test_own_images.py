"""Images of the user's own: class folders and CSV files."""

from pathlib import Path

import pytest
from image_folders import assert_aligned, assert_refused, write_classes, write_image

from dann.data.datasets.own_images import csv, folder


def test_a_folder_of_class_folders(tmp_path: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_classes(tmp_path / "cats.v2", ["lynx", "manul"], count=3)
    write_classes(data_folder / "held", ["lynx", "manul"], count=2, suffix="png")
    monkeypatch.chdir(tmp_path)
    read = folder(path="cats.v2", size=8)
    assert read.name == "cats.v2" and read.classes == ("lynx", "manul") and read.test is None
    assert read.origin == "folder cats.v2, 6 images"
    assert_aligned(read.train)
    both = folder(path=str(tmp_path / "cats.v2"), test="held", size=8)  # the second is found in the data folder
    assert both.test is not None and (len(both.train), len(both.test)) == (6, 4)
    assert both.origin == "folder cats.v2 and held, 6 + 4 images"
    assert_aligned(both.test)


def test_a_folder_that_does_not_fit_is_named(
    tmp_path: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_refused(lambda: folder(path="nowhere"), str(tmp_path / "nowhere"), str(data_folder / "nowhere"))
    write_classes(tmp_path / "cats", ["lynx", "manul"], count=2)
    write_classes(tmp_path / "held", ["lynx", "tiger"])
    assert_refused(lambda: folder(path="cats", test="held"), str(tmp_path / "held"), "differ in manul, tiger")
    assert_refused(lambda: folder(path="cats", test="../" + tmp_path.name + "/cats"), "path and test are both")
    (tmp_path / "file.txt").write_text("x")
    assert_refused(lambda: folder(path="file.txt"), "file.txt")
    (tmp_path / "cats" / "lynx" / "frame_0000.jpg").write_bytes(b"")
    assert_refused(lambda: folder(path="cats", size=8), "frame_0000.jpg", "on_bad: skip")
    read = folder(path="cats", size=8, on_bad="skip")
    assert read.skipped == ("lynx/frame_0000.jpg",) and read.train.y.tolist() == [0, 1, 1]
    assert_aligned(read.train)
    (tmp_path / "cats" / "puma").mkdir()
    assert_refused(lambda: folder(path="cats"), "puma", "without images")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of eight images, a0 to a7, in the colours of labels 0 to 7."""
    for label in range(8):
        write_image(tmp_path / "pictures" / f"a{label}.png", label)
    return tmp_path


def write_csv(root: Path, content: str | bytes, name: str = "birds.csv") -> str:
    path = root / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


@pytest.mark.parametrize(
    "content",
    [
        "path,label\npictures/a0.png,auk\npictures/a1.png,bat\n",
        '\ufeffpath,label\r\n"pictures/a0.png","auk"\r\n\r\npictures/a1.png,bat',
        'Image;"Note; more";Class\npictures/a0.png;"one; two";auk\npictures/a1.png;;bat\n',
        "target\tfilename\nauk\tpictures/a0.png\nbat\tpictures/a1.png",
        "file, label\npictures/a0.png, auk\npictures/a1.png, bat\n",
        "path,label\rpictures/a0.png,auk\rpictures/a1.png,bat\r",
    ],
)
def test_csv_dialects(images: Path, content: str) -> None:
    read = csv(path=write_csv(images, content), size=8)
    assert read.name == "birds" and read.classes == ("auk", "bat") and read.test is None
    assert read.origin == "file birds.csv, 2 images"
    assert_aligned(read.train)


def test_csv_labels_that_are_numbers_are_in_their_order(images: Path) -> None:
    lines = "".join(f"pictures/a{i}.png,{label}\n" for i, label in enumerate(["2", "10", "9", "-3"]))
    read = csv(path=write_csv(images, "path,label\n" + lines), size=8)
    assert read.classes == ("-3", "2", "9", "10") and read.train.y.tolist() == [1, 3, 2, 0]


def test_csv_without_labels_is_unlabelled(images: Path) -> None:
    content = "path,label\npictures/a0.png,auk\npictures/a1.png,\npictures/a2.png,-1\n"
    read = csv(path=write_csv(images, content), size=8)
    assert read.train.y.tolist() == [0, -1, -1] and read.classes == ("auk",)
    read = csv(path=write_csv(images, content.replace("auk", "")), size=8)
    assert read.train.y.tolist() == [-1, -1, -1] and read.classes == ()


def test_csv_needs_no_column_of_labels_but_its_columns_are_said(images: Path) -> None:
    read = csv(path=write_csv(images, "lable,path\nauk,pictures/a0.png\nbat,pictures/a1.png\n"), size=8)
    assert read.train.y.tolist() == [-1, -1] and read.classes == () and read.label_notes is not None
    assert read.label_notes.sentences == ("none of 2 examples has a label", "the columns of birds.csv are lable,path")
    read = csv(path=write_csv(images, "path\npictures/a0.png\n"), size=8)
    assert read.train.y.tolist() == [-1]


def test_csv_with_a_byte_order_mark_of_utf_16(images: Path) -> None:
    content = "path,label\npictures/a0.png,auk\npictures/a1.png,bat\n"
    assert csv(path=write_csv(images, content.encode("utf-16")), size=8).classes == ("auk", "bat")


def test_csv_words_for_no_label(images: Path) -> None:
    content = "path,label\npictures/a0.png,none\npictures/a1.png,bat\npictures/a2.png,NA\n"
    assert csv(path=write_csv(images, content), size=8).classes == ("NA", "bat", "none")
    read = csv(path=write_csv(images, content), size=8, unlabelled=["NA"])
    assert read.classes == ("bat", "none") and read.train.y.tolist() == [1, 0, -1]
    read = csv(path=write_csv(images, content.replace("none", "0").replace("bat", "1")), size=8)
    assert read.classes == ("0", "1") and read.train.y.tolist() == [0, 1, -1]


def test_folders_without_labels(tmp_path: Path) -> None:
    flat, beside, alone = tmp_path / "flat", tmp_path / "beside", tmp_path / "alone"
    for place in (flat, beside / "a", beside / "unlabelled", beside / "z", alone / "unlabelled" / "deep"):
        for number in range(2):
            write_image(place / f"{number}.png", number)
    assert folder(path=str(flat), size=8).train.y.tolist() == [-1, -1]
    read = folder(path=str(beside), size=8)
    assert read.classes == ("a", "z") and read.train.y.tolist() == [0, 0, -1, -1, 1, 1]
    assert read.label_notes is not None
    assert read.label_notes.sentences == ("2 examples without a label: 2 'unlabelled'",)
    read = folder(path=str(beside), size=8, unlabelled=["a"])
    assert read.classes == ("unlabelled", "z") and read.train.y.tolist() == [-1, -1, 0, 0, 1, 1]
    assert folder(path=str(alone), size=8).classes == ()
    read = folder(path=str(flat), test=str(beside), size=8)
    assert read.classes == ("a", "z") and read.test is not None and read.test.y.tolist() == [0, 0, -1, -1, 1, 1]
    (tmp_path / "empty").mkdir()
    assert_refused(lambda: folder(path=str(tmp_path / "empty")), "empty", "no images")


def test_csv_test_split_from_a_column_or_a_second_file(images: Path) -> None:
    one = "path,label,split\npictures/a0.png,auk,train\npictures/a1.png,bat,Test\npictures/a2.png,crow,train\n"
    read = csv(path=write_csv(images, one), size=8)
    assert read.classes == ("auk", "bat", "crow") and read.test is not None
    assert (read.train.y.tolist(), read.test.y.tolist()) == ([0, 2], [1])
    assert_aligned(read.train)
    assert_aligned(read.test)
    assert csv(path=write_csv(images, one.replace("Test", "train")), size=8).test is None
    first = write_csv(images, "path,label\npictures/a0.png,auk\npictures/a2.png,crow\n")
    (images / "more").mkdir()
    second = write_csv(images, "path,label\n../pictures/a1.png,bat\n", "more/held.csv")
    read = csv(path=first, test=second, size=8)
    assert read.test is not None and read.classes == ("auk", "bat", "crow")
    assert_aligned(read.train)
    assert_aligned(read.test)


def test_csv_absolute_paths(images: Path) -> None:
    (images / "lists").mkdir()
    content = f"path,label\n{images}/pictures/a0.png,auk\n../pictures/a1.png,bat\n{images}/pictures/a7.png,bat\n"
    (images / "pictures" / "a7.png").write_bytes(b"")
    read = csv(path=write_csv(images / "lists", content), size=8, on_bad="skip")
    assert_aligned(read.train)
    assert len(read.skipped) == 1 and read.skipped[0].endswith("pictures/a7.png")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", ["first line is empty"]),
        (b"\xef\xbb\xbf", ["first line is empty"]),
        (b"path,label\n", ["has no examples"]),
        (b"path,label\n\n,\n", ["has no examples"]),
        (b"a.png,auk\n", ["'a.png,auk'", "no column path"]),
        (b"label\nauk\n", ["no column path"]),
        (b"path,label\npictures/a0.png,auk\npictures/a1.png\n", ["line 3", "1 fields below 2 columns"]),
        (b"path,label\npictures/a0.png,auk,or bat\n", ["line 2", "3 fields below 2 columns"]),
        (b'path,label\n"pictures/a0.png,auk\n', ["line 2", "unexpected end"]),
        (b'path,label\n"pictures/a0.png"x,auk\n', ["line 2", "expected after"]),
        (b"path,label\n,auk\n", ["line 2", "no path"]),
        (b"path,label\npictures/a0.png,auk\npictures/b9.png,auk\n", ["pictures/b9.png (line 3)", "on_bad: skip"]),
        (b"path,label\npictures,auk\n", ["pictures (line 2)"]),
        (b"path,label\npictures/\xe9t\xe9.png,auk\n", ["line 2", "not UTF-8"]),
        ("path,label\npictures/a0.png,auk\n".encode("utf-16-le"), ["not UTF-8", "zero bytes"]),
        (b"path,label,split\npictures/a0.png,auk,train\npictures/a1.png,auk,val\n", ["line 3", "split is 'val'"]),
        (b"path,label,split\npictures/a0.png,auk,\n", ["line 2", "split is ''"]),
        (b"path,label,split\npictures/a0.png,auk,test\n", ["no row has the split train"]),
        (
            b"path,label,split\npictures/a0.png,auk,train\npictures/../pictures/a0.png,auk,test\n",
            ["line 3", "is named before", "line 2)"],
        ),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), ["not UTF-8"]),
        (b"x" * 200_000, ["no column path"]),
        (b"path\npictures/a0.png 4\n", ["(line 2)", "write commas between paths and labels"]),
        (b"path,label\npictures\\a0.png,auk\n", ["(line 2)", "write / for \\ in the paths"]),
        (b"path,label\nhttps://birds.org/a0.png,auk\n", ["(line 2)", "download them"]),
        (b"path,label\n" + b"x" * 200_000 + b",auk\n", ["(line 2)", "on_bad: skip"]),
    ],
)
def test_csv_that_does_not_fit_is_named(images: Path, content: bytes, says: list[str]) -> None:
    path = write_csv(images, content)
    assert_refused(lambda: csv(path=path, size=8), path, *says)


def test_csv_with_two_ways_to_mark_the_test_split_is_refused(images: Path) -> None:
    marked = write_csv(images, "path,label,split\npictures/a0.png,auk,train\n")
    plain = write_csv(images, "path,label\npictures/a1.png,auk\n", "held.csv")
    assert_refused(lambda: csv(path=marked, test=plain, size=8), marked, "there are a `test` file and a column split")
    assert_refused(lambda: csv(path=plain, test=plain, size=8), plain, "line 2", "is named before")
    assert_refused(lambda: csv(path=str(images), size=8), str(images), "a folder, not a file")


def test_csv_images_that_are_bad_are_skipped_with_their_labels(images: Path) -> None:
    lines = "".join(f"pictures/a{i}.png,{i}\n" for i in range(8))
    (images / "pictures" / "a2.png").write_bytes(b"no image")
    (images / "pictures" / "a5.png").unlink()
    path = write_csv(images, "path,label\n" + lines)
    assert_refused(lambda: csv(path=path, size=8), path, "pictures/a5.png (line 7)")
    read = csv(path=path, size=8, on_bad="skip")
    assert read.skipped == ("pictures/a5.png", "pictures/a2.png")
    assert read.train.y.tolist() == [0, 1, 3, 4, 6, 7]
    assert_aligned(read.train)


def test_a_text_file_of_paths_is_a_list_without_labels(images: Path) -> None:
    read = csv(path=write_csv(images, "pictures/a1.png\n\npictures/a0.png\n", "list.txt"), size=8)
    assert read.train.y.tolist() == [-1, -1] and read.classes == ()
    assert read.label_notes is not None and read.label_notes.sentences == ("none of 2 examples has a label",)
    read = csv(path=write_csv(images, "path,label\npictures/a1.png,b\n", "table.txt"), size=8)
    assert read.classes == ("b",)
