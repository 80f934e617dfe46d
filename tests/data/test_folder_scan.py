"""Folders of a user's images: links, copies, and files that are none."""

from pathlib import Path

import numpy as np
import pytest
from image_folders import write_classes
from PIL import Image

from dann.data.datasets.own_arrays import from_arrays
from dann.data.datasets.own_images import folder
from dann.data.pair_builder import PairOptions, build_pair
from dann.errors import BadInput


def write_folder(root: Path, count: int = 12, shade: int = 0) -> Path:
    """Two classes of images that all differ."""
    for label, name in enumerate("ab"):
        (root / name).mkdir(parents=True)
        for i in range(count):
            Image.new("RGB", (8, 8), (i + shade, 100 * label, 7)).save(root / name / f"{i:02d}.png")
    return root


def test_links_to_folders_above_are_not_followed(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "s")
    for link, target in (("a/loop", ".."), ("b/above", "../.."), ("a/self", "."), ("c", "..")):
        (root / link).symlink_to(target)
    domain = folder(path=str(root), size=8)
    assert domain.train.y.bincount().tolist() == [12, 12] and domain.classes == ("a", "b")
    assert "4 links to a folder that holds them were not followed (a/loop, a/self, b/above, …)" in domain.notes[0]
    (tmp_path / "linked").symlink_to(root)
    assert len(folder(path=str(tmp_path / "linked"), size=8).train) == 24


def test_further_names_of_a_file_are_left_out(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "s")
    (root / "a" / "again.png").symlink_to("00.png")
    outside = write_folder(tmp_path / "more", shade=50)
    (root / "a" / "more").symlink_to(outside / "a")
    (root / "a" / "twice").symlink_to(outside / "a")
    domain = folder(path=str(root), size=8)
    assert domain.train.y.bincount().tolist() == [24, 12]
    assert "2 further names of the same files were left out (a/again.png, a/twice)" in domain.notes[0]


@pytest.mark.parametrize(("link", "target"), [("a/x.png", "../b/01.png"), ("a/bb", "../b"), ("c", "b")])
def test_one_file_under_two_labels_is_refused(tmp_path: Path, link: str, target: str) -> None:
    root = write_folder(tmp_path / "s")
    (root / link).symlink_to(target)
    with pytest.raises(BadInput, match=r"the same file as .*, by a link, under another label .*: remove one"):
        folder(path=str(root), size=8)


def test_other_files_are_counted_and_those_of_systems_are_not(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "s")
    for name in ("a/notes.txt", "a/more.txt", "b/x.psd", "stray.png"):
        (root / name).write_bytes((root / "a" / "00.png").read_bytes())
    (root / "__MACOSX").mkdir()
    for name in ("__MACOSX/._00.png", "a/._00.png", "a/Thumbs.db", "b/.DS_Store"):
        (root / name).write_bytes(b"x")
    domain = folder(path=str(root), size=8)
    assert len(domain.train) == 24 and domain.classes == ("a", "b")
    assert domain.notes == (
        "s: 3 other files were ignored (2 .txt, 1 .psd)",
        "s: 1 images beside the class folders are not read",
    )


def test_examples_of_training_and_test_are_compared(tmp_path: Path) -> None:
    source, held = write_folder(tmp_path / "s"), write_folder(tmp_path / "held", count=6, shade=100)
    (held / "a" / "copy.png").write_bytes((source / "a" / "03.png").read_bytes())
    (held / "b" / "link.png").symlink_to(source / "b" / "04.png")
    domain = folder(path=str(source), test=str(held), size=8)
    assert domain.notes == ("1 files are in training and in test, by links: remove them from one of the two",)
    target = folder(path=str(write_classes(tmp_path / "t", "ab", count=8)), size=8)
    notes = build_pair([domain], target, PairOptions()).describe()["notes"]
    assert any("2 of 14 source test examples are identical to labelled training examples" in note for note in notes)
    # The two classes of the target have one colour each, so every test example is one of training.
    assert any("3 of 3 target test examples are identical to the target's training" in note for note in notes)


def test_different_examples_are_not_remarked_on() -> None:
    random = np.random.default_rng(0)
    one, other = (from_arrays(name, random.normal(size=(40, 3)), np.arange(40) % 2) for name in ("one", "other"))
    assert "notes" not in build_pair([one], other, PairOptions()).describe()
    assert "notes" not in build_pair([one], other, PairOptions(transductive=True)).describe()
